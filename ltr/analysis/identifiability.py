"""What a fit can identify, and how close two models are once the symmetries are undone.

Activity alone identifies components up to order, sign and one scale each, and only if
no two trial factors are proportional, the drives of the components are linearly
independent on the visited states, and no component is negligible. The gates here
measure these conditions; the scores compare two models in quantities that do not
depend on the symmetries. Pure functions of arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import orth
from scipy.optimize import linear_sum_assignment

from ltr.errors import RecordingError

MIN_KRUSKAL_MARGIN = 0.15
MAX_FIELD_CONDITION = 30.0
MIN_LATENT_SHARE = 0.1
FLAT = 1e-12  # a series varies if its sd exceeds this share of its rms; below is rounding


@dataclass(frozen=True, eq=False)
class Gates:
    """Whether components, not only their span, can be expected to be identified.

    Attributes:
        kruskal_margin: see :func:`kruskal_margin`; 0.15 or more passes.
        field_condition: see :func:`field_condition`; 30 or less passes.
        latent_share: see :func:`latent_share`; 0.1 or more of every component passes.
        min_kruskal_margin, max_field_condition, min_latent_share: the thresholds.
    """

    kruskal_margin: float
    field_condition: float
    latent_share: Float[np.ndarray, " rank"]
    min_kruskal_margin: float = MIN_KRUSKAL_MARGIN
    max_field_condition: float = MAX_FIELD_CONDITION
    min_latent_share: float = MIN_LATENT_SHARE

    @property
    def passed(self) -> bool:
        """True if all three conditions hold."""
        return bool(
            self.kruskal_margin >= self.min_kruskal_margin
            and self.field_condition <= self.max_field_condition
            and self.latent_share.min() >= self.min_latent_share
        )


@dataclass(frozen=True, eq=False)
class Components:
    """The parts of a model that two models of the same data can be compared in.

    Attributes:
        trial_factor: weight of each component on each trial.
        latent: kappa, the coordinates of the state along the columns.
        data_column: mean of M diag(phi') A, the direction of each latent in neuron space.
        prediction: the model's activity without noise.
    """

    trial_factor: Float[np.ndarray, "trial rank"]
    latent: Float[np.ndarray, "trial time rank"]
    data_column: Float[np.ndarray, "neuron rank"]
    prediction: Float[np.ndarray, "trial time neuron"]


@dataclass(frozen=True, eq=False)
class RecoveryScores:
    """How well a student found a teacher; all but ``clean_nmse`` are blind to order, sign and scale.

    Arrays over ``rank`` follow the teacher's components; NaN where a component has no
    partner in the student, or is constant where a correlation is asked for.

    Attributes:
        partner: the student's component for each of the teacher's, -1 for none.
        kappa_corr: absolute correlation of latents over trials and times.
        column_cos: absolute cosine of the directions in neuron space.
        trial_corr: centred correlation of trial factors, signs set so that both means are positive.
        modulation_ratio: sd / mean of the student's trial factor over that of the teacher's.
        subspace_cos: see :func:`subspace_cosines`.
        latent_r2: see :func:`latent_r2`.
        clean_nmse: mean squared difference of the predictions over the variance of the teacher's.
        unmatched_share: share of the student's latent variance in components without a partner.
    """

    partner: Int[np.ndarray, " rank"]
    kappa_corr: Float[np.ndarray, " rank"]
    column_cos: Float[np.ndarray, " rank"]
    trial_corr: Float[np.ndarray, " rank"]
    modulation_ratio: Float[np.ndarray, " rank"]
    subspace_cos: Float[np.ndarray, " direction"]
    latent_r2: float
    clean_nmse: float
    unmatched_share: float


def kruskal_margin(trial_factors: Float[np.ndarray, "trial rank"]) -> float:
    """Smallest sine of the angle between two uncentred trial factors.

    Zero means that two components change in proportion over trials, so that any mixture
    of them explains the data as well (Kruskal's condition with independent columns and
    rows; supplement A.2). A factor that is zero throughout gives 0.

    Args:
        trial_factors: one column per component.

    Returns:
        A number from 0 to 1; 1 for a single component, which has nothing to mix with.

    Example:
        >>> kruskal_margin(np.array([[1.0, 0.0], [0.0, 2.0]]))
        1.0
    """
    norms = np.linalg.norm(trial_factors, axis=0)
    if (norms == 0).any():
        return 0.0
    unit = trial_factors / norms
    margin = 1.0
    for first in range(unit.shape[1]):
        for second in range(first + 1, unit.shape[1]):
            # the residual keeps full precision near 0, where sqrt(1 - cos^2) loses half the digits
            residual = unit[:, second] - (unit[:, first] @ unit[:, second]) * unit[:, first]
            margin = min(margin, float(np.linalg.norm(residual)))
    return margin


def field_condition(drives: Float[np.ndarray, "trial time rank"]) -> float:
    """Condition number of the correlation matrix of the drives over trials and times.

    Args:
        drives: F_r = b_r . phi(A kappa), what each component's row reads out.

    Returns:
        1 for uncorrelated drives or a single one; infinite if a drive is constant or a
        linear combination of the others.
    """
    flat = drives.reshape(-1, drives.shape[-1])
    if not _varies(flat).all():
        return float("inf")
    singular = np.linalg.svd(_standardised(flat), compute_uv=False)
    # eigenvalues of the correlation matrix are squared singular values of the standardised series
    floor = singular[0] * np.finfo(float).eps * max(flat.shape)
    return float((singular[0] / singular[-1]) ** 2) if len(singular) and singular[-1] > floor else float("inf")


def latent_share(latents: Float[np.ndarray, "trial time rank"]) -> Float[np.ndarray, " rank"]:
    """Each component's share of the latent variance over trials and times.

    Args:
        latents: kappa.

    Returns:
        Shares that sum to 1; all zero if nothing varies.

    Example:
        >>> latent_share(np.array([[[0.0, 0.0], [2.0, 1.0]]])).tolist()
        [0.8, 0.2]
    """
    variance = latents.var(axis=(0, 1))
    total = variance.sum()
    return variance / total if total > 0 else np.zeros_like(variance)


def gates(
    trial_factors: Float[np.ndarray, "trial rank"],
    drives: Float[np.ndarray, "trial time rank"],
    latents: Float[np.ndarray, "trial time rank"],
) -> Gates:
    """Measure the three conditions under which components are identified.

    Args:
        trial_factors: weight of each component on each trial.
        drives: F_r = b_r . phi(A kappa).
        latents: kappa.
    """
    return Gates(kruskal_margin(trial_factors), field_condition(drives), latent_share(latents))


def subspace_cosines(
    teacher_column: Float[np.ndarray, "neuron rank"], student_column: Float[np.ndarray, "neuron other"]
) -> Float[np.ndarray, " direction"]:
    """Cosines of the principal angles between two spans in neuron space, largest first.

    Returns:
        One for each dimension of the teacher's span, 1 where the student's span contains
        it; a student with fewer dimensions leaves zeros.
    """
    teacher_basis, student_basis = orth(teacher_column), orth(student_column)
    cosines = np.zeros(teacher_basis.shape[1])
    if student_basis.shape[1]:
        found = np.linalg.svd(teacher_basis.T @ student_basis, compute_uv=False)
        cosines[: len(found)] = np.minimum(found, 1.0)  # rounding can exceed 1
    return cosines


def latent_r2(
    teacher_latent: Float[np.ndarray, "trial time rank"], student_latent: Float[np.ndarray, "trial time other"]
) -> float:
    """Share of the teacher's latent variance that is linear in the student's latents.

    Ordinary least squares with intercept, pooled over components; it needs the span
    only, not the components.
    """
    target = teacher_latent.reshape(-1, teacher_latent.shape[-1])
    target = target - target.mean(axis=0)
    source = student_latent.reshape(-1, student_latent.shape[-1])
    source = source - source.mean(axis=0)  # centring both is the intercept
    weights = np.linalg.lstsq(source, target, rcond=None)[0]
    total = (target**2).sum()
    return float(1.0 - ((target - source @ weights) ** 2).sum() / total) if total > 0 else float("nan")


def match_components(teacher: Components, student: Components) -> Int[np.ndarray, " rank"]:
    """Pair components by latents and directions (Hungarian algorithm).

    The score of a pair is |correlation of latents| x |cosine of data columns|; trial
    factors are not used, so that they can be judged afterwards.

    Returns:
        The student's component for each of the teacher's, -1 for none (a student of lower rank).
    """
    score = np.abs(_latent_correlation(teacher, student)) * np.abs(_column_cosine(teacher, student))
    rows, columns = linear_sum_assignment(-score)
    partner = np.full(score.shape[0], -1)
    partner[rows] = columns
    return partner


def compare(teacher: Components, student: Components) -> RecoveryScores:
    """Score a student against a teacher on the same trials, times and neurons.

    Raises:
        RecordingError: the two do not describe the same trials, times and neurons.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shapes = (5, 2), (5, 4, 2), (3, 2), (5, 4, 3)
        >>> model = Components(*(rng.normal(size=shape) for shape in shapes))
        >>> compare(model, model).partner.tolist()
        [0, 1]
    """
    _check_same_data(teacher, student)
    partner = match_components(teacher, student)
    found = np.flatnonzero(partner >= 0)
    pairs = found, partner[found]

    def per_component(values: np.ndarray) -> np.ndarray:
        result = np.full(len(partner), np.nan)
        result[found] = values
        return result

    constant = ~_varies(teacher.latent.reshape(-1, len(partner)))
    kappa_corr = per_component(np.abs(_latent_correlation(teacher, student))[pairs])
    kappa_corr[constant] = np.nan
    teacher_factor, student_factor = teacher.trial_factor[:, pairs[0]], student.trial_factor[:, pairs[1]]
    extra = np.setdiff1d(np.arange(student.latent.shape[-1]), partner)
    variance = teacher.prediction.var()
    error = np.mean((student.prediction - teacher.prediction) ** 2)
    return RecoveryScores(
        partner=partner,
        kappa_corr=kappa_corr,
        column_cos=per_component(np.abs(_column_cosine(teacher, student))[pairs]),
        trial_corr=per_component(_trial_correlation(teacher_factor, student_factor)),
        modulation_ratio=per_component(_divide(_modulation(student_factor), _modulation(teacher_factor))),
        subspace_cos=subspace_cosines(teacher.data_column, student.data_column),
        latent_r2=latent_r2(teacher.latent, student.latent),
        clean_nmse=float(error / variance) if variance > 0 else float("nan"),
        unmatched_share=float(latent_share(student.latent)[extra].sum()),
    )


def _check_same_data(teacher: Components, student: Components) -> None:
    pairs = {
        "trials": (teacher.trial_factor.shape[0], student.trial_factor.shape[0]),
        "trials and times of the latents": (teacher.latent.shape[:2], student.latent.shape[:2]),
        "neurons": (teacher.data_column.shape[0], student.data_column.shape[0]),
        "shape of the predictions": (teacher.prediction.shape, student.prediction.shape),
    }
    for name, (expected, given) in pairs.items():
        if expected != given:
            raise RecordingError(
                f"teacher and student differ in {name}: {expected} and {given}.",
                allowed="two models of the same trials, times and neurons",
                fix="select the trials and times that both have",
            )


def _varies(series: np.ndarray) -> np.ndarray:
    return series.std(axis=0) > FLAT * np.sqrt(np.mean(series**2, axis=0))


def _standardised(series: np.ndarray) -> np.ndarray:
    """Centred columns of norm 1; constant columns become zero, so that they correlate with nothing."""
    centred = (series - series.mean(axis=0)) * _varies(series)
    norm = np.linalg.norm(centred, axis=0)
    return centred / np.where(norm > 0, norm, 1.0)


def _latent_correlation(teacher: Components, student: Components) -> np.ndarray:
    series = [_standardised(model.latent.reshape(-1, model.latent.shape[-1])) for model in (teacher, student)]
    return series[0].T @ series[1]


def _column_cosine(teacher: Components, student: Components) -> np.ndarray:
    unit = []
    for model in (teacher, student):
        norm = np.linalg.norm(model.data_column, axis=0)
        unit.append(model.data_column / np.where(norm > 0, norm, 1.0))
    return unit[0].T @ unit[1]


def _trial_correlation(teacher_factor: np.ndarray, student_factor: np.ndarray) -> np.ndarray:
    # the sign of a trial factor is free, together with that of its row: means are made positive
    signs = np.where(teacher_factor.mean(axis=0) < 0, -1.0, 1.0) * np.where(student_factor.mean(axis=0) < 0, -1.0, 1.0)
    correlation = signs * (_standardised(teacher_factor) * _standardised(student_factor)).sum(axis=0)
    return np.where(_varies(teacher_factor) & _varies(student_factor), correlation, np.nan)


def _modulation(factor: np.ndarray) -> np.ndarray:
    return _divide(factor.std(axis=0) * _varies(factor), np.abs(factor.mean(axis=0)))


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient; NaN where the denominator is zero, without a warning."""
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)
