"""Do components come back when the model is fitted again, from another seed or on another fold?

Fits are matched to a reference fit by latents and directions, and order, sign and scale
are removed. The congruence of a matched pair is the product of the two cosines that are
evidence: that of the latents (centred, over trials and times) and that of the directions
in neuron space. The uncentred cosine of trial factors is not one of them: any two
positive factors have one near 1. How well trial factors come back is reported apart, as
their centred correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from ltr.analysis.identifiability import Components, RecoveryScores, compare
from ltr.errors import RecordingError, SettingsError

FAIR, EQUAL = 0.85, 0.95  # Lorenzo-Seva and ten Berge (2006): fair similarity, and considered equal
RETURNING_SHARE = 0.8  # a component returns if it comes back in this share of the other fits
STABLE_COSINE, STABLE_R2 = 0.95, 0.9  # a span comes back if it reaches both
ROUNDING = 1e-6  # of factors in single precision
MEASURES = ("congruence", "latent_corr", "column_cos", "trial_corr")


@dataclass(frozen=True, eq=False)
class FittedComponents:
    """What is compared of one fit.

    Attributes:
        fold: which fold it was trained without.
        seed: of the fit.
        trial_factor: weight of each component on each trial.
        latent: kappa, on all trials or on the same few of every fit.
        data_column: direction of each latent in neuron space.
    """

    fold: int
    seed: int
    trial_factor: Float[np.ndarray, "trial rank"]
    latent: Float[np.ndarray, "some_trial time rank"]
    data_column: Float[np.ndarray, "neuron rank"]


@dataclass(frozen=True, eq=False)
class Stability:
    """How the components of the reference fit come back in the others.

    Attributes:
        pairs: one row per other fit and component of the reference (``component``, from 0): ``fit`` (position in
            the list), ``fold``, ``seed``, ``over`` ("seed" for the reference's fold, else "fold"), ``partner``
            (-1 for none), and the measures ``congruence``, ``latent_corr``, ``column_cos`` (all absolute) and
            ``trial_corr`` (centred, both means made positive); NaN without a partner or variation.
        components: one row per component: ``component``; of each measure ``_median``, ``_low`` and ``_high`` over
            the other fits; ``fair`` and ``equal`` (shares of fits with a congruence of at least 0.85 and 0.95),
            ``fair_seed`` and ``fair_fold`` (the first over either kind of fit; NaN without any), and ``returns``
            (``fair`` is at least 0.8).
        spans: one row per other fit: ``fit``, ``fold``, ``seed``, ``over``, ``subspace_cos`` (the smallest cosine
            of a principal angle between the spans of the directions), ``latent_r2`` and ``stable`` (at least
            0.95 and 0.9).
        reference_factor: trial factors of the reference, positive mean, root mean square 1.
        matched_factor: trial factors of the other fits in the reference's order, likewise; NaN without partner.
        sentence: what follows, in words.
    """

    pairs: pd.DataFrame
    components: pd.DataFrame
    spans: pd.DataFrame
    reference_factor: Float[np.ndarray, "trial rank"]
    matched_factor: Float[np.ndarray, "fit trial rank"]
    sentence: str

    @property
    def span_returns(self) -> bool:
        """The span is stable in at least 80 % of the other fits."""
        return bool(len(self.spans) and self.spans["stable"].mean() >= RETURNING_SHARE)


def analyse_stability(fits: Sequence[FittedComponents], reference: int = 0) -> Stability:
    """Match every fit to the reference and measure what comes back.

    Args:
        fits: of the same recording and, usually, the same configuration.
        reference: position of the fit whose components are followed.

    Raises:
        SettingsError: there is no such fit.
        RecordingError: two fits differ in trials, times or neurons.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> factor, latent, column = rng.uniform(1, 2, (9, 2)), rng.normal(size=(9, 5, 2)), rng.normal(size=(6, 2))
        >>> first = FittedComponents(0, 0, factor, latent, column)
        >>> second = FittedComponents(0, 1, factor[:, ::-1], -2 * latent[..., ::-1], -column[:, ::-1])
        >>> analyse_stability([first, second]).components["returns"].tolist()
        [True, True]
    """
    if not 0 <= reference < len(fits):
        raise SettingsError(
            f"reference {reference} is not one of {len(fits)} fits.",
            allowed=f"0 to {len(fits) - 1}" if fits else "at least one fit",
            fix="give the position of a fit in the list",
        )
    home = fits[reference]
    rank = home.data_column.shape[1]
    pairs, spans, factors = [], [], []
    for number, fit in enumerate(fits):
        if number == reference:
            continue
        scores = _scores(home, fit)
        which = {"fit": number, "fold": fit.fold, "seed": fit.seed, "over": "seed" if fit.fold == home.fold else "fold"}
        matched = _matched_factors(fit.trial_factor, scores.partner)
        factors.append(matched)
        smallest = float(scores.subspace_cos.min(initial=1.0))
        stable = smallest >= STABLE_COSINE and scores.latent_r2 >= STABLE_R2
        spans.append(which | {"subspace_cos": smallest, "latent_r2": scores.latent_r2, "stable": bool(stable)})
        for component in range(rank):
            pairs.append(
                which
                | {
                    "component": component,
                    "partner": int(scores.partner[component]),
                    "congruence": float(scores.kappa_corr[component] * scores.column_cos[component]),
                    "latent_corr": float(scores.kappa_corr[component]),
                    "column_cos": float(scores.column_cos[component]),
                    "trial_corr": _correlation(home.trial_factor[:, component], matched[:, component]),
                }
            )
    columns = ["fit", "fold", "seed", "over"]
    pair_table = pd.DataFrame(pairs, columns=[*columns, "component", "partner", *MEASURES])
    span_table = pd.DataFrame(spans, columns=[*columns, "subspace_cos", "latent_r2", "stable"])
    components = pd.DataFrame([_summary(component, pair_table) for component in range(rank)])
    return Stability(
        pairs=pair_table,
        components=components,
        spans=span_table,
        reference_factor=_matched_factors(home.trial_factor, np.arange(rank)),
        matched_factor=np.stack(factors) if factors else np.zeros((0, *home.trial_factor.shape)),
        sentence=_sentence(components, pair_table, span_table),
    )


def _scores(home: FittedComponents, fit: FittedComponents) -> RecoveryScores:
    if home.trial_factor.shape[0] != fit.trial_factor.shape[0]:
        raise RecordingError(
            f"fits differ in trials: {home.trial_factor.shape[0]} and {fit.trial_factor.shape[0]}.",
            allowed="fits of the same trials, times and neurons",
            fix="select the trials that both have",
        )
    return compare(_without_trials(home), _without_trials(fit))


def _without_trials(fit: FittedComponents) -> Components:
    """For the comparison of latents and directions; trial factors, which may be of more trials, are compared here."""
    trials, times, rank = fit.latent.shape
    return Components(
        trial_factor=np.zeros((trials, rank)),
        latent=fit.latent,
        data_column=fit.data_column,
        prediction=np.broadcast_to(0.0, (trials, times, fit.data_column.shape[0])),
    )


def _matched_factors(factor: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Columns in the order of ``partner``, positive mean, root mean square 1; NaN where it is -1."""
    size = np.sqrt(np.mean(factor**2, axis=0))
    unit = factor / np.where(size > 0, size, 1.0) * np.where(factor.mean(axis=0) < 0, -1.0, 1.0)
    return np.where(partner >= 0, unit[:, partner], np.nan)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two factors with positive means; NaN if one is constant or missing."""
    first, second = first.astype(float), second.astype(float)
    if not all(np.ptp(values) > ROUNDING * np.abs(values).max() for values in (first, second)):
        return float("nan")
    sign = -1.0 if first.mean() < 0 else 1.0
    return float(sign * np.corrcoef(first, second)[0, 1])


def _summary(component: int, pairs: pd.DataFrame) -> dict[str, object]:
    mine = pairs[pairs["component"] == component]
    found: dict[str, object] = {"component": component}
    for name in MEASURES:
        found[f"{name}_median"] = float(mine[name].median())
        found[f"{name}_low"], found[f"{name}_high"] = float(mine[name].min()), float(mine[name].max())
    fair = mine["congruence"] >= FAIR
    share = float(fair.mean())
    found |= {"fair": share, "equal": float((mine["congruence"] >= EQUAL).mean())}
    found |= {f"fair_{over}": float(fair[mine["over"] == over].mean()) for over in ("seed", "fold")}
    return found | {"returns": share >= RETURNING_SHARE}


def _sentence(components: pd.DataFrame, pairs: pd.DataFrame, spans: pd.DataFrame) -> str:
    if spans.empty:
        return "There is one fit only, so it cannot be said whether its components come back."
    rank, fits = len(components), len(spans)
    others = f"{fits} other fits" if fits > 1 else "one other fit"
    found = components[components["returns"]]
    lost = components[~components["returns"]]
    which = "Its only component comes" if rank == 1 else f"All {rank} components come"
    if lost.empty:
        low = components["congruence_median"].min()
        text = f"{which} back in the {others} (median congruence {low:.2f}{' or more' if rank > 1 else ''})."
    elif found.empty:
        text = f"{'Its only component does' if rank == 1 else f'None of the {rank} components does'} not come back"
        text = text.replace("does not come", "comes") if rank > 1 else text
        text += f" in the {others} (congruence of {FAIR:g} in {RETURNING_SHARE:.0%} of them is asked for)."
    else:
        text = f"{_listed(found)} of {rank} {'comes' if len(found) == 1 else 'come'} back in the {others};"
        text += f" {_listed(lost).lower()} {'does' if len(lost) == 1 else 'do'} not"
        text += f" (best median congruence {lost['congruence_median'].max():.2f})."
    text += _of_factors(found) + _of_span(spans, whole=lost.empty, rank=rank)
    return text + _of_seeds(components, pairs)


def _listed(components: pd.DataFrame) -> str:
    numbers = [str(number + 1) for number in components["component"]]
    if len(numbers) == 1:
        return f"Component {numbers[0]}"
    return f"Components {', '.join(numbers[:-1])} and {numbers[-1]}"


def _of_factors(found: pd.DataFrame) -> str:
    """How well trial factors of components that return agree."""
    medians = found["trial_corr_median"].dropna()
    if medians.empty:
        return ""
    low, high = f"{medians.min():.2f}", f"{medians.max():.2f}"
    between = low if low == high else f"{low} to {high}"
    return f" Trial factors of what comes back correlate with those of the reference by {between} (medians)."


def _of_span(spans: pd.DataFrame, *, whole: bool, rank: int) -> str:
    if rank == 1 or (whole and spans["stable"].all()):
        return ""
    numbers = (
        f"smallest cosine {spans['subspace_cos'].median():.2f}, latent R2 {spans['latent_r2'].median():.2f}, medians"
    )
    if spans["stable"].mean() >= RETURNING_SHARE:
        if whole:
            return f" The span they share is stable ({numbers})."
        return (
            f" The span of all components is stable ({numbers}): what they describe together can be read, the ones"
            " that do not come back cannot be read one by one."
        )
    return (
        f" The span of all components is not stable either ({numbers})."
        if not whole
        else (f" Yet the span of all components is not stable ({numbers}).")
    )


def _of_seeds(components: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """Whether it is the optimisation or the data that makes components differ."""
    if set(pairs["over"]) != {"seed", "fold"} or components["returns"].all():
        return ""
    seed, fold = components["fair_seed"].mean(), components["fair_fold"].mean()
    if abs(seed - fold) < 0.2:
        return (
            " They differ as much between seeds on the same data as between folds: optimisation ends in several places."
        )
    if seed > fold:
        return " They come back between seeds on the same data more than between folds: the data do not fix them."
    return " They come back between folds more than between seeds of the reference's fold."
