"""``ltr fit``: from a recording to a run folder with a report, and on again after an interruption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ltr.cli.commands.options import Debug, Json, OpenReport, Quiet, open_in_browser
from ltr.cli.config_files import build_settings, read_config
from ltr.cli.console import number, output, print_json, print_progress, progress, table
from ltr.cli.fitting import MODELS, make_fit_listener, open_sources, refuse_with_resume, required_sources, run_label
from ltr.cli.flags import given_settings, setting_parameters, with_flags
from ltr.cli.progress import Style
from ltr.cli.stopping import RunProgress, explained
from ltr.errors import RunError

if TYPE_CHECKING:
    from ltr.settings import FitSettings


@with_flags(setting_parameters())
def fit(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="A recording: .nwb, .nc or .npz, or https://... or dandi://... (NWB). Several are put one after"
            " the other if their neurons have the same ids.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Folder for the results. Default: runs/NAME-rRANK-sSEED, for example runs/session-r5-s0.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="YAML", help="Read settings from this file; flags win over what it says.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Continue an interrupted fit from its last checkpoint, with its own settings.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that is already in RUN.")] = False,
    quiet: Quiet = False,
    json: Json = False,
    open_report: OpenReport = False,
    debug: Debug = False,
    **settings: Any,
) -> None:
    r"""Fit a low-tensor-rank RNN to a recording and write a report.

    [bold]Examples[/bold]

      ltr simulate reach --out session.nwb
      ltr fit session.nwb --align go_cue_time --window -0.4 0.4 \
          --condition target_angle --epoch epoch

      ltr fit session.nwb --align press1_time --window -0.5 1.5 \
          --bin-ms 20 --likelihood poisson --rank 4

      ltr inspect session.nwb --write fit.yaml
      ltr fit session.nwb --config fit.yaml --out runs/mine
      ltr fit --resume runs/mine

      ltr fit day1.nwb day2.nwb --align go_cue_time --epochs early:0-199,late:200-399
      ltr fit dandi://000688/sub-C/sub-C_ses-1.nwb --align go_cue_time

    [bold]What is left in RUN[/bold]

      report.html          the result on one page, with all figures
      figures/             each figure as SVG and PNG
      metrics.json         scores of model and baselines on held-out entries
      factors.nc           factors, latents, eigenvalues (open it with xarray)
      weights.safetensors  trained parameters
      history.csv          losses and scores over training
      config.yaml          all settings, ready for --config
      log.txt              what happened when

    [bold]fit.yaml[/bold] holds the flags below without their dashes, under the name of their
    group, for example 'model: {rank: 4}'. Flags with START END take two numbers,
    negative ones too; flags with A,B,... take values separated by commas, or repeat.
    """
    style: Style = "json" if json else "quiet" if quiet else "bar" if progress().is_terminal else "lines"
    reached = RunProgress()
    with explained(reached):
        given = given_settings(settings)
        if resume is None:
            sources = required_sources(sources)
            chosen = build_settings(given, read_config(config) if config else None)
            folder = out or Path("runs") / f"{run_label(sources)}-r{chosen.model.rank}-s{chosen.run.seed}"
        else:
            others = {"out": out, "config": config, "overwrite": overwrite}
            refuse_with_resume([*(name for _, name in given), *(name for name, value in others.items() if value)])
            folder = resume
            chosen, sources = _begun(folder, sources)
        reached.begin(folder, resume=resume is not None)
        recording = open_sources(sources, chosen, style)
        with make_fit_listener(style, recording, chosen) as listener:
            from ltr.api import fit as fit_recording

            result = fit_recording(
                recording, chosen, folder=folder, overwrite=overwrite, resume=resume is not None, listeners=[listener]
            )
        reached.fitted = True
        from ltr.report import write_report

        if style in ("bar", "lines"):
            print_progress("drawing the report")
        page = write_report(folder)
        reached.reported = True
        _show(result.metrics, folder, page, style)
        if open_report:
            open_in_browser(page)


def _begun(folder: Path, sources: list[str] | None) -> tuple[FitSettings, list[str]]:
    """Settings and sources of a run that was begun; sources given now are where the files lie today."""
    from ltr.run_folder import RunFolder

    run = RunFolder.open(folder)
    settings = run.settings()
    stored = run.sources()
    if not sources and not stored:
        raise RunError(
            f"{folder} does not say where its recording lies.",
            allowed="a run begun by 'ltr fit', or the recording beside --resume",
            fix=f"ltr fit SOURCE --resume {folder}",
        )
    return settings, sources or stored


def _show(metrics: Mapping[str, Any], folder: Path, page: Path, style: Style) -> None:
    """Print the result: scores of the model and of what it is compared with, and where the report is."""
    name = metrics["score_name"]
    key = name.replace(" ", "_")
    tested = {"test": metrics["test"], **(metrics["baselines"] or {})}
    scores = {MODELS.get(model, model): values[key] for model, values in tested.items() if values is not None}
    console = output()
    if style == "json":
        print_json({"event": "result", "folder": str(folder), "report": str(page), "metrics": metrics})
    elif style == "quiet":
        held_out = f"{name} on held-out entries {number(next(iter(scores.values())))}" if scores else "nothing held out"
        console.print(f"{folder}: {held_out}; report: {page}", markup=False)
    else:
        if scores:
            rows = [[model, number(score)] for model, score in scores.items()]
            console.print(table("On held-out entries", ["model", name], rows, numbers=1))
        else:
            console.print("Nothing was held out, so nothing can be said about new data (see --holdout).", markup=False)
        if not metrics["identifiability"]["passed"]:
            console.print("note: the components may not be unique; the report says why.", markup=False)
        console.print(f"report: {page}", markup=False)
