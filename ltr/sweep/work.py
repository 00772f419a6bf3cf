"""The work of a sweep: train some fits together and score them; what can fail is told in the row of its fit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ltr.analysis.describe import canonicalise, data_columns, expected_activity
from ltr.crossval.baselines import best_prediction
from ltr.errors import LtrError
from ltr.model.network import LowTensorRankRNN, Prediction
from ltr.problem import Problem
from ltr.recording import Recording
from ltr.settings import HoldoutSettings
from ltr.sweep.plan import AVERAGES, FULL_TENSOR, PlannedFit
from ltr.training.events import Evaluated, Event, Listener
from ltr.training.state import TrainingState
from ltr.training.together import train_together
from ltr.types import Array

LATENT_TRIALS = 100  # trials whose latents are kept for matching components

Report = Callable[[str, float], None]
"""Told the id of a fit, and the share of its steps that are done."""


@dataclass(frozen=True)
class Outcome:
    """What is kept of a fit.

    Attributes:
        fit: its id.
        row: its row in the table of fits.
        components: arrays to match components by (see ltr.sweep.stability); none for averages and failed fits.
    """

    fit: str
    row: dict[str, Any]
    components: dict[str, Array] = field(default_factory=dict)


def run_fits(
    recording: Recording,
    fits: Sequence[PlannedFit],
    *,
    ranks: Sequence[int] = (),
    report: Report = lambda fit, share: None,
) -> list[Outcome]:
    """Train fits together and score them.

    Args:
        recording: all are fits of it.
        fits: of one stack (see :func:`ltr.sweep.plan.stacks`).
        ranks: from which baselines without dynamics choose theirs.
        report: told of progress.

    Returns:
        One outcome a fit, in order. Errors are in their rows: nothing is raised but by Ctrl-C.
    """
    try:
        problems = _problems(recording, fits)
        if fits[0].model in AVERAGES:
            return [_average(fit, problem, ranks) for fit, problem in zip(fits, problems, strict=True)]
        return _train(fits, problems, report)
    except Exception as error:  # noqa: BLE001  whatever went wrong belongs into the table, the sweep goes on
        if len(fits) == 1:
            return [failed(fits[0], error)]
    # one of them is at fault; alone, the others come through
    return [outcome for fit in fits for outcome in run_fits(recording, [fit], ranks=ranks, report=report)]


def failed(fit: PlannedFit, error: BaseException) -> Outcome:
    """The outcome of a fit that ended in an error."""
    text = error.given if isinstance(error, LtrError) else f"{type(error).__name__}: {error}"
    return Outcome(fit.id, _labels(fit) | {"status": "failed", "error": " ".join(text.split())})


def _labels(fit: PlannedFit) -> dict[str, Any]:
    return {"id": fit.id, "model": fit.model, **fit.values, "fold": fit.fold, "seed": fit.seed}


def _problems(recording: Recording, fits: Sequence[PlannedFit]) -> list[Problem]:
    """Data and splits are prepared once a fold."""
    opened: dict[HoldoutSettings, Problem] = {}
    for fit in fits:
        if fit.settings.holdout not in opened:
            opened[fit.settings.holdout] = Problem.open(recording, fit.settings)
    problems = [opened[fit.settings.holdout].with_settings(fit.settings) for fit in fits]
    return [replace(problem, full_tensor=fit.model == FULL_TENSOR) for fit, problem in zip(fits, problems, strict=True)]


def _average(fit: PlannedFit, problem: Problem, ranks: Sequence[int]) -> Outcome:
    began = time.monotonic()
    recording = problem.recording
    prediction = best_prediction(
        fit.model,
        problem.scorer,
        conditions=recording.condition_index,
        trials=recording.trial_numbers,
        ranks=ranks or (fit.settings.model.rank,),
    )
    row = _scores(problem, prediction) | {"seconds": round(time.monotonic() - began, 3)}
    return Outcome(fit.id, _labels(fit) | {"status": "done"} | row)


def _train(fits: Sequence[PlannedFit], problems: Sequence[Problem], report: Report) -> list[Outcome]:
    """Those with training entries in the same trials together."""
    groups: dict[bytes, list[int]] = {}
    for index, problem in enumerate(problems):
        groups.setdefault(problem.masks.trials_with_data.tobytes(), []).append(index)
    outcomes: dict[int, Outcome] = {}
    for chosen in groups.values():
        trainers = [
            problems[index].trainer(fits[index].model, listeners=[_progress(fits[index], report)]) for index in chosen
        ]
        for index, trained in zip(chosen, train_together(trainers), strict=True):
            if isinstance(trained, Exception):
                outcomes[index] = failed(fits[index], trained)
            else:
                outcomes[index] = _trained(fits[index], problems[index], *trained)
    return [outcomes[index] for index in range(len(fits))]


def _progress(fit: PlannedFit, report: Report) -> Listener:
    """Reports the share of all steps that a fit may take, over its starts and phases."""
    training = fit.settings.training
    a_start = training.iterations + (training.polish_iterations if training.polish == "lbfgs" else 0)

    def listen(event: Event) -> None:
        if isinstance(event, Evaluated):
            before = event.restart * a_start + (training.iterations if event.phase == "lbfgs" else 0)
            report(fit.id, (before + event.iteration) / (training.restarts * a_start))

    return listen


@torch.no_grad()
def _trained(fit: PlannedFit, problem: Problem, network: LowTensorRankRNN, state: TrainingState) -> Outcome:
    parameters = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    if fit.model != FULL_TENSOR:
        canonicalise(network)
    network.cpu()
    prediction = network()
    components = {} if fit.model == FULL_TENSOR else _components(network, prediction)
    row = _labels(fit) | {"status": "done"} | _scores(problem, expected_activity(network, prediction))
    row |= {
        "parameters": parameters,
        "iterations": state.winner_steps,
        "seconds": round(state.seconds, 3),
        "stop_reason": state.winner_reason,
    }
    return Outcome(fit.id, row, components)


def _components(network: LowTensorRankRNN, prediction: Prediction) -> dict[str, Array]:
    n_trials, rank = len(network.design.trials), network.model.rank
    trials = np.unique(np.linspace(0, n_trials - 1, LATENT_TRIALS).round().astype(int))
    arrays = {
        "trial_factor": network.trial_factors(),
        "latent": prediction.state[trials, :, :rank],
        "data_column": data_columns(network, prediction),
    }
    return {name: array.float().numpy() for name, array in arrays.items()}


def _scores(problem: Problem, prediction: Array) -> dict[str, float | None]:
    scorer, masks = problem.scorer, problem.masks
    test = scorer.all_scores(prediction, masks.test)
    train, validation = (scorer.all_scores(prediction, mask) for mask in (masks.train, masks.validation))
    main = "bits_per_spike" if scorer.likelihood == "poisson" else "variance_explained"
    shown = {
        name: test.get(name) for name in ("variance_explained", "normalised_loss", "bits_per_spike", "co_smoothing")
    }
    scores = {
        "score": test[main],
        **shown,
        "train_score": train[main],
        "validation_score": validation[main],
        "train_loss": train["loss"],
        "validation_loss": validation["loss"],
        "test_loss": test["loss"],
    }
    return {name: value if value is not None and math.isfinite(value) else None for name, value in scores.items()}
