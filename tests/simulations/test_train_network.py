"""Networks of a stack learn as each would alone by automatic differentiation and torch's optimisers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.errors import DivergenceError
from ltr.simulations.train_network import Adam, Descent, squared_error, train
from ltr.simulations.vanilla_rnn import Network, play, read_out

SEEDS, UNITS, TIME, REACHES, STEPS, STEP = 3, 6, 8, 4, 7, 0.5
PARTS = ("weight", "input_map", "readout", "initial_state", "output_bias")


def _networks():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(SEEDS, *shape, generator=generator, dtype=torch.float64) / shape[-1] ** 0.5

    return Network(draw(UNITS, UNITS), draw(UNITS, 2), draw(1, UNITS), draw(UNITS), output_bias=draw(1))


def _batch(step):
    """Signals, target and mask, other ones on every step."""
    rng = np.random.default_rng(step)
    signals, target = rng.normal(size=(SEEDS, TIME, REACHES, 2)), rng.normal(size=(SEEDS, REACHES, TIME, 1))
    mask = rng.random((1, 1, TIME, 1)) < 0.6
    return tuple(map(torch.tensor, (signals, target, mask.astype(float))))


def _objective(network, step):
    signals, target, mask = _batch(step)
    return squared_error(read_out(network, play(network, signals, None, STEP)), target, mask)


def _alone(index, optimiser, learned):
    """One network, written out: the steps of the network, the loss, the optimiser of torch."""
    parts = {name: getattr(_networks(), name)[index].clone().requires_grad_() for name in PARTS}
    following = optimiser([parts[name] for name in learned])
    losses = []
    for step in range(STEPS):
        signals, target, mask = (tensor[min(index, len(tensor) - 1)] for tensor in _batch(step))
        state, outputs = parts["initial_state"].expand(REACHES, -1), []
        for heard in signals:
            drift = torch.tanh(state) @ parts["weight"].T - state + heard @ parts["input_map"].T
            state = state + STEP * drift
            outputs.append(torch.tanh(state) @ parts["readout"].T + parts["output_bias"])
        kept = mask.expand(REACHES, TIME, 1).bool()
        loss = (torch.stack(outputs, dim=1) - target)[kept].square().mean()
        following.zero_grad()
        loss.backward()
        following.step()
        losses.append(loss.item())
    return losses, parts


class _FallingAdam(torch.optim.Adam):
    """Adam whose rate is 0.02 / (1 + 0.3 k) on step k."""

    taken = 0

    def step(self, closure=None):
        self.param_groups[0]["lr"] = 0.02 / (1 + 0.3 * self.taken)
        self.taken += 1
        return super().step(closure)


@pytest.mark.parametrize("learned", [PARTS, ("weight",), ("weight", "readout")])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Descent(0.3), lambda parts: torch.optim.SGD(parts, lr=0.3)),
        (Adam(0.02), lambda parts: torch.optim.Adam(parts, lr=0.02)),
        (Adam(0.02, decay=0.3), _FallingAdam),
    ],
)
def test_each_network_learns_as_it_would_alone(ours, theirs, learned):
    trained = train(_networks(), _objective, steps=STEPS, optimiser=ours, learned=learned)
    for index in range(SEEDS):
        losses, parts = _alone(index, theirs, learned)
        np.testing.assert_allclose(trained.loss[index], losses, rtol=1e-12)
        for name in PARTS:
            torch.testing.assert_close(
                getattr(trained.network, name)[index], parts[name].detach(), rtol=1e-9, atol=1e-12
            )


def test_frozen_parts_stay_as_they_are_and_the_given_network_too():
    given, before = _networks(), _networks()
    trained = train(given, _objective, steps=STEPS, optimiser=Adam(0.1), learned=("weight",))
    for name in PARTS:
        assert torch.equal(getattr(given, name), getattr(before, name))
        assert torch.equal(getattr(trained.network, name), getattr(before, name)) == (name != "weight")


def test_every_network_may_have_a_rate_of_its_own():
    rates = [0.0, 0.1, 0.3]
    together = train(_networks(), _objective, steps=STEPS, optimiser=Descent(rates)).network.weight
    assert torch.equal(together[0], _networks().weight[0])
    for index, rate in enumerate(rates):
        alone = train(_networks(), _objective, steps=STEPS, optimiser=Descent(rate)).network.weight
        torch.testing.assert_close(together[index], alone[index], rtol=1e-12, atol=1e-14)


def test_snapshots_are_the_parts_before_their_steps_and_at_the_end():
    learned = ("weight", "readout")
    trained = train(_networks(), _objective, steps=7, optimiser=Descent(0.3), learned=learned, snapshot_every=3)
    assert trained.at.tolist() == [0, 3, 6, 7]
    assert set(trained.snapshots) == set(learned)
    for place, steps in enumerate(trained.at):
        stopped = train(_networks(), _objective, steps=int(steps), optimiser=Descent(0.3), learned=learned)
        for name in learned:
            np.testing.assert_array_equal(trained.snapshots[name][:, place], getattr(stopped.network, name).numpy())


def test_without_being_asked_for_no_snapshots_are_kept():
    assert train(_networks(), _objective, steps=2, optimiser=Descent(0.3)).snapshots == {}


def test_what_is_done_after_a_step_holds_on_the_next_one_and_in_the_end():
    network = _networks()
    seen = []

    def objective(playing, step):
        seen.append(float(playing.weight.detach().min()))
        return _objective(playing, step)

    result = train(
        network,
        objective,
        steps=3,
        optimiser=Descent(0.1),
        after_step=lambda playing: playing.weight.clamp_(min=0),
    )

    assert seen[0] < 0
    assert min(seen[1:]) >= 0
    assert float(result.network.weight.min()) >= 0
    assert float(network.weight.min()) < 0  # the given one is as it was


def test_each_network_ends_when_it_has_learned_and_training_when_all_have():
    def objective(network, step):
        return network.weight.square().sum((1, 2)) * torch.tensor([1.0, 1.0, 4.0])

    def small(losses):
        return losses[:, -1] < 0.1 * losses[:, 0]

    start = _networks()
    alone = train(start, objective, steps=200, optimiser=Descent(0.01), snapshot_every=1)
    together = train(start, objective, steps=200, optimiser=Descent(0.01), snapshot_every=1, done=small)

    first = (alone.loss < 0.1 * alone.loss[:, :1]).argmax(1)
    assert first[0] > first[2] > 0
    assert together.loss.shape[1] == first.max() + 1
    for place, end in enumerate(first):
        assert np.isfinite(together.loss[place]).sum() == end + 1
        np.testing.assert_array_equal(together.network.weight[place].numpy(), alone.snapshots["weight"][place, end])
        np.testing.assert_array_equal(together.snapshots["weight"][place, -1], together.network.weight[place].numpy())
    assert together.at[-1] == first.max()


def test_squared_error_counts_what_the_mask_keeps():
    rng = np.random.default_rng(0)
    output, target = rng.normal(size=(2, 3, 4, 2)), rng.normal(size=(1, 3, 4, 2))
    mask = rng.random((1, 1, 4, 1)) < 0.5
    found = squared_error(*map(torch.tensor, (output, target, mask.astype(float)))).numpy()
    kept = np.broadcast_to(mask, output.shape)
    expected = [((output - target)[index][kept[index]] ** 2).mean() for index in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert squared_error(*map(torch.tensor, (output, target, 0.0 * mask))).isnan().all()


def test_a_loss_that_is_not_finite_names_the_network():
    def objective(network, step):
        return network.weight.sum((1, 2)) / torch.tensor([1.0, 1.0, float(step < 2)])

    with pytest.raises(DivergenceError, match=r"network with seed 9 is no longer finite.\n  fix:     lower the rate"):
        train(_networks(), objective, steps=4, optimiser=Descent(0.1), names=[5, 7, 9])
