"""Axis names and array types, the one vocabulary of every signature.

``trial``, ``time``, ``neuron`` (recorded), ``unit`` (of the network), ``rank``
(components), ``state`` (reduced coordinates: rank, then free inputs),
``condition``, ``input``. Activity is always trial x time x neuron.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

Array = np.ndarray

__all__ = ["Array", "Bool", "Float", "Int", "Tensor"]
