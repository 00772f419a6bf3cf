"""INT-31: gradient and second derivatives of the proxy loss in closed form."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import torch
from torch import Tensor

from ltr.simulations.integrator import drawn_vectors, proxy_loss
from ltr.simulations.suites.integrators.rectified_networks import RELU
from ltr.simulations.suites.integrators.rectified_proxy import Proxy, descend, gradient_factors, residuals
from ltr.simulations.tasks.integrate import IntegrateTask
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Float

SIGNS = (1, -1)


def measure(protocol: Protocol) -> Measured:
    """Formulas against automatic differentiation at random weights, and at integrators."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    units, scale, decay = protocol["units"], protocol["scale"], protocol["decay"]
    encoders, decoders = (torch.from_numpy(part[..., 0]) for part in drawn_vectors(protocol.seeds, units, 1))
    proxy = Proxy(encoders, decoders, scale, decay)
    descended = descend(proxy, protocol["rate"], stop=protocol["stop"], steps=protocol["updates"])
    trained = descended.weights
    values["proxy loss at integrators"] = descended.loss[:, -1].tolist()
    for index, seed in enumerate(protocol.seeds):
        one = Proxy(encoders[index : index + 1], decoders[index : index + 1], scale, decay)
        weights = np.random.default_rng([seed, 1]).normal(size=(units, units)) / np.sqrt(units)
        automatic = automatic_gradient(weights, one)
        left, right = gradient_factors(
            residuals(torch.from_numpy(weights[None]), one), torch.from_numpy(weights[None]), one
        )
        note("gradient, relative error as corrected", _relative((left.mT @ right)[0].numpy(), automatic))
        for reading, subtracted in (("s gamma", np.ones(units)), ("s gamma e", one.encoders[0].numpy())):
            printed = printed_gradient(weights, one, scale * decay * subtracted)
            note(f"gradient, relative error as printed with {reading}", _relative(printed, automatic))
        for place, matrix in (("random weights", weights), ("integrators", trained[index])):
            curvature = automatic_hessian(matrix, one)
            printed = hessian(matrix, one, as_printed=True)
            note(f"Hessian at {place}, relative error as corrected", _relative(hessian(matrix, one), curvature))
            note(f"Hessian at {place}, relative error as printed", _relative(printed, curvature))
            if place == "integrators":
                true, false = np.linalg.eigvalsh(curvature), np.linalg.eigvalsh(printed)
                note("least over largest eigenvalue at integrators", true[0] / true[-1])
                note("least over largest eigenvalue at integrators, as printed", false[0] / true[-1])
                note("largest eigenvalue as printed, relative error", abs(false[-1] / true[-1] - 1))
    return Measured(values)


def sides(
    weights: Float[Array, "unit unit"], proxy: Proxy
) -> tuple[Float[Array, "2 unit"], Float[Array, "2 unit"], Float[Array, "2 unit"]]:
    """For both signs: which currents have it, by what W halves miss gamma W e, and the halves without gamma e."""
    encoder = proxy.encoders[0].numpy()
    signed = np.outer(SIGNS, weights @ encoder)
    halves = np.maximum(signed, 0)
    kept = halves @ weights.T - proxy.decay * signed
    return (signed > 0).astype(float), kept, halves - proxy.decay * np.outer(SIGNS, encoder)


def hessian(
    weights: Float[Array, "unit unit"], proxy: Proxy, *, as_printed: bool = False
) -> Float[Array, "weight weight"]:
    """Second derivatives of equation 29 where no current is 0, row after row of the weights.

    Args:
        weights: W.
        proxy: of one network.
        as_printed: the sum in appendix I, which forgets in two terms which currents are positive.
    """
    encoder, decoder = proxy.encoders[0].numpy(), proxy.decoders[0].numpy()
    active, kept, off = sides(weights, proxy)
    units = len(encoder)
    one = np.eye(units)
    total = np.einsum(
        "ik,j,l->ijkl", active.T @ active * (np.outer(decoder, decoder) + weights.T @ weights), encoder, encoder
    )
    total += np.einsum("ik,jl->ijkl", one, off.T @ off)
    masks = np.ones_like(active) if as_printed else active
    for sign, mask, residual, part in zip(SIGNS, masks, kept, off, strict=True):
        mixed = np.einsum("ik,j,k,l->ijkl", weights, part, mask, encoder)
        mixed += np.einsum("jk,i,k,l->ijkl", one, residual, mask, encoder)
        total += sign * (mixed + mixed.transpose(2, 3, 0, 1))
    return np.asarray(2 * total.reshape(units**2, units**2))


def printed_gradient(
    weights: Float[Array, "unit unit"], proxy: Proxy, subtracted: Float[Array, " unit"]
) -> Float[Array, "unit unit"]:
    """As appendix I has it: from the halves it subtracts s gamma in place of gamma e."""
    encoder, decoder = proxy.encoders[0].numpy(), proxy.decoders[0].numpy()
    active, kept, off = sides(weights, proxy)
    total = np.zeros_like(weights)
    for sign, mask, residual, part in zip(SIGNS, active, kept, off, strict=True):
        half = part + sign * proxy.decay * encoder
        read = decoder @ half - sign * proxy.scale * proxy.decay
        total += 2 * sign * np.outer(mask * (read * decoder + weights.T @ residual), encoder)
        total += 2 * np.outer(residual, half - sign * subtracted)
    return total


def played_loss(flat: Tensor, proxy: Proxy) -> Tensor:
    """Equation 29 by the engine."""
    units = proxy.encoders.shape[-1]
    network = Network(flat.view(1, units, units), proxy.encoders[..., None], proxy.decoders[:, None])
    signs = torch.tensor([[1.0], [-1.0]], dtype=flat.dtype)
    task = IntegrateTask((proxy.decay,), (proxy.scale,))
    return 2 * proxy_loss(network, signs, task, RELU, current_weight=1.0)[0]


def automatic_gradient(weights: Float[Array, "unit unit"], proxy: Proxy) -> Float[Array, "unit unit"]:
    """By automatic differentiation."""
    flat = torch.from_numpy(weights).flatten().requires_grad_()
    (found,) = torch.autograd.grad(played_loss(flat, proxy), flat)
    return found.numpy().reshape(weights.shape)


def automatic_hessian(weights: Float[Array, "unit unit"], proxy: Proxy) -> Float[Array, "weight weight"]:
    """By automatic differentiation, twice."""
    flat = torch.from_numpy(weights).flatten()
    found: Tensor = torch.autograd.functional.hessian(lambda at: played_loss(at, proxy), flat)
    return found.numpy()


def _relative(found: Array, reference: Array) -> float:
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


CLAIM = Claim(
    id="INT-31",
    title="Derivatives of the proxy loss",
    source="appendix I, gradients and Hessian",
    says="Closed forms of the gradient and of the second derivatives of the proxy loss of one channel.",
    kind="exact",
    parameters={"units": 15, "scale": 1.7, "decay": 0.995, "rate": 0.05, "stop": 1e-24, "updates": 30_000},
    sizes={"smoke": {"units": 8}, "quick": {}, "full": {"units": 25}},
    seeds={"smoke": 2, "quick": 4, "full": 10},
    checks=(
        Check("gradient, relative error as corrected", "<=", 1e-12),
        Check("gradient, relative error as printed with s gamma", ">=", 0.1),
        Check("gradient, relative error as printed with s gamma e", ">=", 0.1),
        Check("Hessian at random weights, relative error as corrected", "<=", 1e-12),
        Check("Hessian at random weights, relative error as printed", ">=", 0.05),
        Check("Hessian at integrators, relative error as corrected", "<=", 1e-12),
        Check("Hessian at integrators, relative error as printed", ">=", 0.05),
        Check("proxy loss at integrators", "<=", 1e-20),
        Check("least over largest eigenvalue at integrators", ">=", -1e-9),
        Check("least over largest eigenvalue at integrators, as printed", "<=", -0.01),
    ),
    measure=measure,
    deviation="In the gradient of L2 the bracket with the subscript j subtracts s gamma from the rectified currents; it"
    " has to be gamma e. The second derivatives of the single terms are right, apart from a missing subscript, but"
    " their sum forgets the Heaviside functions in the two terms that mix residuals and weights. With both corrected,"
    " formulas and automatic differentiation agree to rounding. The printed sum has negative eigenvalues at exact"
    " integrators, where no curvature is negative.",
)
