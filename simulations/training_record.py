"""What a network did on trials that were played while it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from ltr.recording import Recording
from ltr.simulations.tasks.trials import Trials
from ltr.simulations.train_network import Trained
from ltr.simulations.vanilla_rnn import PARTS, Network, play, read_out
from ltr.types import Array


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """What a network did on trials that were played while it was trained.

    Attributes:
        activity: of every unit on every step.
        condition: of every trial, an index into ``inputs``.
        training_steps: taken before each trial.
        loss: of the training step at each trial.
        weights: W on every trial.
        inputs: what is heard in each condition.
        outputs: of the network.
        targets: what they should be, in each condition; NaN where nothing is asked for.
        fixed: what else belongs to the truth, as xarray takes variables, for example encoders.
    """

    activity: Float[Array, "trial time unit"]
    condition: np.ndarray
    training_steps: np.ndarray
    loss: Float[Array, " trial"]
    weights: Float[Array, "trial unit unit"]
    inputs: Float[Array, "condition time input"]
    outputs: Float[Array, "trial time output"]
    targets: Float[Array, "condition time output"]
    fixed: Mapping[str, tuple[tuple[str, ...], Array]]


def conditions_in_turn(rng: np.random.Generator, conditions: int, trials: int) -> np.ndarray:
    """Which condition each trial is of: every one once, in random order, before any of them again."""
    rounds = [rng.permutation(conditions) for _ in range(-(-trials // conditions))]
    return np.concatenate(rounds)[:trials]


def record_of(trained: Trained, place: int, heard: Trials, condition: np.ndarray, step: float) -> TrainingRecord:
    """One network on its trials, on each with the weights, inputs and readout of that moment.

    Args:
        trained: a stack of networks, with a snapshot for every trial.
        place: of the network in the stack.
        heard: one trial a condition.
        condition: of every recorded trial.
        step: of Euler, time constants.
    """
    count = len(condition)

    def of_trials(name: str) -> torch.Tensor | None:
        """A part as it was on every trial; None if the network has none."""
        if name in trained.snapshots:
            return torch.as_tensor(trained.snapshots[name][place, :count])
        part = getattr(trained.network, name)
        return None if part is None else part[place].cpu().expand(count, *part.shape[1:])

    # trials stand where networks do: each has weights of its own
    parts = {name: of_trials(name) for name in PARTS}
    each = Network(**parts, activation=trained.network.activation)  # type: ignore[arg-type]
    inputs = torch.as_tensor(heard.inputs.swapaxes(0, 1)[condition][:, :, None], dtype=each.weight.dtype)
    activity = play(each, inputs, None, step)
    fixed: dict[str, tuple[tuple[str, ...], Array]] = {
        "encoder": (("trial", "unit", "input_channel"), each.input_map.numpy()),
        "decoder": (("trial", "output_channel", "unit"), each.readout.numpy()),
    }
    if each.output_bias is not None:
        fixed["bias"] = (("trial", "output_channel"), each.output_bias.numpy())
    return TrainingRecord(
        activity=activity[:, 0].numpy(),
        condition=condition,
        training_steps=trained.at[:count],
        loss=trained.loss[place, trained.at[:count]],
        weights=each.weight.numpy(),
        inputs=heard.inputs.swapaxes(0, 1),
        outputs=read_out(each, activity)[:, 0].numpy(),
        targets=np.where(heard.mask > 0, heard.targets, np.nan),
        fixed=fixed,
    )


def noisy_recording(
    record: TrainingRecord, *, neurons: int, noise: float, noise_bins: float, step_s: float, seed: int
) -> Recording:
    """Activity of some units with noise that is correlated over time, and what was heard, as a binned recording.

    Inputs are given one step early: the first state is that after the first input.

    Args:
        record: what the network did.
        neurons: number of recorded units.
        noise: its sd as a share of that of the activity.
        noise_bins: sd of the filter that correlates it, steps.
        step_s: length of a step, s.
        seed: of units and noise.
    """
    rng = np.random.default_rng(seed)
    activity = record.activity[:, :, rng.permutation(record.activity.shape[-1])[:neurons]].astype(float)
    added = gaussian_filter1d(rng.normal(size=activity.shape), noise_bins, axis=1)
    heard = np.concatenate([record.inputs[:, 1:], np.zeros_like(record.inputs[:, :1])], axis=1)
    return Recording.from_arrays(
        activity + added * noise * activity.std() / added.std(),
        bin_edges=step_s * np.arange(activity.shape[1] + 1),
        conditions=[f"{index:03d}" for index in record.condition],  # in the order of the inputs
        known_input=heard,
    )
