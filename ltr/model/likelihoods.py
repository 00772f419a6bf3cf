"""Gaussian and Poisson likelihoods over entries with masks: losses, scores, null models, sampling.

Losses are means over kept entries, so that penalties do not depend
on the size of the data. Supplement A.1.1 (squared error) and A.1.2 (Poisson).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ltr.model.readout import log_link_
from ltr.types import Array, Bool, Float

SMALLEST_RATE = 1e-9  # expected count per bin of a neuron that was silent in training


def squared_terms(prediction: Tensor, activity: Tensor) -> Tensor:
    """Squared error of every entry."""
    return (prediction - activity) ** 2


def poisson_terms(log_rate: Tensor, counts: Tensor) -> Tensor:
    """rate - count log(rate) of every entry: the negative log-likelihood up to log y!."""
    return torch.exp(log_rate) - counts * log_rate


@runtime_checkable
class Residual(Protocol):
    """A likelihood on the way through a network: sums up the loss, and turns readouts into its derivatives.

    Everything happens in memory that is there already; fresh memory would cost more than the arithmetic.
    """

    def __call__(
        self,
        output: Float[Tensor, "*model trial neuron"],
        activity: Float[Tensor, "*model trial neuron"],
        mask: Float[Tensor, "*model trial neuron"],
        log_gain: Float[Tensor, "*model neuron"] | None,
        scratch: Sequence[Tensor],
    ) -> tuple[Float[Tensor, " *model"], Float[Tensor, "*model neuron"] | None]:
        """Sum of the loss over entries where ``mask`` is 1, and its derivative by ``log_gain`` (None without one).

        Args:
            output: the readout of some bins, one after the other, overwritten with the derivative of the sum.
            activity: what was measured.
            mask: 1 or 0.
            log_gain: logarithm of a gain per neuron.
            scratch: three arrays of the same shape, overwritten.
        """
        ...


def gaussian_residual(
    output: Tensor, activity: Tensor, mask: Tensor, log_gain: Tensor | None, scratch: Sequence[Tensor]
) -> tuple[Tensor, Tensor | None]:
    """:class:`Residual` of the squared error."""
    del scratch
    assert log_gain is None
    flat = output.sub_(activity).mul_(mask).flatten(-2)
    total = torch.linalg.vecdot(flat, flat)
    output.mul_(2)
    return total, None


def poisson_residual(
    output: Tensor, activity: Tensor, mask: Tensor, log_gain: Tensor | None, scratch: Sequence[Tensor], *, link: str
) -> tuple[Tensor, Tensor | None]:
    """:class:`Residual` of rate - count log(rate), with rate = gain softplus(z) or exp(z)."""
    slope, rate, terms = scratch
    log_rate = log_link_(output, link, slope, terms)
    if log_gain is not None:
        log_rate += log_gain[..., None, :]
    torch.exp(log_rate, out=rate)
    torch.sub(rate, torch.mul(activity, log_rate, out=terms), out=terms)
    total = torch.linalg.vecdot(terms.flatten(-2), mask.flatten(-2))
    at_log_rate = rate.sub_(activity).mul_(mask)
    if link == "exp":
        output.copy_(at_log_rate)
    else:
        torch.mul(at_log_rate, slope, out=output)
    return total, None if log_gain is None else at_log_rate.sum(-2)


def poisson_log_probability(rate: Float[Array, ...], counts: Array) -> Float[Array, ...]:
    """log P(count | rate), with the constant; -infinity for a count at rate 0.

    Example:
        >>> float(poisson_log_probability(np.array(2.0), np.array(0)))
        -2.0
    """
    from scipy.special import gammaln, xlogy

    return xlogy(counts, rate) - rate - gammaln(np.asarray(counts) + 1.0)


def neuron_means(
    activity: Float[Array, "trial time neuron"], mask: Bool[Array, "trial time neuron"]
) -> Float[Array, " neuron"]:
    """Mean of each neuron over kept entries: the null model of every score."""
    kept = np.asarray(mask, dtype=bool)
    total = kept.sum((0, 1))
    # a neuron without a single training entry falls back on the mean of all
    overall = float(activity[kept].mean()) if kept.any() else math.nan
    return np.where(total > 0, np.where(kept, activity, 0.0).sum((0, 1)) / np.maximum(total, 1), overall)


def variance_explained(prediction: Array, activity: Array, mask: Array, means: Float[Array, " neuron"]) -> float:
    """1 - squared error of the prediction / squared error of each neuron's training mean, over masked entries.

    NaN when the mask is empty or the activity does not vary in it.
    """
    kept = np.asarray(mask, dtype=bool)
    residual = np.where(kept, activity - prediction, 0.0)
    null = np.where(kept, activity - means, 0.0)
    denominator = float((null**2).sum())
    return 1 - float((residual**2).sum()) / denominator if denominator > 0 else math.nan


def bits_per_spike(rate: Array, counts: Array, mask: Array, means: Float[Array, " neuron"]) -> float:
    """(log L(rate) - log L(mean)) / (spikes log 2) over masked entries, as the Neural Latents Benchmark defines it.

    Args:
        rate: expected counts, trial x time x neuron.
        counts: observed counts.
        mask: True where scored.
        means: each neuron's mean count over training entries, the null model. The benchmark itself takes the mean
            over scored entries: :func:`co_smoothing`.

    Returns:
        Bits per spike; NaN when no spike is scored, -infinity when a spike fell where the rate is 0.
    """
    kept = np.asarray(mask, dtype=bool)
    null = np.broadcast_to(np.maximum(means, SMALLEST_RATE), counts.shape)[kept]
    observed, expected = counts[kept], rate[kept]
    spikes = float(observed.sum())
    if spikes == 0:
        return math.nan
    # log y! cancels; entries without spikes need no logarithm
    fired = observed > 0
    if (expected[fired] <= 0).any():
        return -math.inf
    gain = (observed[fired] * np.log(expected[fired] / null[fired])).sum() - (expected - null).sum()
    return float(gain / (spikes * math.log(2)))


def co_smoothing(rate: Array, counts: Array, mask: Array) -> float:
    """Bits per spike with the null model of the Neural Latents Benchmark (Pei, Ye et al. 2021).

    The null rate of a neuron is its mean count per bin over the masked entries themselves, the best constant there
    is. It cannot be known from training entries, so this is never above :func:`bits_per_spike` with training means.

    Args:
        rate: expected counts, trial x time x neuron.
        counts: observed counts.
        mask: True where scored.

    Returns:
        Bits per spike; NaN when no spike is scored, -infinity when a spike fell where the rate is 0.

    Example:
        >>> counts = np.array([[[0.0], [2.0]]])
        >>> round(co_smoothing(counts + 0.5, counts, counts >= 0), 6)  # null rate 1: log2(2.5) - 0.5 / log(2)
        0.600581
    """
    return bits_per_spike(rate, counts, mask, neuron_means(counts, mask))


def poisson_deviance(rate: Float[Array, ...], counts: Array) -> float:
    """2 sum(y log(y / rate) - y + rate): twice what the log-likelihood lacks to that of rates equal to the counts.

    Infinity where a spike fell at rate 0.

    Example:
        >>> poisson_deviance(np.array([2.0, 1.0]), np.array([0.0, 1.0]))
        4.0
    """
    from scipy.special import kl_div

    return 2 * float(kl_div(counts, rate).sum())


def normalised_deviance(rate: Array, counts: Array, mask: Array, means: Float[Array, " neuron"]) -> float:
    """Deviance of the rates over that of each neuron's training mean, over masked entries: 1 is no better than it.

    NaN when the mask is empty, or holds only neurons that never fired.
    """
    kept = np.asarray(mask, dtype=bool)
    observed = counts[kept]
    null = np.broadcast_to(means, counts.shape)[kept]
    # the first spike of a neuron that was silent in training would make the null model infinitely bad
    null = np.where(observed > 0, np.maximum(null, SMALLEST_RATE), null)
    denominator = poisson_deviance(null, observed)
    return poisson_deviance(rate[kept], observed) / denominator if denominator > 0 else math.nan
