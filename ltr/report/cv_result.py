"""From the folder of a finished cross-validation to its page."""

from __future__ import annotations

from pathlib import Path

from ltr.report.cv_page import CvReport, write_cv_page
from ltr.report.run_files import read_run
from ltr.sweep.run import CvResult, load_sweep

FILES = (
    ("results.csv", "one row a fit, baselines included"),
    ("summary.csv", "one row a configuration"),
    ("comparison.csv", "the chosen configuration against baselines"),
    ("stability.csv", "which components come back over seeds and folds"),
    ("sweep.yaml", "what was tried, and the settings that all fits share"),
    ("fits/", "one file a fit, from which --resume goes on"),
)
HELD_OUT = {
    "blocks": "blocks of {block_bins} bins x {block_trials} trials of single neurons, the inner {scored_bins} x"
    " {scored_trials} scored",
    "trials": "whole trials",
    "neurons": "whole neurons, on half of the trials",
    "entries": "single entries, which their neighbours in time tell: more components always look better",
}


def write_cv_report(folder: Path | str) -> Path:
    """Draw the figures of a cross-validation and write ``cv.html``.

    Args:
        folder: as ``ltr cv`` left it. Nothing else is read; figures and page are overwritten.

    Returns:
        The path of ``cv.html``.

    Raises:
        RunError: not a cross-validation, or one that has not finished.
    """
    return write_cv_page(folder, cv_report(load_sweep(folder)))


def cv_report(result: CvResult) -> CvReport:
    """What the page shows of a result."""
    run = read_run(result.folder / "chosen")
    sweep, holdout = result.sweep, result.sweep.base.holdout
    attributes = run.factors.attrs
    facts = [
        ("held out", HELD_OUT[holdout.holdout].format(**holdout.model_dump())),
        (
            "folds",
            f"{sweep.folds}, each tests {holdout.test_fraction:.3g} and stops on {holdout.validation_fraction:.3g}",
        ),
        ("starts", f"{sweep.seeds} per configuration and fold"),
        *((axis.name, ", ".join(map(str, axis.values))) for axis in sweep.axes),
    ]
    return CvReport(
        title=str(attributes["source"]) or result.folder.resolve().name,
        description=str(attributes.get("description", "")),
        axes=[axis.name for axis in sweep.axes],
        score_name=result.score_name,
        rows=result.rows,
        choice=result.choice,
        comparison=result.comparison,
        stability=result.stability,
        trial=run.factors.trial.values,
        epoch=run.factors.epoch.values,
        facts=facts,
        settings=run.config,
        seconds=float(result.rows["seconds"].sum()),
        files=[(name, text) for name, text in FILES if (result.folder / name.rstrip("/")).exists()],
    )
