"""The reduced network against the brute-force n-dimensional one, and every option of the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchsde
from scipy.optimize import linear_sum_assignment

from ltr.analysis.spectra import weight_eigenvalues
from ltr.model.factors import dense_weights
from ltr.model.network import LowTensorRankRNN
from ltr.model.observation import Target
from ltr.settings import PenaltySettings
from ltr.training.objective import Objective
from tests.problems import dense_states, plain_steps, small_design, small_network, start_deviations

# same integrator and step on both sides, so only the order of operations differs
RELATIVE = 1e-10

MODELS = [
    {},
    {"solver": "rk4"},
    {"solver": "euler", "steps_per_bin": 3},
    {"steps_per_bin": 2},
    {"inputs": "none"},
    {"inputs": "constant"},
    {"input_sharing": "shared"},
    {"input_map": "free", "input_dimension": 2},
    {"input_map": "free", "inputs": "constant", "solver": "rk4", "steps_per_bin": 2},
    {"initial_state": "condition"},
    {"initial_state": "trial"},
    {"initial_state": "trial", "constant_factors": True, "input_map": "free"},
    {"recurrent_bias": True},
    {"recurrent_bias": True, "input_map": "free"},
    {"activation": "relu"},
    {"activation": "softplus"},
    {"activation": "identity"},
    {"activation": "rectified_tanh"},
    {"epoch_breaks": True},
    {"constant_factors": True},
    {"rank": 1},
]


@pytest.mark.parametrize("values", MODELS, ids=str)
def test_reduced_states_equal_those_of_the_dense_network(values: dict) -> None:
    network = small_network(**values)
    for parameter in (network.start_whitened, getattr(network, "recurrent_bias", None)):
        if parameter is not None:
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    dense = dense_states(network)
    reduced = (network().state @ network.basis().T).detach().numpy()
    assert np.abs(dense).max() > 0.1
    np.testing.assert_allclose(reduced, dense, rtol=0, atol=RELATIVE * np.abs(dense).max())


def test_dense_states_stay_in_the_span_of_columns_and_input_directions() -> None:
    """LTR-01: the residual outside the span is rounding."""
    network = small_network(input_map="free", input_dimension=2)
    dense = dense_states(network).reshape(-1, network.model.units)
    basis, _ = np.linalg.qr(network.basis().detach().numpy())
    residual = dense - dense @ basis @ basis.T
    assert np.abs(residual).max() <= 1e-12 * np.abs(dense).max()


def test_rk4_states_agree_with_adaptive_torchsde_on_dense_weights() -> None:
    """An independent solver, adaptive, on W^(k) in full with the noise set to zero.

    torchsde's Euler is of order 1; its local tolerance of 1e-7 leaves a global error near 1e-4.
    """
    network = small_network(inputs="none", solver="rk4", steps_per_bin=4)
    weights = dense_weights(network.basis(), network.unit_rows(), network.trial_factors()).detach()
    start = (network.start @ network.basis().T).detach().expand(len(weights), -1)

    class Dense(torch.nn.Module):
        noise_type, sde_type = "additive", "ito"

        def f(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return torch.einsum("kij,kj->ki", weights, torch.tanh(x)) - x

        def g(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros(*x.shape, 1, dtype=x.dtype)

    times = torch.arange(network.design.n_bins, dtype=torch.float64) * network.bin_width
    options = {"adaptive": True, "rtol": 1e-7, "atol": 1e-7, "dt": 1e-3, "dt_min": 1e-6}
    adaptive = torchsde.sdeint(Dense(), start, times, method="euler", **options)
    reduced = (network().state @ network.basis().T).detach()
    torch.testing.assert_close(adaptive.transpose(0, 1), reduced, rtol=0, atol=3e-4 * float(reduced.abs().max()))


def test_nonzero_eigenvalues_of_the_dense_weights_come_from_the_small_matrix() -> None:
    network = small_network(units=30, rank=4)
    columns, rows = network.basis().detach().numpy(), network.unit_rows().detach().numpy()
    factors = network.trial_factors().detach().numpy()
    small = weight_eigenvalues(columns, rows, factors)
    dense = dense_weights(*(torch.as_tensor(value) for value in (columns, rows, factors))).numpy()
    for k in range(len(factors)):
        full = np.linalg.eigvals(dense[k])
        full = full[np.argsort(-np.abs(full))]
        distance = np.abs(small[k][:, None] - full[None, :4])
        assert distance[linear_sum_assignment(distance)].max() < 1e-8
        assert np.abs(full[4:]).max() < 1e-8


def test_weights_have_at_most_rank_r_on_every_trial() -> None:
    network = small_network(rank=3)
    dense = dense_weights(network.basis(), network.unit_rows(), network.trial_factors()).detach().numpy()
    assert all(np.linalg.matrix_rank(weights, tol=1e-10) == 3 for weights in dense)


def test_columns_and_rows_have_unit_norm_whatever_the_raw_parameters() -> None:
    network = small_network()
    torch.nn.init.normal_(network.columns, std=7.0, generator=torch.Generator().manual_seed(2))
    for vectors in (network.basis(), network.unit_rows()):
        torch.testing.assert_close(vectors.norm(dim=0), torch.ones(3, dtype=torch.float64), rtol=1e-12, atol=0)


def test_starting_values_are_drawn_as_documented() -> None:
    """Rows start as columns, offsets at 1, x(0) within 0.2 sqrt(n) / sqrt(R) along each column, gain sqrt(n / m)."""
    network = small_network(units=200, rank=5)
    torch.testing.assert_close(network.unit_rows(), network.basis())
    assert torch.equal(network.offset.detach(), torch.ones(5, dtype=torch.float64))
    assert network.start.abs().max() <= 0.2 * (200 / 5) ** 0.5
    torch.testing.assert_close(network.input_gain.detach(), torch.full((5,), (200 / 5) ** 0.5, dtype=torch.float64))


def test_trials_of_a_condition_share_their_input_and_conditions_differ() -> None:
    courses, _ = small_network().input_courses()
    assert courses is not None
    assert courses.shape == (2, 12, 3)
    assert not torch.allclose(courses[0], courses[1])


def test_input_after_its_end_changes_nothing_and_gets_no_gradient() -> None:
    """LTR-06 (b): u is off from the off-bin on, exactly."""
    network = small_network(inputs="known", input_dimension=2, design=_design_with_known_input())
    network.known_input.requires_grad_(True)
    network().state.sum().backward()
    gradient = network.known_input.grad
    last_off = network.design.off_bin.max()
    assert gradient[:, : network.design.off_bin.min()].abs().min() > 0
    assert gradient[:, last_off + 1 :].abs().max() == 0


def _design_with_known_input():
    known = np.random.default_rng(0).normal(size=(2, 12, 2))
    return small_design(known_input=known)


def test_known_inputs_drive_the_network_like_the_dense_one() -> None:
    network = small_network(inputs="known", design=_design_with_known_input())
    dense = dense_states(network)
    reduced = (network().state @ network.basis().T).detach().numpy()
    np.testing.assert_allclose(reduced, dense, rtol=0, atol=RELATIVE * np.abs(dense).max())


@pytest.mark.parametrize("train", [True, False])
def test_input_gain_is_trained_unless_told_not_to(train: bool) -> None:
    network = small_network(train_input_gain=train)
    network().output.square().mean().backward()
    assert (network.input_gain.grad is not None) == train


def test_predicting_some_trials_equals_picking_them_from_all() -> None:
    network = small_network()
    some = torch.tensor([1, 4])
    torch.testing.assert_close(network(some).output, network().output[some], rtol=1e-12, atol=0)


def test_factors_at_a_recorded_trial_are_the_smooth_part() -> None:
    """The posterior at recorded trials is the smoother K (K + sigma^2 I)^-1 (c - o) + o."""
    network = small_network()
    design, settings = network.design, network.factors
    distance = np.subtract.outer(design.trials, design.trials)
    smooth = settings.amplitude**2 / (1 + distance**2 / (2 * settings.length_scale**2))
    factors = network.trial_factors().detach().numpy()
    offset = network.offset.detach().numpy()
    expected = smooth @ np.linalg.inv(smooth + settings.noise**2 * np.eye(7)) @ (factors - offset) + offset
    found = network.factors_at(design.trials, design.epochs).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_held_out_trials_get_their_expectation_from_the_others() -> None:
    """Whole held-out trials have no coefficients of their own, and gradients reach those of the others."""
    has_data = np.array([True, True, False, True, True, False, True])
    network = small_network(design=small_design(has_data=has_data))
    assert network.whitened.shape == (5, 3)
    held_out = network.trial_factors()[~torch.as_tensor(has_data)]
    expected = network.factors_at(network.design.trials[~has_data], network.design.epochs[~has_data])
    torch.testing.assert_close(held_out, expected, rtol=1e-9, atol=1e-12)
    held_out.sum().backward()
    assert (network.whitened.grad.abs() > 0).all()


def _with_own_starts(has_data: np.ndarray | None = None, **values: object) -> LowTensorRankRNN:
    """Initial states that differ between trials."""
    design = small_design() if has_data is None else small_design(has_data=has_data)
    network = small_network(design, initial_state="trial", **values)
    torch.nn.init.normal_(network.start_whitened, generator=torch.Generator().manual_seed(3))
    return network


def test_a_trials_own_initial_state_draws_nothing_and_starts_at_that_of_its_condition() -> None:
    own, by_condition = (small_network(initial_state=kind) for kind in ("trial", "condition"))
    states = dict(own.state_dict())
    assert (states.pop("start_whitened") == 0).all()
    assert all(torch.equal(states[name], value) for name, value in by_condition.state_dict().items())
    assert set(states) == set(by_condition.state_dict())
    assert torch.equal(own().output, by_condition().output)


@pytest.mark.parametrize("constant_factors", [False, True])
def test_gradients_of_own_initial_states_are_those_of_plain_steps(constant_factors: bool) -> None:
    """Automatic differentiation through every step in n dimensions, from the prior's formulas on; a held-out trial."""
    has_data = np.arange(7) != 2
    network = _with_own_starts(has_data, inputs="none", constant_factors=constant_factors)
    target = torch.linspace(-1, 1, 12 * 7 * 6, dtype=torch.float64).view(12, 7, 6)
    mask = (torch.arange(target.numel()) % 3 > 0).view_as(target)
    seen = network.compare(Target.of(target, mask))
    found = torch.autograd.grad(seen.loss, [network.start_whitened, network.start])

    whitened = network.start_whitened.detach().clone().requires_grad_()
    start = network.start.detach().clone().requires_grad_()
    # linear in the coefficients: one column of the map at a time
    mapping = np.stack([start_deviations(network, np.eye(6)[:, [one]])[:, 0] for one in range(6)], 1)
    columns, rows = network.basis().detach(), network.unit_rows().detach()
    weights = dense_weights(columns, rows, network.trial_factors().detach())
    kappa = start[network.design.conditions] + torch.as_tensor(mapping) @ whitened

    def field(x: torch.Tensor, entering: torch.Tensor) -> torch.Tensor:
        return torch.einsum("kij,kj->ki", weights, torch.tanh(x)) - x + entering

    begin = kappa @ columns.T
    states = torch.stack(plain_steps(field, begin, torch.zeros(2, 11, *begin.shape).double(), network.grid()))
    loss = (
        (network.read_out(states, network.reading()._replace(basis=torch.eye(20).double())) - target)[mask] ** 2
    ).mean()
    torch.testing.assert_close(seen.loss, loss, rtol=1e-12, atol=0)
    expected = torch.autograd.grad(loss, [whitened, start])
    for one, other in zip(found, expected, strict=True):
        assert one.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-13)


def test_initial_states_of_other_trials_are_expected_from_those_with_data() -> None:
    """At a held-out trial as in the recording; far from all others, that of the condition."""
    has_data = np.arange(7) != 3
    network = _with_own_starts(has_data)
    expected = start_deviations(network, network.start_whitened.detach().numpy())
    np.testing.assert_allclose(network.start_deviation().detach(), expected, rtol=1e-9, atol=1e-12)
    found = network.start_deviation_at(np.array([5, 10**6]), np.array([0, 0])).detach().numpy()
    np.testing.assert_allclose(found[0], expected[3], rtol=1e-9)
    np.testing.assert_allclose(found[1], 0, atol=1e-6)


def test_given_initial_states_are_predicted_like_the_recordings_own() -> None:
    network = _with_own_starts()
    design, factors, own = network.design, network.trial_factors().detach(), network.start_deviation().detach()
    found = network.predict_with(factors, design.conditions, design.off_bin, own).output
    torch.testing.assert_close(found, network().output.detach(), rtol=1e-12, atol=1e-14)
    without = network.predict_with(factors, design.conditions, design.off_bin).output
    assert not torch.allclose(without, found)


def test_independent_factors_of_held_out_trials_are_the_offset() -> None:
    has_data = np.arange(7) != 3
    network = small_network(small_design(has_data=has_data), kernel_form="independent", amplitude=0.3, noise=0.4)
    torch.testing.assert_close(network.trial_factors()[3], network.offset, rtol=0, atol=0)
    others = network.offset + 0.5 * network.whitened
    torch.testing.assert_close(network.trial_factors()[torch.as_tensor(has_data)], others, rtol=1e-12, atol=0)


def test_poisson_networks_start_at_the_mean_rate_of_each_neuron() -> None:
    """With the readout weights at zero, the expected count is the mean, for both links."""
    mean = np.array([0.1, 0.5, 1.0, 2.0, 5.0, 20.0])
    for link, gain in (("softplus", True), ("softplus", False), ("exp", True)):
        settings = {"likelihood": "poisson", "link": link, "neuron_gain": gain}
        network = small_network(**settings)
        network._draw_readout(torch.Generator().manual_seed(0), mean)
        network.double()
        torch.nn.init.zeros_(network.readout_raw)
        expected = network().output[0, 0].exp().detach().numpy()
        np.testing.assert_allclose(expected, mean, rtol=1e-12)


def test_default_solver_error_is_as_stated() -> None:
    """README: Heun with one step per bin of a fifth of tau errs below 0.5 % of the largest state."""
    errors = []
    for seed in range(3):
        network = small_network(seed=seed, units=200, rank=5)
        fine = small_network(seed=seed, units=200, rank=5, solver="rk4", steps_per_bin=50)
        # same inputs for both: the neural ODE is integrated on its own
        courses = fine.input_courses()
        network.input_courses = lambda n_bins, courses=courses: tuple(course[:, :n_bins] for course in courses)
        reference = fine().state.detach()
        errors.append(float((network().state.detach() - reference).abs().max() / reference.abs().max()))
    assert max(errors) < 5e-3


def test_coefficients_of_initial_states_are_penalised_like_those_of_factors() -> None:
    """The weight times their mean square, on top of the rest."""
    network = _with_own_starts()
    activity, mask = np.zeros((7, 12, 6)), np.ones((7, 12, 6), bool)
    place = {"device": torch.device("cpu"), "dtype": torch.float64}
    losses = []
    for weight in (0.0, 0.4):
        penalties = PenaltySettings(activity_penalty=0.0, factor_penalty=weight)
        built = {"off_bin": network.design.off_bin, "penalties": penalties, "likelihood": "gaussian"}
        losses.append(Objective.build(activity, mask, ~mask, **built, **place).training_loss(network))
    expected = 0.4 * (network.whitened.square().mean() + network.start_whitened.square().mean())
    torch.testing.assert_close(losses[1] - losses[0], expected, rtol=1e-9, atol=0)
