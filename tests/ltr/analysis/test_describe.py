"""Order and signs of components are free: fixing them moves everything that belongs to a component along."""

from __future__ import annotations

import pytest
import torch

from ltr.analysis.describe import canonicalise
from tests.problems import small_network


@pytest.mark.parametrize("constant_factors", [False, True])
def test_own_initial_states_follow_their_components(constant_factors: bool) -> None:
    """Components in another order and with other signs, so that both have to be fixed."""
    network = small_network(initial_state="trial", constant_factors=constant_factors)
    with torch.no_grad():
        network.offset.copy_(torch.tensor([-1.0, 0.5, -0.3]))
        network.start_whitened.normal_(generator=torch.Generator().manual_seed(1))
    before, drawn = network().output.detach(), network.start_whitened.detach().clone()
    canonicalise(network)
    torch.testing.assert_close(network().output.detach(), before, rtol=1e-9, atol=1e-12)
    share = network().state[..., :3].var(dim=(0, 1))
    assert (share.diff() <= 0).all()
    # the same columns up to sign, and not as they were
    size = network.start_whitened.abs().sum(0)
    torch.testing.assert_close(size.sort()[0], drawn.abs().sum(0).sort()[0], rtol=1e-12, atol=0)
    assert not torch.equal(network.start_whitened, drawn)
