"""INT-09: integrators of rank one at all scales."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.simulations.suites.integrators.integrator_manifolds import (
    GEOMETRIES,
    beta_of,
    geometry,
    landmarks,
    landmarks_as_printed,
    matrix,
    random_slopes,
    scale,
    with_eigenvalues,
)
from ltr.simulations.suites.integrators.linear_integrator import embedded, moments, overlaps
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

SHOWN_SCALES = (-1.0, 0.3, 1.0, 3.0)


def measure(protocol: Protocol) -> Measured:
    """Moments of networks on the manifold against the formulas for their scale."""
    values: dict[str, list[float]] = {}
    decay, lags = protocol["decay"], protocol["lags"]
    powers = decay ** np.arange(1, lags + 1)
    curves = {}
    for seed in protocol.seeds:
        for index in range(len(GEOMETRIES)):
            task, small, basis = geometry(index, seed, protocol["units"], decay=decay)
            at = landmarks(small)
            (of_decoder, overlap), (_, of_encoder) = overlaps(task)
            printed = landmarks_as_printed(of_decoder, of_encoder, overlap)
            rng = np.random.default_rng([seed, index])
            alpha, beta = random_slopes(rng, protocol["points"])
            as_printed = decay * matrix(((beta, -1.0), (alpha * beta, -alpha))) / (beta - alpha)[:, None, None]
            parameters = with_eigenvalues(0.0, alpha, beta, decay)
            weights = embedded(parameters, basis)
            size = np.linalg.norm(weights, axis=(1, 2), keepdims=True)[:, 0] * np.sqrt(of_decoder * of_encoder)
            error = moments(weights, task, lags)[..., 0, 0] - scale(alpha, beta, at)[:, None] * powers
            wanted = rng.uniform(0.2, 3)
            onto = beta_of(alpha, wanted, at)
            kept = np.abs(onto - alpha) > 0.1  # where they are equal, the parametrization is singular
            on_curve = embedded(with_eigenvalues(0.0, alpha[kept], onto[kept], decay), basis)
            size_on_curve = np.linalg.norm(on_curve, axis=(1, 2), keepdims=True)[:, 0]
            off = moments(on_curve, task, lags)[..., 0, 0] - wanted * powers
            found = {
                "equation 15 minus equation 46": np.abs(as_printed - parameters).max(),
                "relative error of the moments": np.abs(error / size).max(),
                "relative error at a chosen scale": np.abs(
                    off / size_on_curve / np.sqrt(of_decoder * of_encoder)
                ).max(),
                "relative error of alpha0, beta0 and Z": np.abs(np.divide(printed, at) - 1).max(),
                "points at the chosen scale": int(kept.sum()),
            }
            for name, value in found.items():
                values.setdefault(name, []).append(float(value))
            if seed == protocol.seeds[0] and not index:
                axis = np.linspace(-6, 6, protocol["grid"])
                plane = (
                    moments(with_eigenvalues(0.0, axis, axis[:, None] + 1e-9, decay), small, 1)[..., 0, 0, 0] / decay
                )
                lines = np.stack([beta_of(axis, wanted, at) for wanted in SHOWN_SCALES])
                curves = {"axis": axis, "scale": plane, "lines": lines, "landmarks": np.array(at)}
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Lines of equal scale, as on the right of Fig. 13: measured ones in colour, those of the formula dotted."""
    axis, plane = measured.curves["axis"], measured.curves["scale"]
    figure = new_figure(4.2)
    panel = figure.subplots()
    for colour, wanted, line in zip(PALETTE, SHOWN_SCALES, measured.curves["lines"], strict=False):
        # the scale jumps where alpha = beta, which is no line of equal scale
        for above in (np.greater, np.less):
            part = np.where(above.outer(axis, axis), plane, np.nan)
            panel.contour(axis, axis, part, levels=[wanted], colors=colour, linewidths=2.5, alpha=0.5)
        panel.plot(axis, np.where(np.abs(line) < axis[-1], line, np.nan), ":", color=colour, label=f"s = {wanted:g}")
    alpha, beta, _ = measured.curves["landmarks"]
    panel.plot(axis, axis, color=GREY, lw=0.8, label="alpha = beta, no network")
    panel.axvline(alpha, color=GREY, ls="--", lw=0.8, label="alpha0 and beta0, s = 0")
    panel.axhline(beta, color=GREY, ls="--", lw=0.8)
    panel.set(xlabel="alpha", ylabel="beta", aspect="equal", xlim=axis[[0, -1]], ylim=axis[[0, -1]])
    panel.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figure


CLAIM = Claim(
    id="INT-09",
    title="Integrators of rank one",
    source="section 3.2, equation 15, appendix E, equations 45 to 48, Fig. 13",
    says="For all alpha and beta that differ, equation 15 is an integrator of rank one; its scale is a ratio of"
    " products of alpha - alpha0 and beta - beta0. Those of one scale other than 0 and d . e form a curve.",
    kind="exact",
    parameters={"units": 60, "decay": 0.9, "lags": 6, "points": 20, "grid": 201},
    sizes={"smoke": {}, "quick": {}, "full": {"units": 200, "points": 50}},
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("equation 15 minus equation 46", "<=", 1e-12),
        Check("relative error of the moments", "<=", 1e-12),
        Check("relative error at a chosen scale", "<=", 1e-12),
        Check("relative error of alpha0, beta0 and Z", "<=", 1e-9),
        Check("points at the chosen scale", ">=", 10),
    ),
    measure=measure,
    draw=draw,
)
