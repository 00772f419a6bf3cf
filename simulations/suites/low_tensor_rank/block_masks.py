"""LTR-18: blocks of time x trials of single neurons are kept from training, and only their interior is scored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import binary_erosion, distance_transform_edt

from ltr.crossval.masks import Masks, make_masks
from ltr.figures.style import PALETTE, new_figure, styled
from ltr.settings import HoldoutSettings
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Bool

DRAWN_TRIALS = 100


def measure(protocol: Protocol) -> Measured:
    """Properties of the product's masks for the sizes of Table 1, and the fractions of blocks at random places."""
    values: dict[str, list[float]] = {
        "entries in more than one set": [],
        "scored entries whose surroundings are not all kept from training": [],
        "removed share, off the share asked for": [],
        "scored share of what is removed, off the ratio of sizes": [],
        "correlation with the nearest training bin": [],
        "the same, with a guard for the smoothing": [],
        "training share, blocks at random places": [],
        "test share, blocks at random places": [],
    }
    drawn = np.zeros((0, 0))
    for seed in protocol.seeds:
        for shape, removed, scored in protocol["tables"]:
            settings = HoldoutSettings(
                holdout="blocks",
                test_fraction=protocol["share"],
                validation_fraction=0,
                block_bins=removed[0],
                block_trials=removed[1],
                scored_bins=scored[0],
                scored_trials=scored[1],
            )
            observed = np.ones(shape, dtype=bool)
            masks = make_masks(observed, settings, seed)
            guarded = make_masks(observed, settings, seed, smooth_bins=protocol["smooth_bins"])
            kept_out = 1 - masks.train.mean()
            values["entries in more than one set"].append(float((masks.train & masks.test).sum()))
            values["scored entries whose surroundings are not all kept from training"].append(
                float((masks.test & ~surrounded(masks, removed, scored)).sum())
            )
            values["removed share, off the share asked for"].append(float(abs(kept_out - protocol["share"])))
            values["scored share of what is removed, off the ratio of sizes"].append(
                float(abs(masks.test.mean() / kept_out - np.prod(scored) / np.prod(removed)))
            )
            values["correlation with the nearest training bin"].append(leak(masks, protocol["smooth_bins"]))
            values["the same, with a guard for the smoothing"].append(leak(guarded, protocol["smooth_bins"]))
            drawn = (masks.test.astype(float) - masks.train)[:DRAWN_TRIALS, :, 0].T
        train, test = random_places(protocol, seed)
        values["training share, blocks at random places"].append(float(train.mean()))
        values["test share, blocks at random places"].append(float(test.mean()))
    return Measured(values=values, curves={"time x trial of a neuron": drawn})


def surrounded(masks: Masks, removed: tuple[int, int], scored: tuple[int, int]) -> Bool[Array, "trial time neuron"]:
    """Entries around which a rim of the same neuron is kept from training; the recording's ends need none."""
    rim_bins, rim_trials = ((whole - inner) // 2 for whole, inner in zip(removed, scored, strict=True))
    around = np.ones((2 * rim_trials + 1, 2 * rim_bins + 1, 1), dtype=bool)
    return np.asarray(binary_erosion(~masks.train, around, border_value=1))


def leak(masks: Masks, smooth_bins: float) -> float:
    """Largest correlation of a scored entry's smoothed noise with a training entry of its trial and neuron."""
    # trials and neurons far apart: noise is smoothed along time only
    distance = distance_transform_edt(~masks.train, sampling=(1e6, 1, 1e6))[masks.test].min()
    return float(np.exp(-(distance**2) / (4 * smooth_bins**2)))


def random_places(protocol: Protocol, seed: int) -> tuple[Array, Array]:
    """Training and test entries when blocks of odd widths lie around entries drawn from all, and may overlap."""
    shape = protocol["random_shape"]
    random = np.random.default_rng(seed)
    inner, outer = (np.array(protocol[name]) for name in ("random_scored", "random_removed"))
    count = int(protocol["random_share"] * np.prod(shape) / np.prod(inner))
    centres = np.array(np.unravel_index(random.choice(np.prod(shape), count, replace=False), shape)).T
    train, test = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for centre in centres:
        for mask, width, value in ((train, outer, False), (test, inner, True)):
            start, stop = np.maximum(centre - width // 2, 0), centre + width // 2 + 1
            mask[tuple(map(slice, start, stop))] = value
    return train, test


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """One neuron's plane of time and trials."""
    figure = new_figure(2.6)
    axes = figure.add_subplot()
    plane = measured.curves["time x trial of a neuron"]
    colours = {"training": (-1, PALETTE[4]), "removed, not scored": (0, "0.85"), "scored": (1, PALETTE[1])}
    shown = np.select(
        [np.equal(plane, value)[..., None] for value, _ in colours.values()],
        [np.array(rgb(colour)) for _, colour in colours.values()],
    )
    axes.imshow(shown, aspect="auto", origin="lower", interpolation="none")
    axes.set(xlabel="trial", ylabel="time bin", title="One neuron")
    for name, (_, colour) in colours.items():
        axes.plot([], [], "s", color=colour, label=name)
    figure.legend(loc="outside upper right", ncols=3)
    return figure


def rgb(colour: str) -> tuple[float, float, float]:
    """Of a colour's name."""
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


CLAIM = Claim(
    id="LTR-18",
    title="Blocks held out for cross-validation",
    source="supplement B, Table 1",
    says="Blocks of consecutive bins and trials of single neurons are removed from training (10 x 20, or 10 x 10) and"
    " only their interior is scored (5 x 10, or 5 x 5).",
    kind="exact",
    parameters={
        # trial x time x neuron; bins x trials removed; bins x trials scored
        "tables": [
            ((740, 50, 70), (10, 20), (5, 10)),
            ((250, 41, 200), (10, 10), (5, 5)),
        ],
        "share": 0.2,
        "smooth_bins": 4.0,
        # time x trial x neuron, as in the authors' notebook: its neuron width is 3, Table 1 means 1
        "random_shape": (21, 250, 200),
        "random_removed": (11, 11, 3),
        "random_scored": (5, 5, 3),
        "random_share": 0.2,
    },
    seeds={"smoke": 1, "quick": 3, "full": 5},
    reported={"training share, blocks at random places": 0.4347, "test share, blocks at random places": 0.1705},
    checks=(
        Check("entries in more than one set", "==", 0),
        Check("scored entries whose surroundings are not all kept from training", "==", 0),
        Check("removed share, off the share asked for", "<=", 0.01),
        Check("scored share of what is removed, off the ratio of sizes", "<=", 0.03),
        Check("correlation with the nearest training bin", ">=", 0.7),
        Check("the same, with a guard for the smoothing", "<=", 0.11),
        Check("training share, blocks at random places", "between", (0.42, 0.45)),
        Check("test share, blocks at random places", "between", (0.165, 0.175)),
    ),
    measure=measure,
    draw=draw,
)
