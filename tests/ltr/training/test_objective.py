"""The training objective against plain formulas on full predictions, on every device there is, without waiting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from ltr.model.likelihoods import poisson_terms, squared_terms
from ltr.settings import PenaltySettings
from ltr.training import objective as objective_module
from ltr.training.objective import Objective
from tests.problems import small_design, small_network

GPUS = [
    name for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())) if there
]
SHAPE = (7, 12, 6)


def _data(likelihood: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    activity = generator.poisson(1.5, SHAPE).astype(float) if likelihood == "poisson" else generator.normal(size=SHAPE)
    drawn = generator.random(SHAPE)
    return activity, drawn < 0.7, drawn > 0.8


def _objective(likelihood: str, penalties: PenaltySettings, **changes: object) -> Objective:
    activity, train, validation = _data(likelihood)
    values = {
        "off_bin": small_design().off_bin,
        "penalties": penalties,
        "likelihood": likelihood,
        "device": torch.device("cpu"),
        "dtype": torch.float64,
    }
    return Objective.build(activity, train, validation, **(values | changes))


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
@pytest.mark.parametrize("form", ["square", "absolute"])
def test_training_loss_is_the_masked_mean_plus_penalties_worked_out_from_full_predictions(
    likelihood: str, form: str
) -> None:
    """alpha (mean x^2 + mean (Dhat v)^2 while input is on) + alpha_c mean cbar^2, or absolute values."""
    penalties = PenaltySettings(activity_penalty=0.3, factor_penalty=0.2, penalty_form=form)
    network, kept = small_network(likelihood=likelihood), torch.tensor([0, 2, 5])
    found = _objective(likelihood, penalties).training_loss(network, kept)
    activity, train, _ = _data(likelihood)
    prediction = network(kept)
    terms = poisson_terms if likelihood == "poisson" else squared_terms
    mask = torch.tensor(train)[kept]
    expected = terms(prediction.output, torch.tensor(activity)[kept])[mask].mean()

    def size(values: torch.Tensor) -> torch.Tensor:
        return (values**2 if form == "square" else values.abs()).mean()

    states = prediction.state @ network.basis().T
    drive = prediction.input_drive[:, : small_design().off_bin.max()]
    scale = activity[train].mean() if likelihood == "poisson" else 1.0
    expected = expected + scale * (0.3 * (size(states) + size(drive)) + 0.2 * network.whitened.square().mean())
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
@pytest.mark.parametrize("chunk", [1, 100, 1 << 22])
def test_losses_are_means_over_the_entries_of_each_mask(
    likelihood: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objective_module, "CHUNK_ENTRIES", chunk)
    network = small_network(likelihood=likelihood)
    found = _objective(likelihood, PenaltySettings()).losses(network)
    activity, *masks = _data(likelihood)
    terms = (poisson_terms if likelihood == "poisson" else squared_terms)(network().output, torch.tensor(activity))
    for loss, mask in zip(found, masks, strict=True):
        torch.testing.assert_close(loss, terms[torch.tensor(mask)].mean().detach(), rtol=1e-12, atol=0)


def test_building_an_objective_leaves_the_callers_activity_alone() -> None:
    """Also where neither type nor device nor layout call for a copy: test entries are scored from it later."""
    activity, train, validation = _data("gaussian")
    given = np.ascontiguousarray(activity.transpose(1, 0, 2)).transpose(1, 0, 2)
    build = {"off_bin": small_design().off_bin, "penalties": PenaltySettings(), "likelihood": "gaussian"}
    given[~(train | validation)] = np.nan  # nothing of what is in neither mask comes along
    before = given.copy()
    objective = Objective.build(given, train, validation, device=torch.device("cpu"), dtype=torch.float64, **build)
    np.testing.assert_array_equal(given, before)
    assert torch.isfinite(objective.training_loss(small_network()))


def test_bins_without_training_entries_are_not_read_out() -> None:
    """What is not looked at cannot matter: blanked activity in these bins may be anything."""
    activity, train, validation = _data("gaussian")
    train[:, :5] = False
    build = {
        "off_bin": small_design().off_bin,
        "penalties": PenaltySettings(),
        "likelihood": "gaussian",
        "device": torch.device("cpu"),
        "dtype": torch.float64,
    }
    objective = Objective.build(activity, train, validation, **build)
    assert objective.train.bins == frozenset(range(5, 12))
    network = small_network()
    expected = objective.training_loss(network)
    objective.train.activity[:5] = torch.nan
    torch.testing.assert_close(objective.training_loss(network), expected, rtol=0, atol=0)


def test_trials_to_draw_from_are_known_on_the_cpu_from_the_start() -> None:
    """Drawing them at every step must not ask the device; those without training entries are not drawn."""
    activity, train, validation = _data("gaussian")
    train[3] = False
    build = {"off_bin": small_design().off_bin, "penalties": PenaltySettings(), "likelihood": "gaussian"}
    place = {"device": torch.device((GPUS or ["cpu"])[0]), "dtype": torch.float32}
    objective = Objective.build(activity, train, validation, **build, **place)
    assert objective.trials_with_data.device.type == "cpu"
    assert objective.trials_with_data.tolist() == [0, 1, 2, 4, 5, 6]
    assert objective.trials_with_data is objective.trials_with_data  # kept, not found anew


def test_a_step_never_waits_for_its_device() -> None:
    """No number is read back between the kept trials and the gradients, for inputs and likelihoods of every kind."""
    for values in ({}, {"likelihood": "poisson"}, {"inputs": "constant", "readout": "orthonormal"}):
        network = small_network(**values)
        objective = _objective(network.model.likelihood, PenaltySettings())
        kept = torch.tensor([0, 2, 5])
        objective.training_loss(network, kept).backward()
        with profile(activities=[ProfilerActivity.CPU]) as recorded:
            objective.training_loss(network, kept).backward()
        called = {event.key for event in recorded.key_averages()}
        assert not called & {"aten::item", "aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero"}


@pytest.mark.skipif(not GPUS, reason="no GPU on this machine")
@pytest.mark.parametrize("device", GPUS)
def test_every_device_computes_the_same(device: str) -> None:
    """float32 against float32 on the CPU: rounding in another order."""
    for likelihood in ("gaussian", "poisson"):
        results = []
        for place in ("cpu", device):
            network = small_network(likelihood=likelihood, dtype="float32").float().to(place)
            objective = _objective(likelihood, PenaltySettings(), device=torch.device(place), dtype=torch.float32)
            loss = objective.training_loss(network, torch.tensor([0, 2, 5], device=place))
            loss.backward()
            results.append([loss.detach().cpu(), *(p.grad.cpu() for p in network.parameters() if p.grad is not None)])
        for here, there in zip(*results, strict=True):
            torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-5)
