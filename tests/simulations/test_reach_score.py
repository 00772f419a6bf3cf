"""The closed form of the hand, the loss and its gradient agrees with the task's own functions."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.simulations.reach_score import score_reaches
from ltr.simulations.tasks.reach import ReachTask, curl_field, hand_path, hand_response, reach_loss, target_positions


@settings(max_examples=30, deadline=None)
@given(
    seeds=st.integers(1, 3),
    reaches=st.integers(1, 5),
    units=st.integers(1, 6),
    go_step=st.integers(1, 7),
    random=st.integers(0, 2**32 - 1),
)
def test_path_loss_and_gradient_are_those_of_the_task(seeds, reaches, units, go_step, random):
    rng = np.random.default_rng(random)
    task, field = ReachTask(go_time=0.1 * go_step, end_time=0.8), curl_field(0.8)
    activity = torch.tensor(rng.normal(size=(seeds, reaches, 8, units)), requires_grad=True)
    readout = torch.tensor(rng.normal(size=(seeds, 2, units)))
    target = np.stack([target_positions(rng.uniform(0, 360, reaches)) for _ in range(seeds)])
    response = torch.tensor(hand_response(field, task))
    score = score_reaches(activity, readout, response, torch.tensor(target), task.go_step)
    (gradient,) = torch.autograd.grad(score.loss.sum(), activity)
    for index in range(seeds):
        force = activity[index] @ readout[index].T
        path, _ = hand_path(force.detach().numpy(), field, task)
        # the same arithmetic in another order
        np.testing.assert_allclose(score.position[index].numpy(), path, rtol=0, atol=1e-12 * np.abs(path).max())
        position = (force.flatten(1) @ response).view(force.shape)
        loss = reach_loss(position, torch.tensor(target[index]), task)
        np.testing.assert_allclose(score.loss[index].item(), loss.item(), rtol=1e-12)
        exact = torch.autograd.grad(loss, activity)[0][index]
        assert (gradient[index] - exact).abs().max() <= 1e-12 * exact.abs().max()
