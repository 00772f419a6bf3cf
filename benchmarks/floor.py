"""The floor: the matrix products and activations of one training step, alone.

Nothing in the reduced form can do without them: at each evaluation of the field x = S z, phi and B^T phi, and in
the backward pass the two products back, phi' and the two products with the gradients of S and B; then the readout
of the fitted bins with its two backward products. Outputs are allocated beforehand, everything else (steps, trial
factors, residuals) is left out, and values are random: only the time counts.

Trials come first and units are contiguous, with S and B stored as rank x unit. On the processors tried this is as
fast as units x trials or faster for every one of the products, and the bins of the readout need no copy to be one
product. Gradients of the weights are one product over all evaluations rather than one each, which is faster again.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from benchmarks.problem import Fitted, Sizes


class Floor:
    """Buffers of one step, and the operations on them.

    Args:
        sizes: of the problem.
        fitted: which bins are read out.
        activation: ``tanh``, or the same by 2 sigmoid(2x) - 1.
        device: where.
        dtype: precision.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        fitted: Fitted = "all",
        activation: Literal["tanh", "sigmoid"] = "tanh",
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        generator = torch.Generator(device=device).manual_seed(0)

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, device=device, dtype=dtype) / shape[-1] ** 0.5

        trials, units, rank, neurons, bins = sizes.trials, sizes.units, sizes.rank, sizes.neurons, sizes.bins
        # Heun: two evaluations a step, and one for the readout of the last bin; those at bins come first
        self.evaluations, self.bins = 2 * (bins - 1) + 1, bins
        self.read = range(sizes.preparatory if fitted == "execution" else 0, bins)
        self.basis, self.rows, self.readout = random(rank, units), random(rank, units), random(neurons, units)
        self.state, self.weighted = (random(self.evaluations, trials, rank) for _ in range(2))
        self.drives, self.at_state = (random(self.evaluations, trials, rank) for _ in range(2))
        self.rates, self.at_units = (random(self.evaluations, trials, units) for _ in range(2))
        self.output, self.residual = (random(len(self.read), trials, neurons) for _ in range(2))
        self.from_basis, self.from_rows = random(rank, units), random(rank, units)
        self.from_readout = random(neurons, units)
        self.activation = activation
        self.doubled = 2 * self.basis
        self.minus_one = -torch.ones((), device=device, dtype=dtype)

    def step(self) -> None:
        """All of it once, in the order of a training step."""
        with torch.no_grad():
            self._forward()
            self._read_out()
            self._backward()

    def _forward(self) -> None:
        tanh = self.activation == "tanh"
        basis = self.basis if tanh else self.doubled  # the inner factor of 2 costs nothing
        for index in range(self.evaluations):
            rates = self.rates[index]
            torch.mm(self.state[index], basis, out=rates)
            if tanh:
                rates.tanh_()
            else:
                rates.sigmoid_()
                torch.add(self.minus_one, rates, alpha=2, out=rates)
            if index != self.bins - 1:  # the last bin is read out, but no step starts there
                torch.mm(rates, self.rows.T, out=self.drives[index])

    def _read_out(self) -> None:
        units, neurons = self.readout.shape[1], self.readout.shape[0]
        rates = self.rates[self.read.start : self.read.stop].view(-1, units)
        residual = self.residual.view(-1, neurons)
        torch.mm(rates, self.readout.T, out=self.output.view(-1, neurons))
        torch.mm(residual, self.readout, out=self.at_units[self.read.start : self.read.stop].view(-1, units))
        torch.mm(residual.T, rates, out=self.from_readout)

    def _backward(self) -> None:
        for index in reversed(range(self.evaluations)):
            at_units = self.at_units[index]
            if index in self.read and index != self.bins - 1:  # added to what the readout left there
                torch.addmm(at_units, self.weighted[index], self.rows, out=at_units)
            elif index != self.bins - 1:
                torch.mm(self.weighted[index], self.rows, out=at_units)
            torch.ops.aten.tanh_backward.grad_input(at_units, self.rates[index], grad_input=at_units)
            torch.mm(at_units, self.basis.T, out=self.at_state[index])
        units, rank = self.rows.shape[1], self.rows.shape[0]
        torch.mm(self.state.view(-1, rank).T, self.at_units.view(-1, units), out=self.from_basis)
        torch.mm(self.weighted.view(-1, rank).T, self.rates.view(-1, units), out=self.from_rows)
