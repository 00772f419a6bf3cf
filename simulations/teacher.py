"""Low-tensor-rank networks with chosen trial factors: known truth to test recovery against.

A teacher is autonomous; conditions differ in their initial state, which lies in the
span of the columns, so that the state stays x = A kappa and only kappa is integrated:

    tau kappa' = -kappa + c_k * B^T tanh(A kappa)

Only some networks can be recovered component by component (see
:mod:`ltr.analysis.identifiability`), so teachers are drawn until one can. The
integrator is independent of the one that fits use.

References:
    Pellegrino, Cayco-Gajic and Chadwick (2023), supplement A.1 and A.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter1d

from ltr.analysis.identifiability import Components, Gates, gates
from ltr.datasets.array_files import write_array_file
from ltr.recording import Recording
from ltr.simulations.observe import draw_tuning, drop_trials, firing_rates
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.truth_files import check_free, truth_path, write_with_truth

MAX_FIELD_CONDITION = 10.0  # a third of what passes the gate: recovery fails on many teachers near 30
MIN_LATENT_SHARE = 0.12
SCAN_STEP = 0.2  # time constants; coarse, to choose among candidates
FINAL_STEP = 0.05  # RK4 error far below any observation noise
MIN_FINAL_ACTIVITY = 0.3  # rms latent at the end over that at the start; less is a network that falls silent
ROW_NOISE = 0.5  # norm of the part of a row outside the span of the columns, relative to the part inside
INITIAL_SPREAD = 0.8  # rms of the initial state per unit


@dataclass(frozen=True, eq=False)
class Network:
    """Parameters of a teacher.

    Attributes:
        column, row: A and B, columns of unit norm.
        initial_latent: kappa at time 0.
        trial_factor: c for every trial of the session.
    """

    column: Float[np.ndarray, "unit rank"]
    row: Float[np.ndarray, "unit rank"]
    initial_latent: Float[np.ndarray, "condition rank"]
    trial_factor: Float[np.ndarray, "trial rank"]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A simulated recording and what is behind it.

    Attributes:
        recording: noisy rates or counts; dropped trials leave gaps in its trial numbers.
        truth: ``trial_factor`` (trial, rank), ``latent`` (trial, time, rank), ``data_column``
            (neuron, rank), ``rate`` (trial, time, neuron; without noise, Hz for spikes),
            ``column`` and ``row`` (unit, rank), ``readout`` (neuron, unit), ``readout_bias``
            (neuron) and coordinates as in the recording. Attributes: the gates
            ``kruskal_margin``, ``field_condition``, ``latent_share``, ``gates_passed``, the number
            of the ``candidate`` that was chosen, and the settings.
    """

    recording: Recording
    truth: xr.Dataset

    @property
    def components(self) -> Components:
        """The teacher's side of :func:`ltr.analysis.identifiability.compare`."""
        names = ("trial_factor", "latent", "data_column", "rate")
        return Components(*(self.truth[name].values for name in names))


def simulate_teacher(settings: TeacherSettings | None = None) -> Teacher:
    """Draw a teacher and record it; the same settings give the same numbers.

    Args:
        settings: sizes, factors, observation, seed. Default: rank 3, rates with 1% noise.

    Example:
        >>> teacher = simulate_teacher(TeacherSettings(rank=2, trials=20, dropped_fraction=0.1))
        >>> teacher.recording.n_trials, bool(teacher.truth.attrs["gates_passed"])
        (18, True)
    """
    settings = settings or TeacherSettings()
    # one stream per purpose: more noise or missing trials leave the network as it is
    condition_rng, drop_rng, readout_rng, noise_rng = (np.random.default_rng([settings.seed, 0, i]) for i in range(4))
    condition = condition_rng.permutation(np.resize(np.arange(settings.conditions), settings.trials))
    network, candidate = choose_network(settings, condition)
    kept = np.flatnonzero(~drop_trials(settings.trials, settings.dropped_fraction, drop_rng))
    latent = integrate(network, condition, settings, max_step=FINAL_STEP)[kept]
    truth = _observe(network, latent, settings, readout_rng)
    truth["trial_factor"] = (("trial", "rank"), network.trial_factor[kept])
    truth.attrs |= {"candidate": candidate, **_gate_attributes(_gates(network, kept, latent))}
    truth.attrs |= {f"settings_{name}": value for name, value in asdict(settings).items()}
    width = len(str(settings.conditions - 1))
    bin_s = settings.bin_ms / 1000
    recording = Recording.from_arrays(
        _noisy(truth, settings, noise_rng),
        bin_edges=np.arange(settings.bins + 1) * bin_s,
        trial_numbers=kept,
        conditions=[f"{label:0{width}d}" for label in condition[kept]],
        source=f"teacher of rank {settings.rank}, seed {settings.seed}",
        align="start of the autonomous dynamics",
        description="simulated low-tensor-rank network, autonomous, one initial state per condition",
    )
    labels = recording.dataset.coords
    truth = truth.assign_coords({name: labels[name] for name in ("trial", "time", "neuron", "condition")})
    return Teacher(recording, truth)


def chosen_factors(settings: TeacherSettings, rng: np.random.Generator) -> Float[np.ndarray, "trial rank"]:
    """Smooth trial factors: sigmoid, dip, ramp, early bump and late bump, slightly jittered.

    Args:
        settings: rank, trials, gain; ``factor_shape`` ``proportional`` gives multiples of the first
            shape, ``constant`` no change over trials.
        rng: source of the jitter.

    Returns:
        Factors with means near ``gain``.
    """
    progress = np.linspace(0, 1, settings.trials)[:, None]
    shift, size = rng.uniform(-0.05, 0.05, 5), rng.uniform(0.9, 1.1, 5)

    def bump(centre: float, width: float) -> np.ndarray:
        return np.exp(-(((progress - centre) / width) ** 2) / 2)

    shapes = np.hstack(
        [
            1 + 0.5 * size[0] * np.tanh((progress - 0.5 - shift[0]) / 0.15),
            1.2 - 0.6 * size[1] * bump(0.55 + shift[1], 0.15),
            1 + 0.5 * size[2] * (1 - 2 * progress),
            0.7 + 0.8 * size[3] * bump(0.25 + shift[3], 0.12),
            0.7 + 0.8 * size[4] * bump(0.8 + shift[4], 0.12),
        ]
    )[:, : settings.rank]
    if settings.factor_shape == "proportional":
        shapes = shapes[:, :1] * np.linspace(0.9, 1.2, settings.rank)
    elif settings.factor_shape == "constant":
        shapes = np.ones_like(shapes) * np.linspace(0.9, 1.2, settings.rank)
    return settings.gain * shapes


def choose_network(settings: TeacherSettings, condition: Int[np.ndarray, " trial"]) -> tuple[Network, int]:
    """The first candidate that stays active, has well-conditioned drives, and no negligible component.

    If none of ``settings.candidates`` does, the one that misses by the smallest factor.

    Returns:
        The network and the number of the candidate.
    """
    best: tuple[float, int, Network] | None = None
    for candidate in range(settings.candidates):
        network = draw_network(settings, np.random.default_rng([settings.seed, 1, candidate]))
        latent = integrate(network, condition, settings, max_step=SCAN_STEP)
        badness = _badness(_gates(network, np.arange(settings.trials), latent), latent)
        if best is None or badness < best[0]:
            best = badness, candidate, network
        if badness <= 1:
            break
    assert best is not None
    return best[2], best[1]


def _badness(found: Gates, latent: Float[np.ndarray, "trial time rank"]) -> float:
    """Largest factor by which a wish is missed; at most 1 if all are met. Trial factors are not a matter of luck."""
    wanted_share = min(MIN_LATENT_SHARE, 0.5 / latent.shape[-1])
    final_activity = float(np.sqrt((latent[:, -1] ** 2).mean() / (latent[:, 0] ** 2).mean()))
    return max(
        found.field_condition / MAX_FIELD_CONDITION,
        _exceeds(wanted_share, float(found.latent_share.min())),
        _exceeds(MIN_FINAL_ACTIVITY, final_activity),
    )


def _exceeds(wanted: float, given: float) -> float:
    return wanted / given if given > 0 else float("inf")


def draw_network(settings: TeacherSettings, rng: np.random.Generator) -> Network:
    """A random network: Gaussian columns, rows partly along them, initial states in their span."""
    units, rank = settings.units, settings.rank
    column = _unit_norm(rng.normal(size=(units, rank)))
    # rows that rotate the columns give drives that differ: 5 times as many identifiable teachers as rows drawn freely
    rotation = np.linalg.qr(rng.normal(size=(rank, rank)))[0] * rng.choice([-1, 1], rank)
    row = _unit_norm(column @ rotation + ROW_NOISE * rng.normal(size=(units, rank)) / np.sqrt(units))
    # kappa has length sqrt(units) for states of rms 1
    initial = rng.normal(size=(settings.conditions, rank)) * INITIAL_SPREAD * np.sqrt(units / rank)
    return Network(column, row, initial, chosen_factors(settings, rng))


def integrate(
    network: Network, condition: Int[np.ndarray, " trial"], settings: TeacherSettings, *, max_step: float
) -> Float[np.ndarray, "trial time rank"]:
    """Latents at the start of every bin, by Runge-Kutta of fourth order.

    Args:
        network: parameters.
        condition: index of each trial's condition.
        settings: bins, their width, and the time constant.
        max_step: longest step, time constants.
    """
    bin_width = settings.bin_ms / settings.tau_ms
    substeps = int(np.ceil(bin_width / max_step - 1e-9))
    step = bin_width / substeps

    def slope(state: np.ndarray) -> np.ndarray:
        return -state + network.trial_factor * (np.tanh(state @ network.column.T) @ network.row)

    latent = np.empty((len(condition), settings.bins, settings.rank))
    latent[:, 0] = state = network.initial_latent[condition]
    for index in range(1, settings.bins):
        for _ in range(substeps):
            state = runge_kutta_step(slope, state, step)
        latent[:, index] = state
    return latent


def runge_kutta_step(slope: Callable[[np.ndarray], np.ndarray], state: np.ndarray, step: float) -> np.ndarray:
    """One step of the classical method of fourth order for state' = slope(state)."""
    first = slope(state)
    second = slope(state + step / 2 * first)
    third = slope(state + step / 2 * second)
    fourth = slope(state + step * third)
    return state + step / 6 * (first + 2 * second + 2 * third + fourth)


def _observe(network: Network, latent: np.ndarray, settings: TeacherSettings, rng: np.random.Generator) -> xr.Dataset:
    """Readout, clean activity and the direction of each latent in neuron space."""
    readout = rng.normal(size=(settings.neurons, settings.units)) / np.sqrt(settings.units)
    activity = np.tanh(latent @ network.column.T)
    signal = activity @ readout.T
    bias, unit = np.zeros(settings.neurons), "1"
    if settings.observe == "spikes":
        tuning = draw_tuning(settings.neurons, settings.rate_hz, settings.link, rng)
        # every neuron sees a signal of mean 0 and sd 1, so that none is silent or saturated
        centre, spread = signal.mean(axis=(0, 1)), signal.std(axis=(0, 1))
        readout, bias, signal = readout / spread[:, None], -centre / spread, (signal - centre) / spread
        signal, unit = firing_rates(signal, tuning), "Hz"
    mean_slope = (1 - activity**2).mean(axis=(0, 1))
    return xr.Dataset(
        {
            "latent": (("trial", "time", "rank"), latent),
            "data_column": (("neuron", "rank"), (readout * mean_slope) @ network.column),
            "rate": (("trial", "time", "neuron"), signal, {"units": unit}),
            "column": (("unit", "rank"), network.column),
            "row": (("unit", "rank"), network.row),
            "readout": (("neuron", "unit"), readout),
            "readout_bias": ("neuron", bias),
        }
    )


def _noisy(truth: xr.Dataset, settings: TeacherSettings, rng: np.random.Generator) -> np.ndarray:
    rate = truth.rate.values
    if settings.observe == "spikes":
        return rng.poisson(rate * settings.bin_ms / 1000)
    width = settings.noise_ms / settings.bin_ms
    beyond = math.ceil(4 * width)  # noise before and after the trial, so that its ends are like its middle
    n_trials, n_bins, n_neurons = rate.shape
    noise = rng.normal(size=(n_trials, n_bins + 2 * beyond, n_neurons))
    if beyond:
        noise = gaussian_filter1d(noise, width, axis=1)[:, beyond:-beyond]
        noise /= noise.std()  # filtering takes variance
    return rate + settings.noise * rate.std(axis=(0, 1)) * noise


def _gates(network: Network, kept: np.ndarray, latent: np.ndarray) -> Gates:
    drives = np.tanh(latent @ network.column.T) @ network.row
    return gates(network.trial_factor[kept], drives, latent)


def _gate_attributes(found: Gates) -> dict[str, object]:
    return {
        "kruskal_margin": found.kruskal_margin,
        "field_condition": found.field_condition,
        "latent_share": found.latent_share.tolist(),
        "gates_passed": int(found.passed),
    }


def _unit_norm(columns: np.ndarray) -> np.ndarray:
    return columns / np.linalg.norm(columns, axis=0)


def write_teacher(teacher: Teacher, path: Path, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write the recording (``.nc`` or ``.npz``) and, beside it, the truth (``<stem>.truth.nc``).

    Returns:
        Both paths.

    Raises:
        LtrError: a file is in the way, or cannot be written; then all is as before.
    """
    path = Path(path)
    truth = truth_path(path)
    check_free(path, truth, overwrite=overwrite)
    write_with_truth(lambda: write_array_file(teacher.recording, path), teacher.truth, truth)
    return path, truth
