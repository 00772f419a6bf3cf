"""INT-10: integrators of rank two at the scale d . e."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ltr.figures.style import INK, new_figure, plain_ticks, styled
from ltr.simulations.suites.integrators.integrator_manifolds import (
    GEOMETRIES,
    Landmarks,
    geometry,
    landmarks,
    matrix,
    random_slopes,
    with_eigenvalues,
)
from ltr.simulations.suites.integrators.linear_integrator import (
    Integration,
    embedded,
    moments,
    overlaps,
    random_vectors,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Moments on both manifolds, where they meet, and elsewhere; printed matrices; d . e of random vectors."""
    values: dict[str, list[float]] = {}
    decay = protocol["decay"]
    powers = decay ** np.arange(1, protocol["lags"] + 1)
    curves = {}
    for seed in protocol.seeds:
        for index in range(len(GEOMETRIES)):
            task, small, basis = geometry(index, seed, protocol["units"], decay=decay)
            at, overlap = landmarks(small), float(overlaps(task)[0, 1])
            slopes = random_slopes(np.random.default_rng([seed, index]), protocol["points"])
            on, off = _networks(*slopes, np.array(protocol["second eigenvalues"])[:, None], at, decay)
            found, elsewhere = (moments(embedded(p, basis), task, len(powers))[..., 0, 0] for p in (on, off))
            size = np.linalg.norm(overlap * powers)
            errors = {
                "relative error at the scale d . e": np.linalg.norm(found - overlap * powers, axis=1).max() / size,
                "relative error at the scale d . e / gamma, as printed": (
                    np.linalg.norm(found - overlap / decay * powers, axis=1).min() / size
                ),
                "error of moments off the manifolds": np.abs(elsewhere[:, 1:] - decay * elsewhere[:, :-1]).max(1).min(),
                **_errors_of_matrices(*slopes, protocol["second eigenvalues"][0], at, decay),
                "relative error of the share g2": _error_of_share(*slopes, small, at),
            }
            for name, value in errors.items():
                values.setdefault(name, []).append(float(value))
            if seed == protocol.seeds[0] and not index:
                curves = _planes(protocol, small, at)
    for units in protocol["sizes"]:
        pairs = np.array([random_vectors(draw, units) for draw in range(protocol["draws"])])
        spread = np.sqrt(units) * (pairs[:, 0] * pairs[:, 1]).sum(1).std()
        values.setdefault("sd of d . e times sqrt(n)", []).append(float(spread))
    return Measured(values, curves)


def _networks(
    alpha: Float[Array, " point"], beta: Float[Array, " point"], second: Float[Array, "value one"], at: Landmarks,
    decay: float,
) -> tuple[Float[Array, "case 2 2"], Float[Array, "case 2 2"]]:  # fmt: skip
    """Parameters on M_alpha, on M_beta, where they meet and with both eigenvalues gamma; and on neither manifold."""
    first, last = alpha[np.abs(alpha - at.alpha) > 0.1], beta[np.abs(beta - at.beta) > 0.1]
    on = [
        with_eigenvalues(second, first, at.alpha, decay),
        with_eigenvalues(second, at.beta, last, decay),
        with_eigenvalues(second, at.beta, at.alpha, decay),
        with_eigenvalues(decay, alpha, beta, decay),
    ]
    away = (np.abs(beta - at.alpha) > 0.3) & (np.abs(alpha - at.beta) > 0.3)
    off = with_eigenvalues(second, alpha[away], beta[away], decay)
    return np.concatenate([part.reshape(-1, 2, 2) for part in on]), off.reshape(-1, 2, 2)


def _errors_of_matrices(
    alpha: Float[Array, " point"], beta: Float[Array, " point"], second: float, at: Landmarks, decay: float
) -> dict[str, float]:
    """Of the matrices of appendix H against equation 46, where they are not nearly singular."""
    alpha, beta = alpha[np.abs(alpha - at.alpha) > 0.1], beta[np.abs(beta - at.beta) > 0.1]
    of_alpha = (
        matrix(
            (
                (alpha * second - at.alpha * decay, decay - second),
                (alpha * at.alpha * (second - decay), alpha * decay - at.alpha * second),
            )
        )
        / (alpha - at.alpha)[:, None, None]
    )
    top = beta * decay - at.beta * second, second - decay
    lower = beta * at.beta * (decay - second)
    gap = (beta - at.beta)[:, None, None]
    printed = matrix((top, (lower, beta * second - at.alpha * decay))) / gap
    corrected = matrix((top, (lower, beta * second - at.beta * decay))) / gap
    reference = with_eigenvalues(second, at.beta, beta, decay)
    return {
        "error of M_alpha": np.abs(of_alpha - with_eigenvalues(second, alpha, at.alpha, decay)).max(),
        "error of M_beta as printed": np.abs(printed - reference).max((1, 2)).min(),
        "error of M_beta corrected": np.abs(corrected - reference).max(),
    }


def _error_of_share(
    alpha: Float[Array, " point"], beta: Float[Array, " point"], small: Integration, at: Landmarks
) -> float:
    """Of g2 in terms of alpha0, beta0 and Z against its definition by eigenvectors."""
    share = at.size * (alpha - at.beta) * (beta - at.alpha) / (alpha - beta)
    vectors = matrix(((1.0, 1.0), (alpha, beta)))
    directly = (small.decoders.mT @ vectors)[:, 0, 1] * (np.linalg.inv(vectors) @ small.encoders)[:, 1, 0]
    return float(np.abs(share - directly).max() / np.abs(directly).max())


def _planes(protocol: Protocol, small: Integration, at: Landmarks) -> dict[str, Array]:
    """Over alpha and beta: how far the moments are from those of an integrator."""
    axis = np.linspace(-4, 4, protocol["grid"])
    decay = protocol["decay"]
    second = np.array(protocol["second eigenvalues"])[:, None, None]
    # half a step away from alpha = beta
    parameters = with_eigenvalues(second, axis, axis[:, None] + (axis[1] - axis[0]) / 2, decay)
    found = moments(parameters, small, protocol["lags"])[..., 0, 0]
    return {
        "axis": axis,
        "errors": np.abs(found[..., 1:] - decay * found[..., :-1]).max(-1),
        "landmarks": np.array(at),
        "second": second.ravel(),
    }


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """How far networks are from integrators, cut through Fig. 2 at second eigenvalues other than 0."""
    curves = measured.curves
    axis, (alpha, beta, _) = curves["axis"], curves["landmarks"]
    figure = new_figure(3.3)
    panels = figure.subplots(1, len(curves["second"]), sharey=True)
    for panel, errors, second in zip(panels, curves["errors"], curves["second"], strict=True):
        image = panel.pcolormesh(axis, axis, errors, norm=LogNorm(1e-3, 1), cmap="viridis", rasterized=True)
        panel.axhline(alpha, color="white", ls=":", label="M_alpha")
        panel.axvline(beta, color="white", ls="--", label="M_beta")
        panel.set(xlabel="alpha", title=f"second eigenvalue {second:g}", aspect="equal")
    panels[0].set_ylabel("beta")
    panels[0].legend(labelcolor="white", loc="upper left", facecolor=INK, framealpha=0.5, frameon=True)
    bar = figure.colorbar(image, ax=list(panels), label="error of moments")
    plain_ticks(bar.ax.yaxis)
    return figure


CLAIM = Claim(
    id="INT-10",
    title="Integrators of rank two",
    source="section 3.2, Fig. 2, appendix E, equations 46 and 47, appendix H, Fig. 13",
    says="Parameters with a second eigenvalue other than 0 integrate on two manifolds only, beta = alpha0 and alpha ="
    " beta0, whatever this eigenvalue is. Their scale is d . e (d . e / gamma in appendix E), which for random vectors"
    " is of order 1 / sqrt(n).",
    kind="exact",
    parameters={
        "units": 60,
        "decay": 0.9,
        "lags": 6,
        "points": 20,
        "second eigenvalues": [0.5, -1.2, 0.2],
        "grid": 161,
        "sizes": [100, 400],
        "draws": 200,
    },
    sizes={"smoke": {}, "quick": {}, "full": {"units": 200, "points": 50, "sizes": [100, 400, 1600], "draws": 1000}},
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("relative error at the scale d . e", "<=", 1e-9),
        Check("relative error at the scale d . e / gamma, as printed", ">=", 0.1),
        Check("error of moments off the manifolds", ">=", 1e-3),
        Check("error of M_alpha", "<=", 1e-12),
        Check("error of M_beta as printed", ">=", 0.01),
        Check("error of M_beta corrected", "<=", 1e-12),
        Check("relative error of the share g2", "<=", 1e-12),
        Check("sd of d . e times sqrt(n)", "between", (0.8, 1.2)),
    ),
    measure=measure,
    draw=draw,
    deviation="Two slips, and the rest stands. In the case of a second eigenvalue other than 0, appendix E gives the"
    " scale d . e / gamma; it is d . e, as in the main text, to rounding. The lower right entry of the matrix of"
    " M_beta in appendix H has alpha0 gamma where beta0 gamma belongs; as printed it does not have the eigenvalues"
    " gamma and lambda.",
)
