"""The rollout with its readout and likelihood: losses and gradients equal those of automatic differentiation.

Both sides take the same steps in float64, so only the order of operations differs: 1e-12 of the largest entry.
"""

from __future__ import annotations

import copy
from functools import partial
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ltr.model import rollout as rollout_module
from ltr.model.dynamics import ACTIVATIONS, drift
from ltr.model.factors import unit_norm
from ltr.model.integrate import Grid
from ltr.model.likelihoods import gaussian_residual, poisson_residual, poisson_terms, squared_terms
from ltr.model.observation import Observed, Target
from ltr.model.readout import log_link
from ltr.model.rollout import Weights, rollout
from ltr.model.workspace import Workspace
from tests.problems import plain_steps

BINS = 4


class Problem:
    """Random weights, data and options; ``leaves`` are what gradients are taken of."""

    def __init__(self, seed: int, *, trials=3, units=5, rank=2, free=0, neurons=4, bias=False, likelihood="gaussian"):
        self.generator = torch.Generator().manual_seed(seed)
        self.rank, self.free, self.likelihood = rank, free, likelihood
        normal = self._normal
        self.basis, self.rows, self.factors = normal(units, rank + free), normal(units, rank), normal(trials, rank)
        self.bias = normal(rank) if bias else None
        self.readout, self.readout_bias = normal(neurons, units), normal(neurons)
        self.log_gain = normal(neurons) if likelihood == "softplus" else None
        self.start, self.entering = normal(trials, rank + free), normal(2, BINS - 2, trials, rank + free)
        counts = likelihood != "gaussian"
        activity = normal(BINS, trials, neurons).detach()
        self.activity = activity.mul(2).abs().round() if counts else activity
        self.mask = torch.rand(BINS, trials, neurons, generator=self.generator) < 0.6
        self.mask[0], self.mask[-1, 0, 0] = False, True  # a bin without entries, and one at the end
        self.state_weight = normal(BINS, trials, rank + free).detach()

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64).requires_grad_(True)

    @property
    def leaves(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor) and value.requires_grad}

    def ours(self, grid: Grid, activation: str, kept: Tensor | None = None, **options):
        """Objective and loss: states weighed at random plus the loss of the target."""
        options = {"kept_bytes": 1 << 30} | options
        residual = gaussian_residual if self.likelihood == "gaussian" else partial(poisson_residual, link=self.link)
        constants = (self.bias, self.readout, self.readout_bias, self.log_gain)
        weights = Weights(unit_norm(self.basis), unit_norm(self.rows), self._of(self.factors, kept), *constants)
        target = Target.of(self.activity, self.mask)
        states, loss = rollout(
            self._of(self.start, kept),
            self._of(self.entering, kept),
            weights,
            activation=ACTIVATIONS[activation],
            grid=grid,
            observed=Observed(target, kept, residual),
            **options,
        )
        return (states * self._of(self.state_weight, kept)).sum((0, -2, -1)) + 3 * loss, loss

    @property
    def link(self) -> str:
        return "exp" if self.likelihood == "exp" else "softplus"

    @staticmethod
    def _of(tensor: Tensor, kept: Tensor | None) -> Tensor:
        return tensor if kept is None else tensor[..., kept, :]

    def plain(self, grid: Grid, activation: str, kept: Tensor | None = None):
        """The same by automatic differentiation, trials first, predictions all at once."""
        act = ACTIVATIONS[activation]
        basis = unit_norm(self.basis)
        field = partial(
            drift, basis=basis, rows=unit_norm(self.rows), factors=self._of(self.factors, kept), activation=act,
            bias=self.bias,
        )  # fmt: skip
        silent = torch.zeros_like(self.entering[:, :1])
        entering = self._of(torch.cat([self.entering, silent], 1), kept)
        states = torch.stack(plain_steps(field, self._of(self.start, kept), entering, grid))
        output = act.value(states @ basis.T) @ self.readout.T + self.readout_bias
        activity, mask = (whole if kept is None else whole[:, kept] for whole in (self.activity, self.mask))
        if self.likelihood == "gaussian":
            terms = squared_terms(output, activity)
        else:
            log_rate = log_link(output, self.link)
            terms = poisson_terms(log_rate if self.log_gain is None else log_rate + self.log_gain, activity)
        loss = (terms * mask).sum() / mask.sum()
        return (states * self._of(self.state_weight, kept)).sum() + 3 * loss, loss


def _grid(solver: str = "heun", steps_per_bin: int = 1) -> Grid:
    return Grid.of(solver, n_bins=BINS, bin_width=0.2, steps_per_bin=steps_per_bin)


def _assert_equal(ours: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor], leaves: dict[str, Tensor]) -> None:
    torch.testing.assert_close(ours[1], expected[1], rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(result[0], list(leaves.values())) for result in (ours, expected)]
    for name, found, theirs in zip(leaves, *gradients, strict=True):
        assert float((found - theirs).abs().max()) <= 1e-12 * max(1.0, float(theirs.abs().max())), name


@given(
    trials=st.integers(1, 5),
    units=st.integers(3, 9),
    rank=st.integers(1, 3),
    free=st.integers(0, 2),
    neurons=st.integers(1, 6),
    bias=st.booleans(),
    likelihood=st.sampled_from(["gaussian", "softplus", "exp"]),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    solver=st.sampled_from(["euler", "heun", "rk4"]),
    steps_per_bin=st.integers(1, 3),
    segment_rows=st.sampled_from([1, 6, 1000]),
    kept_bytes=st.sampled_from([0, 1000, 1 << 30]),
    dropout=st.booleans(),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=100, deadline=None)
def test_loss_and_gradients_equal_those_of_automatic_differentiation(
    activation, solver, steps_per_bin, segment_rows, kept_bytes, dropout, seed, **sizes
) -> None:
    """Over shapes, activations, steps, inputs and likelihoods; in segments of any size, kept or walked twice."""
    problem, grid = Problem(seed, **sizes), _grid(solver, steps_per_bin)
    kept = torch.arange(sizes["trials"])[-1:] if dropout else None
    if dropout:
        problem.mask[-1, kept, 0] = True
    with mock.patch.object(rollout_module, "SEGMENT_ROWS", segment_rows):
        ours = problem.ours(grid, activation, kept, kept_bytes=kept_bytes)
        _assert_equal(ours, problem.plain(grid, activation, kept), problem.leaves)


@pytest.mark.parametrize("likelihood", ["gaussian", "softplus", "exp"])
def test_gradcheck_passes(likelihood: str) -> None:
    """Against finite differences, which know nothing of either implementation."""
    problem = Problem(0, trials=2, units=3, neurons=2, bias=True, likelihood=likelihood)
    names, values = list(problem.leaves), list(problem.leaves.values())

    def loss(*leaves: Tensor) -> Tensor:
        vars(problem).update(zip(names, leaves, strict=True))
        return problem.ours(_grid(steps_per_bin=2), "tanh")[0]

    assert torch.autograd.gradcheck(loss, values)


@pytest.mark.parametrize("kept_bytes", [0, 3000, 1 << 30])
def test_a_batch_of_models_equals_each_of_them_alone(kept_bytes: int) -> None:
    """Losses and gradients of three models with weights, masks and activity of their own."""
    problems = [Problem(seed, bias=True, likelihood="softplus", free=1) for seed in range(3)]
    grid, residual = _grid(), partial(poisson_residual, link="softplus")
    names = ("basis", "rows", "factors", "bias", "readout", "readout_bias", "log_gain", "start")
    stacked = {name: torch.stack([getattr(p, name) for p in problems]).detach().requires_grad_(True) for name in names}
    entering = torch.stack([p.entering for p in problems], 2).detach()
    target = Target.of(*(torch.stack([getattr(p, name) for p in problems], 1) for name in ("activity", "mask")))
    weights = [stacked[name] for name in names[2:7]]
    states, loss = rollout(
        stacked["start"],
        entering,
        Weights(unit_norm(stacked["basis"]), unit_norm(stacked["rows"]), *weights),
        activation=ACTIVATIONS["tanh"],
        grid=grid,
        observed=Observed(target, None, residual),
        kept_bytes=kept_bytes,
    )
    weight = torch.stack([p.state_weight for p in problems], 1)
    gradients = torch.autograd.grad(((states * weight).sum((0, -2, -1)) + 3 * loss).sum(), list(stacked.values()))
    for model, problem in enumerate(problems):
        objective, alone = problem.ours(grid, "tanh")
        torch.testing.assert_close(loss[model], alone, rtol=1e-12, atol=0)
        expected = torch.autograd.grad(objective, [getattr(problem, name) for name in names])
        for name, found, theirs in zip(names, gradients, expected, strict=True):
            difference = float((found[model] - theirs).abs().max())
            assert difference <= 1e-12 * max(1.0, float(theirs.abs().max())), name


@pytest.fixture
def _bin_by_bin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_module, "SEGMENT_ROWS", 1)


@pytest.mark.usefixtures("_bin_by_bin")
def test_what_is_kept_does_not_change_a_bit() -> None:
    """So that a fit goes on in the same numbers on a machine with less memory."""
    problem, results = Problem(1), []
    for kept_bytes in (0, 1000, 1 << 30):
        objective, _ = problem.ours(_grid(), "tanh", kept_bytes=kept_bytes)
        results.append(torch.autograd.grad(objective, list(problem.leaves.values())))
    for other in results[1:]:
        assert all(torch.equal(first, second) for first, second in zip(results[0], other, strict=True))


def test_buffers_are_used_again_but_never_while_a_pass_still_needs_them() -> None:
    """Two passes before either goes back, then a third one: all as if each had memory of its own."""
    problem, workspace = Problem(2), Workspace()
    passes = [problem.ours(_grid(), "tanh", workspace=workspace)[0] for _ in range(2)]
    leaves = list(problem.leaves.values())
    expected = torch.autograd.grad(problem.ours(_grid(), "tanh")[0], leaves)
    found = [torch.autograd.grad(objective, leaves) for objective in passes]
    del passes
    assert len(workspace._free) > 0
    before = {flat.data_ptr() for flat in workspace._free}
    found.append(torch.autograd.grad(problem.ours(_grid(), "tanh", workspace=workspace)[0], leaves))
    assert {flat.data_ptr() for flat in workspace._free} == before
    for gradients in found:
        assert all(torch.equal(first, second) for first, second in zip(expected, gradients, strict=True))


def test_arrays_made_in_inference_mode_serve_training_afterwards_and_copies_start_with_none() -> None:
    problem, workspace = Problem(2), Workspace()
    with torch.inference_mode():
        problem.ours(_grid(), "tanh", workspace=workspace)
    assert workspace._free
    assert not copy.deepcopy(workspace)._free
    leaves = list(problem.leaves.values())
    found = torch.autograd.grad(problem.ours(_grid(), "tanh", workspace=workspace)[0], leaves)
    assert all(torch.isfinite(gradient).all() for gradient in found)


@pytest.mark.usefixtures("_bin_by_bin")
def test_gradients_can_be_taken_twice() -> None:
    problem = Problem(3)
    leaves = list(problem.leaves.values())
    for kept_bytes in (0, 1 << 30):
        objective, _ = problem.ours(_grid(), "tanh", kept_bytes=kept_bytes)
        first = torch.autograd.grad(objective, leaves, retain_graph=True)
        assert all(torch.equal(a, b) for a, b in zip(first, torch.autograd.grad(objective, leaves), strict=True))


@pytest.mark.usefixtures("_bin_by_bin")
def test_without_gradients_to_come_one_segment_is_kept() -> None:
    problem, workspace = Problem(4, trials=50, units=9, neurons=6), Workspace()
    with torch.no_grad():
        _, loss = problem.ours(_grid(), "tanh", workspace=workspace)
    assert loss.grad_fn is None
    assert max(flat.numel() for flat in workspace._free) <= 3 * 50 * 9
