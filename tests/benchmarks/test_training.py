"""What is timed against each other trains the same networks on the same trials."""

import pytest
import torch

from benchmarks.training import Case, train_by_autograd, train_stack
from ltr.simulations.task_network import LEARNED, random_networks
from ltr.simulations.tasks.catalogue import TASKS


@pytest.mark.parametrize("name", TASKS)
def test_plain_autograd_takes_the_same_steps(name):
    task, case = TASKS[name], Case(units=12, batch=4, epochs=3)
    start = random_networks(task, [0, 1], [0.9, 0.9], 12)

    ours, plain = train_stack(case, task, start), train_by_autograd(case, task, start)

    for part in LEARNED:
        before, after, expected = (getattr(network, part)[0] for network in (start, ours, plain))
        assert (after - before).abs().max() > 1e-3
        torch.testing.assert_close(after, expected, rtol=0, atol=2e-5)
