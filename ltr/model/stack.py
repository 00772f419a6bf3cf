"""Several networks as one: every parameter gets a leading model axis, so that one pass serves all of them.

Networks of a stack have the same trials, sizes and options; their ranks may differ
(padded components are silent) and so may their parameters. A stack is a network like any
other: its losses have one entry a model, and the gradient of their sum is each model's own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ltr.errors import SettingsError
from ltr.model.network import LowTensorRankRNN
from ltr.model.workspace import Workspace
from ltr.types import Int

UNIT_NORM = ("columns", "rows", "ode_readout")  # padded with ones: zeros could not be scaled to norm 1


def stack_networks(networks: Sequence[LowTensorRankRNN]) -> LowTensorRankRNN:
    """One network that computes what all of them do.

    Args:
        networks: of the same design and settings, except for ``rank``.

    Raises:
        SettingsError: they differ in more than their rank and their parameters.

    Returns:
        A network whose parameters have a leading model axis, on the device of the first.
    """
    largest = max(networks, key=lambda network: network.model.rank)
    for network in networks:
        _check_alike(network, largest)
    stacked = copy.deepcopy(largest)
    members = [dict(network.named_parameters()) for network in networks]
    for name, shape in [(name, parameter.shape) for name, parameter in stacked.named_parameters()]:
        padded = [_pad(name, member[name].detach(), shape) for member in members]
        module, leaf = _owner(stacked, name)
        trained = members[0][name].requires_grad
        module.register_parameter(leaf, nn.Parameter(torch.stack(padded), requires_grad=trained))
    maps = [network.mapping for network in networks]
    if not all(torch.equal(mapping, maps[0]) for mapping in maps):
        stacked.mapping = torch.stack(maps)
    ranks = torch.tensor([network.model.rank for network in networks], device=largest.mapping.device)
    stacked.used = (torch.arange(largest.model.rank, device=ranks.device) < ranks[:, None]).to(largest.mapping)
    return stacked


def read_parameters(stacked: LowTensorRankRNN, networks: Sequence[LowTensorRankRNN]) -> None:
    """Give the stack the parameters that the networks it was made of have now."""
    joint = dict(stacked.named_parameters())
    with torch.no_grad():
        for model, network in enumerate(networks):
            for name, parameter in network.named_parameters():
                _slot(joint[name], model, parameter).copy_(parameter)


def write_gradients(stacked: LowTensorRankRNN, networks: Sequence[LowTensorRankRNN]) -> None:
    """Give each network the gradient that its parameters have in the stack made of them."""
    for name, joint in stacked.named_parameters():
        if joint.grad is not None:
            for model, network in enumerate(networks):
                parameter = network.get_parameter(name)
                parameter.grad = _slot(joint.grad, model, parameter).clone()


def member_weights(stacked: LowTensorRankRNN, model: int, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of one member's parameters.

    Args:
        stacked: from :func:`stack_networks`.
        model: its position.
        like: parameters of that network alone, for their shapes.
    """
    joint = dict(stacked.named_parameters())
    return {name: _slot(joint[name].detach(), model, parameter).clone() for name, parameter in like.items()}


def select_members(stacked: LowTensorRankRNN, members: Int[Tensor, " kept"]) -> LowTensorRankRNN:
    """The stack of some of a stack's networks."""
    memo = {id(stacked.workspace): Workspace()}  # what it holds is large, and of another size
    smaller = copy.deepcopy(stacked, memo)
    for name, parameter in list(smaller.named_parameters()):
        module, leaf = _owner(smaller, name)
        kept = parameter.detach().index_select(0, members)
        module.register_parameter(leaf, nn.Parameter(kept, requires_grad=parameter.requires_grad))
    if stacked.mapping.ndim == 3:
        smaller.mapping = stacked.mapping.index_select(0, members)
    assert stacked.used is not None
    smaller.used = stacked.used.index_select(0, members)
    return smaller


def _check_alike(network: LowTensorRankRNN, other: LowTensorRankRNN) -> None:
    design, expected = network.design, other.design
    same_rank = network.model.model_copy(update={"rank": other.model.rank})
    alike = (
        (same_rank, network.inputs, network.solver) == (other.model, other.inputs, other.solver)
        and network.factors.constant_factors == other.factors.constant_factors
        and (design.n_bins, design.n_neurons, design.bin_ms) == (expected.n_bins, expected.n_neurons, expected.bin_ms)
        and torch.equal(network.in_condition, other.in_condition)
        and torch.equal(network.input_on, other.input_on)
        and network.mapping.shape == other.mapping.shape
    )
    if not alike:
        raise SettingsError(
            "networks that differ in more than their rank cannot be stacked.",
            allowed="the same trials, sizes, inputs and solver, and as many trials with data",
            fix="train them one by one",
        )


def _slot(joint: Tensor, model: int, like: Tensor) -> Tensor:
    """Where one member's parameter is among those of all, without its padding."""
    return joint[model][tuple(slice(size) for size in like.shape)]


def _pad(name: str, parameter: Tensor, shape: torch.Size) -> Tensor:
    padded = parameter.new_full(shape, 1.0 if name in UNIT_NORM else 0.0)
    padded[tuple(slice(size) for size in parameter.shape)] = parameter
    return padded


def _owner(network: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return network.get_submodule(path), leaf
