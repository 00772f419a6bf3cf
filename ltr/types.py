"""Axis names and array types, the one vocabulary of every signature.

``trial``, ``time``, ``neuron`` (recorded), ``unit`` (of the network), ``rank``
(components), ``state`` (reduced coordinates: rank, then free inputs),
``condition``, ``input``. Activity is always trial x time x neuron. Torch's own
type is imported from torch, so that figures and readers do not load it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact, Int, Real, UInt8

Array = np.ndarray

__all__ = ["Array", "Bool", "Complex", "Float", "Inexact", "Int", "Real", "UInt8"]
