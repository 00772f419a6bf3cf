"""Measures on networks of several channels, against brute force and closed forms.

Nothing here trains for long: that trained networks are as published is what the claims measure.
"""

import numpy as np
import pytest
import torch
from scipy.stats import chi

from ltr.simulations.integrator import Activity, integrator_network
from ltr.simulations.suites.integrators.channel_networks import (
    RECIPES,
    along_axes,
    largest_gap,
    linear_map,
    main_directions,
    outside,
    selectivity,
)
from ltr.simulations.suites.integrators.columns_of_one_sign import (
    column_signs,
    explained,
    keep_signs,
    only,
    rectified_degrees,
    rectified_projections,
    truncated,
)
from ltr.simulations.suites.integrators.random_currents import ratio_of_means
from ltr.simulations.suites.integrators.supports_and_selectivity import CASES, between, support


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def _basis(rng, units, channels):
    return np.linalg.qr(rng.normal(size=(units, channels)))[0]


def test_the_part_outside_of_a_plane_is_what_least_squares_leave(rng):
    currents, basis = rng.normal(size=(3, 4, 9)), _basis(rng, 9, 2)

    found = outside(currents, basis)

    inside, rest = [], []
    for current in currents.reshape(-1, 9):
        projected = basis @ np.linalg.lstsq(basis, current, rcond=None)[0]
        inside.append(np.linalg.norm(projected))
        rest.append(np.linalg.norm(current - projected))
    assert found.of_means == pytest.approx(np.mean(rest) / np.mean(inside), rel=1e-12)
    squares = np.mean(np.square(rest)) / np.mean(np.square(currents).sum(-1))
    assert found.of_squares == pytest.approx(np.sqrt(squares), rel=1e-12)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_mean_norms_of_random_currents_are_those_of_the_chi_distribution(channels):
    expected = chi(200 - channels).mean() / chi(channels).mean()
    assert ratio_of_means(200, channels) == pytest.approx(expected, rel=1e-9)


def test_a_linear_map_is_found_with_its_r_squared(rng):
    true, integrals = rng.normal(size=(2, 3)), rng.normal(size=(5, 7, 3))
    noise = np.stack([np.zeros((5, 7)), rng.normal(size=(5, 7))], axis=-1)

    found, explained = linear_map(integrals, integrals @ true.T + noise)

    np.testing.assert_allclose(found[0], true[0], rtol=1e-10)
    assert explained[0] == pytest.approx(1)
    assert 0 < explained[1] < 1


def test_units_are_selective_for_the_directions_that_their_currents_have(rng):
    basis, inner = _basis(rng, 12, 2), rng.normal(size=(2, 2))
    outputs = rng.normal(size=(2, 4, 6, 2))
    currents = outputs @ (basis @ inner).T
    activity = Activity(np.maximum(currents, 0), currents, outputs, outputs[0])

    np.testing.assert_allclose(selectivity(activity, 1, basis), basis @ inner, atol=1e-12)


def test_main_directions_span_what_weights_of_low_rank_map_to(rng):
    left = np.stack([_basis(rng, 10, 2) for _ in range(3)])
    weights = left * np.array([3.0, 2.0]) @ np.stack([_basis(rng, 10, 2) for _ in range(3)]).mT
    vectors = rng.normal(size=(2, 3, 10, 2))
    network = integrator_network(*vectors, weights=weights, dtype=torch.float64)

    values, directions = main_directions(network)

    np.testing.assert_allclose(values[:, :3], [[3, 2, 0]] * 3, atol=1e-12)
    np.testing.assert_allclose(directions @ directions.mT, left @ left.mT, atol=1e-12)
    assert [largest_gap(one[:3] + 1e-6) for one in values] == [2] * 3
    kept = only(network, slice(0, 1)).weight + only(network, slice(1, None)).weight
    torch.testing.assert_close(kept, network.weight)


def test_angles_cluster_at_axes_or_between_them():
    axes = np.array([[1.0, 0.0], [0.0, -2.0], [-0.1, 0.0]])
    turned = axes @ np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    assert along_axes(axes) == pytest.approx(1)
    assert along_axes(turned) == pytest.approx(-1)


def test_supports_are_where_the_cases_say():
    overlapping, apart = support("more than half", 10), support("half", 10)
    assert np.flatnonzero(overlapping.all(1)).tolist() == [4, 5]
    assert not apart.all(1).any()
    assert apart.any(1).all()
    for name in {part for case in CASES.values() for part in case}:
        np.testing.assert_allclose((support(name, 10) ** 2).sum(0), 10)  # so norms stay about 1


def test_weights_between_halves_are_counted_both_ways():
    blocks = np.kron(np.eye(2), np.ones((3, 3)))
    assert between(blocks, 3, 3) == 0
    assert between(1 - blocks, 3, 3) == 1
    assert between(np.ones((10, 10)), 4, 6) == pytest.approx(0.32)


def test_weights_of_the_wrong_sign_are_removed_and_no_others():
    signs = column_signs(8, 0.25)
    assert signs.tolist() == [-1, -1, 1, 1, 1, 1, 1, 1]
    weight = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    kept = weight.clone()

    keep_signs(kept, torch.as_tensor(signs, dtype=torch.float32))

    right = weight.sign() == torch.as_tensor(signs)
    assert torch.equal(kept[right], weight[right])
    assert not kept[~right].any()


@pytest.mark.parametrize("channels", [2, 3])
def test_singular_values_of_rectified_projections(channels):
    if channels == 2:
        angle = np.linspace(0, 2 * np.pi, 600, endpoint=False)
        directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        index = np.arange(600) + 0.5  # a spiral from pole to pole is even on the sphere
        height, turn = 1 - index / 300, np.pi * (1 + np.sqrt(5)) * index
        directions = np.stack([np.cos(turn), np.sin(turn), height], axis=1)
        directions[:, :2] *= np.sqrt(1 - height**2)[:, None]
    expected = rectified_degrees(channels)

    singular = np.linalg.svd(np.maximum(directions @ directions.T, 0), compute_uv=False) / 600

    np.testing.assert_allclose(singular[: len(expected)], expected, rtol=5e-3)  # of the spiral; circles agree to 1e-4


def test_full_networks_have_the_published_size():
    assert RECIPES["full"].keys() == RECIPES["quick"].keys()
    for name, recipe in RECIPES["full"].items():
        quick = RECIPES["quick"][name]
        assert recipe.units == 1000
        assert (recipe.decays, recipe.response, recipe.steps) == (quick.decays, quick.response, quick.steps)
        assert f"D = {len(recipe.decays)}" in name.partition(" trained as")[0]


def test_rectified_projections_are_found_and_are_not_of_low_rank(rng):
    seen, true = rng.normal(size=(60, 2)), rng.normal(size=(2, 50))
    weights = np.maximum(seen @ true, 0)

    found = rectified_projections(weights, seen)

    np.testing.assert_allclose(found, weights, atol=1e-9)
    assert explained(weights, truncated(weights, 3)) < 0.95
    assert explained(weights, truncated(weights, 50)) == pytest.approx(1)
