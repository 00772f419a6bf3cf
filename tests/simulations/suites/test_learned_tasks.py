"""Truncated changes and ranks are what a plain calculation gives; an interrupted training is not repeated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ltr.simulations.suites.low_rank_change import learned_tasks
from ltr.simulations.suites.low_rank_change.learned_tasks import (
    EVALUATION_SEED,
    PARAMETERS,
    Experiment,
    Truncation,
    learn,
    truncations,
)
from ltr.simulations.task_network import evaluate
from ltr.simulations.tasks.catalogue import TASKS
from ltr.simulations.train_network import Trained
from ltr.simulations.validation.claim import Protocol
from ltr.simulations.vanilla_rnn import Network

SMALL = Experiment("romo", 0.9, 12, 30, 0.0, (0, 1), "cpu")


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned_tasks, "_LEARNED", {})
    truncations.cache_clear()


def protocol(folder: Path | None = None) -> Protocol:
    return Protocol((0, 1), PARAMETERS, torch.device("cpu"), folder)


def test_losses_by_rank_are_those_of_changes_rebuilt_from_their_singular_vectors() -> None:
    learning = learn(SMALL, protocol())

    found = truncations(SMALL, 12, 40)

    shown = TASKS["romo"].draw(np.random.default_rng(EVALUATION_SEED), 40)
    for place in range(2):
        left, values, right = np.linalg.svd(learning.change[place])
        for rank in (0, 1, 5, 12):
            change = sum((values[i] * np.outer(left[:, i], right[i]) for i in range(rank)), np.zeros((12, 12)))
            weight = torch.as_tensor(learning.initial[place] + change, dtype=torch.float32)[None]
            parts = {name: getattr(learning.after, name)[place : place + 1] for name in ("input_map", "readout")}
            expected = evaluate(replace(learning.after, weight=weight, **parts), shown)[0]
            assert found.by_rank[place, rank] == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(found.by_rank[:, 12], found.trained, rtol=1e-4)
    np.testing.assert_allclose(found.trained, evaluate(learning.after, shown), rtol=1e-4)
    assert (found.shuffled != found.trained).all()


def test_ranks_are_counted_from_the_loss_without_a_change_and_from_that_of_the_untrained() -> None:
    by_rank = np.array([[1.0, 0.04, 0.2, 0.02], [0.5, 0.4, 0.3, 0.2], [0.01, 0.02, 0.01, 0.02]])
    truncation = Truncation(np.ones(3), by_rank, np.ones(3), np.ones(3))

    assert truncation.functional_rank.tolist() == [1, np.inf, np.inf]
    assert truncation.lasting_rank.tolist() == [3, np.inf, 0]


def test_training_ends_when_the_mean_loss_is_low_enough_and_is_counted_from_the_first_loss() -> None:
    learning = learn(SMALL._replace(stop_below=0.9, epochs=400), protocol())

    epochs = np.isfinite(learning.loss).sum(1)
    for loss, count in zip(learning.loss, epochs, strict=True):
        assert 20 <= count < 400
        assert loss[count - 20 : count].mean() < 0.9 * loss[0]
        assert count == 20 or loss[count - 21 : count - 1].mean() >= 0.9 * loss[0]
    assert np.isinf(learn(SMALL, protocol()).convergence).all()


def test_what_was_trained_before_an_interruption_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = learn(SMALL, protocol(tmp_path))
    monkeypatch.setattr(learned_tasks, "_LEARNED", {})
    monkeypatch.setattr(learned_tasks, "train", None)

    again = learn(SMALL, protocol(tmp_path))

    np.testing.assert_array_equal(again.change, first.change)
    np.testing.assert_array_equal(again.loss, first.loss)
    torch.testing.assert_close(again.after.readout, first.after.readout, rtol=0, atol=0)


def test_networks_of_several_gains_are_trained_as_one_batch_as_each_would_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stacks = []
    train = learned_tasks.train

    def counted(networks: Network, *args: object, **kwargs: object) -> Trained:
        stacks.append(len(networks.weight))
        return train(networks, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(learned_tasks, "train", counted)
    three = replace(protocol(), parameters=PARAMETERS | {"gains": {"romo": [0.0, 0.9, 1.8]}})
    each = [SMALL._replace(gain=gain) for gain in (0.0, 0.9, 1.8)]
    told = {"units": 12, "epochs": {"romo": 30}, "stop_below": 0.0}
    three = replace(three, parameters={**three.parameters, **told})

    together = [learn(one, three) for one in each]
    monkeypatch.setattr(learned_tasks, "_LEARNED", {})
    alone = [learn(one, protocol()) for one in each]

    assert stacks == [6, 2, 2, 2]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.loss, other.loss, rtol=1e-4)
        np.testing.assert_allclose(one.change, other.change, atol=1e-6)
