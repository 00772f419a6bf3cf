"""The call that cross-validates: sweep, choose, compare with simpler models, see what comes back, fit the choice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ltr.api import fit as fit_recording
from ltr.crossval.scores import SCORE_NAMES
from ltr.device import choose_device, default_memory
from ltr.errors import RunError, SettingsError
from ltr.preprocess import resolve_likelihood
from ltr.problem import Problem
from ltr.recording import Recording
from ltr.run_folder import RunFolder
from ltr.settings import FitSettings
from ltr.sweep.choice import Choice, Comparison, choose, compare_with_baselines, label
from ltr.sweep.engines import Engine, Serial
from ltr.sweep.events import FitAdvanced, FitFinished, PartFinished, PartStarted, SweepListener
from ltr.sweep.folder import SweepFolder, table_of
from ltr.sweep.plan import SWEPT_MODEL, PlannedFit, Sweep, stacks
from ltr.sweep.stability import FittedComponents, Stability, analyse_stability
from ltr.sweep.work import Outcome
from ltr.training.events import Listener

if TYPE_CHECKING:
    import pandas as pd

LARGEST_STACK = 16  # more in one gains little on a processor (benchmarks/results.md) and takes memory
BYTES_PER_ENTRY = 6  # of a fit's data: activity, and masks of training and validation entries


@dataclass(frozen=True, eq=False)
class CvResult:
    """What a cross-validation found.

    Attributes:
        folder: where everything lies.
        sweep: what was tried.
        score_name: what ``score`` is.
        rows: one row a fit, baselines included.
        choice: the chosen configuration, and why.
        comparison: with the baselines, on the same folds.
        stability: of the components of the chosen configuration; None where fewer than two fits have some.
    """

    folder: Path
    sweep: Sweep
    score_name: str
    rows: pd.DataFrame
    choice: Choice
    comparison: Comparison
    stability: Stability | None

    def __repr__(self) -> str:
        """One line: how many fits, and what was chosen."""
        return f"<CvResult: {len(self.rows)} fits; {self.choice.sentence}>"


def cross_validate(
    recording: Recording,
    sweep: Sweep | None = None,
    *,
    folder: str | Path,
    overwrite: bool = False,
    resume: bool = False,
    engine: Engine | None = None,
    stack: int | None = None,
    fit_chosen: bool = True,
    listener: SweepListener = lambda event: None,
    fit_listeners: Sequence[Listener] = (),
) -> CvResult:
    """Fit every configuration in every fold, choose one, and compare it with simpler models on the same folds.

    Args:
        recording: activity trial x time x neuron with its labels.
        sweep: what to try; not needed to resume.
        folder: where fits, tables and the chosen fit are kept.
        overwrite: replace an earlier sweep in ``folder``.
        resume: continue the sweep in ``folder``. Fits that are done are not repeated, those that failed are.
        engine: where to compute. Default: in this process.
        stack: most fits to train together. Default: as many as keep all workers busy, up to 16.
        fit_chosen: whether to end with a fit of the chosen configuration to all trials, as a run of its own.
        listener: told of progress.
        fit_listeners: told of the training of the chosen fit.

    Returns:
        Tables, choice, comparison and stability; ``ltr.report.write_cv_page`` makes a page of them.

    Raises:
        SettingsError, RecordingError: what is asked for does not fit the recording, or would not be comparable.
        RunError: the folder is in the way, or not a sweep; or every fit failed.
        ClusterError: the workers are gone; the sweep can be resumed.

    Example:
        >>> from ltr import Recording, parse_settings
        >>> from ltr.sweep.plan import Axis
        >>> counts = np.random.default_rng(0).poisson(1.0, size=(60, 20, 3))
        >>> recording = Recording.from_arrays(counts, bin_edges=np.arange(21) * 0.02)
        >>> base = parse_settings({"units": 5, "iterations": 2, "inputs": "none"})
        >>> sweep = Sweep(base, (Axis("rank", (1, 2)),), folds=2, seeds=1, baselines=("psth",))
        >>> len(cross_validate(recording, sweep, folder=tmp_path).rows)  # doctest: +SKIP
        6
    """
    if resume:
        kept = SweepFolder.open(Path(folder))
        sweep = kept.plan()
        kept.check_same(recording)
    elif sweep is None:
        raise SettingsError("no sweep was given.", fix="say what to try, or resume a folder")
    else:
        sweep = _resolved(recording, sweep)
        _check_comparable(recording, sweep)
        kept = SweepFolder.create(Path(folder), overwrite=overwrite)
        kept.write_plan(sweep, recording, [str(path) for path in recording.dataset.attrs.get("paths", [])])
    with _WhenNeeded(engine or Serial()) as workers:
        work = _Work(recording, sweep, kept, workers, stack, listener)
        outcomes = work.run("sweep", sweep.fits())
        work.write_rows(outcomes)
        choice = _choose(sweep, outcomes)
        listener(PartFinished("sweep", choice.sentence))
        if sweep.baselines:
            outcomes += work.run("baselines", sweep.baseline_fits(choice.values))
            listener(PartFinished("baselines", ""))
    result = collect(kept, sweep, outcomes)
    _write_tables(kept, result)
    if fit_chosen:
        _fit_choice(recording, kept, sweep.chosen_fit(choice.values, _picked_seed(choice)), fit_listeners)
    return result


def _fit_choice(recording: Recording, kept: SweepFolder, chosen: FitSettings, listeners: Sequence[Listener]) -> None:
    """Fit the chosen configuration as a run of its own, unless that is done; go on with it if it was begun."""
    begun = (kept.chosen / "config.yaml").is_file()
    # fits that failed before may have changed the choice
    same = begun and RunFolder.open(kept.chosen).settings() == resolve_likelihood(recording, chosen)
    if same and (kept.chosen / "metrics.json").is_file():
        return
    fit_recording(
        recording,
        None if same else chosen,
        folder=kept.chosen,
        resume=same,
        overwrite=not same,
        listeners=listeners,
    )


def load_sweep(folder: str | Path) -> CvResult:
    """Read the result of a finished cross-validation.

    Raises:
        RunError: not a sweep, or one that has not finished.
    """
    kept = SweepFolder.open(Path(folder))
    sweep = kept.plan()
    outcomes = _kept(kept, sweep.fits())
    choice = _choose(sweep, outcomes)
    return collect(kept, sweep, outcomes + _kept(kept, sweep.baseline_fits(choice.values)))


def collect(kept: SweepFolder, sweep: Sweep, outcomes: Sequence[Outcome]) -> CvResult:
    """Tables and conclusions of finished fits."""
    rows = table_of([outcome.row for outcome in outcomes], sweep.axes)
    choice = _choose(sweep, outcomes)
    return CvResult(
        folder=kept.path,
        sweep=sweep,
        score_name=SCORE_NAMES[sweep.base.model.likelihood],
        rows=rows,
        choice=choice,
        comparison=compare_with_baselines(rows, choice),
        stability=_stability(outcomes, choice),
    )


class _WhenNeeded(AbstractContextManager["_WhenNeeded"]):
    """An engine that starts when something is to be computed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._started: Engine | None = None
        self._open = ExitStack()

    def get(self) -> Engine:
        """The engine, with its workers."""
        if self._started is None:
            self._started = self._open.enter_context(self._engine)
        return self._started

    def __exit__(self, *error: Any) -> None:
        """Stop the workers, if there are any."""
        self._open.__exit__(*error)


def stack_size(fits: int, workers: int, largest: int) -> int:
    """Fits in a stack, so that all workers have the same number of stacks and no stack is too large.

    Example:
        >>> stack_size(1000, 10, 16), stack_size(15, 2, 16), stack_size(1000, 1000, 16)
        (15, 8, 1)
    """
    rounds = math.ceil(fits / (workers * largest))
    return math.ceil(fits / (workers * rounds))


@dataclass(frozen=True)
class _Work:
    """Does fits that are not done yet, and keeps them."""

    recording: Recording
    sweep: Sweep
    kept: SweepFolder
    workers: _WhenNeeded
    stack: int | None
    listener: SweepListener

    def run(self, part: str, fits: Sequence[PlannedFit]) -> list[Outcome]:
        """Outcomes of all fits, in order."""
        outcomes = {fit.id: self.kept.load(fit.id) for fit in fits}
        missing = [fit for fit in fits if not _is_done(outcomes[fit.id])]
        if not missing:
            self.listener(PartStarted(part, len(fits), len(fits), 0, 0))
        else:
            engine = self.workers.get()
            made = stacks(missing, self.stack or stack_size(len(missing), engine.workers, self._largest_stack()))
            done = len(fits) - len(missing)
            self.listener(PartStarted(part, len(fits), done, len(made), engine.workers, engine.dashboard))
            # closed at once if saving is interrupted: workers then stop
            with closing(engine.run(self.recording, made, ranks=self.sweep.ranks(), report=self._report)) as finished:
                for outcome in chain.from_iterable(finished):
                    self.kept.save(outcome)
                    outcomes[outcome.fit] = outcome
                    self.listener(FitFinished(outcome.fit, outcome.row))
        return [outcome for outcome in outcomes.values() if outcome is not None]

    def _report(self, fit: str, share: float) -> None:
        self.listener(FitAdvanced(fit, share))

    def _largest_stack(self) -> int:
        """On a GPU as many as it has room for, beside what a step keeps; on a processor no more than is faster."""
        run = self.sweep.base.run
        device = choose_device(run.device, run.dtype)
        if device.type == "cpu":
            return LARGEST_STACK
        return max(1, default_memory(device) // (self.recording.activity.size * BYTES_PER_ENTRY))

    def write_rows(self, outcomes: Sequence[Outcome]) -> None:
        """The table of fits, as far as there is one."""
        self.kept.write_table("results.csv", table_of([outcome.row for outcome in outcomes], self.sweep.axes))


def _is_done(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.row["status"] == "done"


def _kept(folder: SweepFolder, fits: Sequence[PlannedFit]) -> list[Outcome]:
    found = [folder.load(fit.id) for fit in fits]
    missing = [fit.id for fit, outcome in zip(fits, found, strict=True) if outcome is None]
    if missing:
        raise RunError(
            f"{folder.path} lacks {len(missing)} of {len(fits)} fits, {missing[0]} among them: it has not finished.",
            allowed="a finished cross-validation",
            fix=f"continue it with: ltr cv --resume {folder.path}",
        )
    return [outcome for outcome in found if outcome is not None]


def _resolved(recording: Recording, sweep: Sweep) -> Sweep:
    """With the likelihood that the recording calls for."""
    base = resolve_likelihood(recording, sweep.base)
    return replace(sweep, base=base)


def _check_comparable(recording: Recording, sweep: Sweep) -> None:
    """Refuse to compare scores of different data; and find values that cannot be used before hours are spent."""
    # one fit of each kind: ranks, seeds and kernels have no part in the data
    kinds: dict[str, PlannedFit] = {}
    for fit in sweep.fits():
        kinds.setdefault(fit.stack_key(), fit)
    first, *others = kinds.values()
    expected = Problem.open(recording, first.settings)
    for fit in others:
        problem = Problem.open(recording, fit.settings)
        same = np.array_equal(problem.masks.test, expected.masks.test)
        if not same or not np.array_equal(problem.prepared.activity, expected.prepared.activity):
            raise SettingsError(
                f"{label(fit.values)}: the numbers that are scored are others than with {label(first.values)}, so fits"
                " could not be compared.",
                allowed="settings that leave activity and held-out entries as they are",
                fix="give one value of the setting that changes them",
            )


def _choose(sweep: Sweep, outcomes: Sequence[Outcome]) -> Choice:
    rows = table_of([outcome.row for outcome in outcomes if outcome.row["model"] == SWEPT_MODEL], sweep.axes)
    axes = [axis.name for axis in sweep.axes]
    return choose(rows, axes, score_name=SCORE_NAMES[sweep.base.model.likelihood])


def _picked_seed(choice: Choice) -> int:
    """Seed of the chosen configuration that did best on the first fold's validation entries."""
    fits = choice.fits[choice.fits["picked"] & _of_choice(choice.fits, choice)]
    return int(fits.sort_values("fold")["seed"].iloc[0])


def _of_choice(rows: pd.DataFrame, choice: Choice) -> pd.Series[bool]:
    chosen = int(np.flatnonzero(choice.table["chosen"])[0])
    return rows["configuration"] == choice.table.index[chosen]


def _stability(outcomes: Sequence[Outcome], choice: Choice) -> Stability | None:
    """Of the chosen configuration's fits; the one that is fitted again for the report is followed."""
    ids = set(choice.fits.loc[_of_choice(choice.fits, choice), "id"])
    fits = [
        FittedComponents(outcome.row["fold"], outcome.row["seed"], **outcome.components)
        for outcome in outcomes
        if outcome.fit in ids and outcome.components
    ]
    if len(fits) < 2:
        return None
    picked, first = _picked_seed(choice), min(fit.fold for fit in fits)
    reference = [(fit.fold, fit.seed) for fit in fits].index((first, picked))
    return analyse_stability(fits, reference)


def _write_tables(kept: SweepFolder, result: CvResult) -> None:
    kept.write_table("results.csv", result.rows)
    kept.write_table("summary.csv", result.choice.table)
    kept.write_table("comparison.csv", result.comparison.table)
    if result.stability is not None:
        kept.write_table("stability.csv", result.stability.components)
