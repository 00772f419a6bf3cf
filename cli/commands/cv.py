"""``ltr cv``: from a recording to the number of components that learning needs, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ltr.cli.commands.options import (
    WORK,
    Cluster,
    ClusterConfig,
    Debug,
    Jobs,
    Json,
    OpenReport,
    Quiet,
    open_in_browser,
    processes,
)
from ltr.cli.config_files import read_config
from ltr.cli.console import number, output, print_json, print_progress, progress, table
from ltr.cli.fitting import MODELS, make_fit_listener, open_sources, refuse_with_resume, required_sources, run_label
from ltr.cli.flags import given_settings, with_flags
from ltr.cli.progress import Style
from ltr.cli.stopping import RunProgress, explained
from ltr.cli.sweep_progress import WhenNeeded, make_sweep_listener
from ltr.cli.sweeps import read_sweep, sweep_parameters
from ltr.errors import RunError, SettingsError
from ltr.settings import parse_settings

if TYPE_CHECKING:
    from rich.table import Table

    from ltr.settings import FitSettings
    from ltr.sweep.engines import Engine
    from ltr.sweep.plan import Axis, Sweep
    from ltr.sweep.run import CvResult

SLOW_BASELINES = ("full_tensor",)
FOLDS, SEEDS = 5, 3
SWEEP = "the sweep"


@with_flags(sweep_parameters())
def cv(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="A recording, as for 'ltr fit'.",
            show_default=False,
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for everything. Default: cv/NAME.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="YAML", help="Read settings from this file, as 'ltr fit' does.", show_default=False),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Continue: fits that are done stay as they are, those that failed are tried again.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the sweep that is already in DIR.")] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Disjoint splits. Each tests a share of 1/folds (see --test-fraction). Default: {FOLDS}.",
            show_default=False,
            rich_help_panel=SWEEP,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Starts of every fit: --seed, the next, ... Default: {SEEDS}.",
            show_default=False,
            rich_help_panel=SWEEP,
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="Sweep a setting whose flag takes no list: execution_input=true,false or"
            ' "ode_hidden=50,50;150,150" (values that are lists stand between semicolons).',
            show_default=False,
            rich_help_panel=SWEEP,
        ),
    ] = None,
    paired: Annotated[
        bool,
        typer.Option(
            "--paired",
            help="Take the first values together, the second, ..., not every combination.",
            rich_help_panel=SWEEP,
        ),
    ] = False,
    baselines: Annotated[
        list[str] | None,
        typer.Option(
            metavar="all|none|A,B,...",
            help="Simpler models to score on the same folds: psth, neighbouring_trials, pca, cp, constant_factors,"
            " initial_states, unsmooth_factors, full_tensor. Default: all but full_tensor, which is slow.",
            show_default=False,
            rich_help_panel=SWEEP,
        ),
    ] = None,
    jobs: Jobs = None,
    stack: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Fits to train as one program, at most. Default: enough to keep all workers busy, up to 16.",
            show_default=False,
            rich_help_panel=WORK,
        ),
    ] = None,
    cluster: Cluster = None,
    cluster_config: ClusterConfig = None,
    quiet: Quiet = False,
    json: Json = False,
    open_report: OpenReport = False,
    debug: Debug = False,
    **settings: Any,
) -> None:
    r"""Choose rank or any other setting by cross-validation, on this machine or many.

    Every combination of the values given is fitted in every fold from every
    seed, and scored on entries that the fit never saw. The simplest that is as
    good as the best, within one standard error, is chosen, compared with
    simpler models on the same folds, looked at for components that come back
    in every fit, and fitted for a report.

    [bold]Examples[/bold]

      ltr cv session.nwb --align go_cue_time --window -0.4 0.4 \
          --condition target_angle --rank 1:8

      ltr cv session.nwb --config fit.yaml --rank 1:10 --hidden 100,200 \
          --seeds 3 --folds 5
      ltr cv session.nwb --config fit.yaml --length-scale 10,30,100 \
          --holdout trials
      ltr cv --resume cv/session

      ltr cv session.nwb --config fit.yaml --rank 1:10 --cluster slurm \
          --cluster-config slurm.yaml

    [bold]What is left in DIR[/bold]

      cv.html              curve, choice, baselines, stability, on one page
      chosen/              the chosen fit and its report, as by 'ltr fit'
      results.csv          one row a fit, baselines too; failed ones say why
      summary.csv          one row a configuration
      comparison.csv       chosen configuration against baselines
      stability.csv        which components come back over seeds and folds
      sweep.yaml           what was tried
      fits/                one file a fit, from which --resume goes on

    Settings are those of 'ltr fit'. Where a flag shows INTEGER,... NUMBER,...
    or CHOICE,... it takes lists (1,2,5); of numbers, ranges, too (1:10, or
    10:50:20 with a step). Without any list or rank, ranks 1 to 8 are tried.
    """
    style: Style = "json" if json else "quiet" if quiet else "bar" if progress().is_terminal else "lines"
    reached = RunProgress("cv", "sweep.yaml")
    with explained(reached):
        if resume is None:
            read = read_config(config) if config else None
            sources = required_sources(sources, "cv")
            base, axes, named = read_sweep(settings, sweep or [], read, paired=paired)
            plan = _plan(
                base, axes, named, folds=folds or FOLDS, seeds=seeds or SEEDS, paired=paired, baselines=baselines
            )
            folder = out or Path("cv") / run_label(sources)
        else:
            given = [name for _, name in given_settings(settings)]
            others: dict[str, object] = {"out": out, "config": config, "overwrite": overwrite, "folds": folds}
            others |= {"seeds": seeds, "sweep": sweep, "paired": paired, "baselines": baselines}
            refuse_with_resume([*given, *(name for name, value in others.items() if value)], "cv")
            folder = resume
            plan, sources = _begun(folder, sources)
        reached.begin(folder, resume=resume is not None)
        engine = _engine(plan, jobs=jobs, cluster=cluster, cluster_config=cluster_config)
        recording = open_sources(sources, plan.base, style)
        fit_progress = WhenNeeded(lambda: make_fit_listener(style, recording, plan.base))
        with make_sweep_listener(style) as listener, fit_progress as fit_listener:
            from ltr.sweep.run import cross_validate

            result = cross_validate(
                recording,
                plan,
                folder=folder,
                overwrite=overwrite,
                resume=resume is not None,
                engine=engine,
                stack=stack,
                listener=listener,
                fit_listeners=[fit_listener],
            )
        reached.fitted = True
        from ltr.report import write_cv_report, write_report

        if style in ("bar", "lines"):
            print_progress("drawing the reports")
        write_report(folder / "chosen")
        page = write_cv_report(folder)
        reached.reported = True
        _show(result, page, style)
        if open_report:
            open_in_browser(page)


def _plan(
    base: FitSettings,
    axes: tuple[Axis, ...],
    named: set[str],
    *,
    folds: int,
    seeds: int,
    paired: bool,
    baselines: list[str] | None,
) -> Sweep:
    from ltr.sweep.plan import Sweep

    if "test_fraction" not in named and folds > 1:  # every block is tested once
        holdout = base.holdout.model_dump() | {"test_fraction": 1 / folds, "fold": 0}
        base = parse_settings(base.model_dump() | {"holdout": holdout}, where=f"--folds {folds}")
    plan = Sweep(base, axes, paired=paired, folds=folds, seeds=seeds, baselines=_baselines(baselines))
    plan.fits()  # a combination that is not possible is refused before anything is read
    return plan


def _baselines(given: list[str] | None) -> tuple[str, ...]:
    from ltr.sweep.plan import BASELINES

    names = tuple(dict.fromkeys(name.strip() for text in given or [] for name in text.split(",") if name.strip()))
    if not names:
        return tuple(name for name in BASELINES if name not in SLOW_BASELINES)
    if names in (("all",), ("none",)):
        return BASELINES if names == ("all",) else ()
    return names


def _begun(folder: Path, sources: list[str] | None) -> tuple[Sweep, list[str]]:
    """Plan and sources of a sweep that was begun; sources given now are where the files lie today."""
    from ltr.sweep.folder import SweepFolder

    kept = SweepFolder.open(folder)
    plan, stored = kept.plan(), kept.sources()
    if not sources and not stored:
        raise RunError(
            f"{folder} does not say where its recording lies.",
            allowed="a sweep begun by 'ltr cv', or the recording beside --resume",
            fix=f"ltr cv SOURCE --resume {folder}",
        )
    return plan, sources or stored


def _engine(plan: Sweep, *, jobs: int | None, cluster: str | None, cluster_config: Path | None) -> Engine:
    from ltr.device import choose_device
    from ltr.sweep.engines import Serial

    if cluster_config is not None and cluster is None:
        raise SettingsError(
            "--cluster-config says what to ask of a cluster, but no --cluster was given.",
            allowed="--cluster slurm, pbs, lsf or sge",
            fix="add --cluster",
        )
    run = plan.base.run
    if cluster is None:
        on_cpu = choose_device(run.device, run.dtype).type == "cpu"
        jobs = processes(jobs, on_cpu=on_cpu)
        if jobs == 1:
            return Serial()
    from ltr.sweep.cluster import make_engine

    return make_engine(cluster, workers=jobs, config=cluster_config)


def _show(result: CvResult, page: Path, style: Style) -> None:
    """Print the curve, the choice and its rivals, and where the page is."""
    console, choice = output(), result.choice
    failed = result.rows[result.rows["status"] == "failed"]
    if style == "json":
        values = {"folder": str(result.folder), "report": str(page), "chosen": choice.values}
        print_json({"event": "result", **values, "sentence": choice.sentence, "failed": len(failed)})
        return
    if style == "quiet":
        console.print(f"{result.folder}: {choice.sentence} Report: {page}", markup=False)
        return
    console.print(curve_table(result))
    console.print(choice.sentence, markup=False)
    if len(result.comparison.table):
        console.print(rivals_table(result))
    if result.stability is not None:
        console.print(result.stability.sentence, markup=False)
    if len(failed):
        console.print(
            f"{len(failed)} of {len(result.rows)} fits failed, {failed['id'].iloc[0]} first: {failed['error'].iloc[0]}"
            f" (all in results.csv; ltr cv --resume {result.folder} tries them again)",
            markup=False,
        )
    console.print(f"report: {page}", markup=False)


def curve_table(result: CvResult) -> Table:
    """One row a configuration."""
    axes = [axis.name for axis in result.sweep.axes]
    marks = {(True, True): "best, chosen", (True, False): "best", (False, True): "chosen"}
    rows = [
        [
            ", ".join(f"{name} {row[name]}" for name in axes) or "as set",
            marks.get((bool(row["best"]), bool(row["chosen"])), ""),
            number(row["mean"]),
            number(row["standard_error"]),
            number(row["deficit"]),
            number(row["deficit_error"]),
        ]
        for row in result.choice.table.to_dict("records")
    ]
    columns = ["configuration", "", result.score_name, "+-", "below best", "+-"]
    return table("Held out, mean over folds and its standard error", columns, rows, numbers=4, kept=2)


def rivals_table(result: CvResult) -> Table:
    """One row a baseline."""
    rows = [
        [
            MODELS.get(row["name"], row["name"]),
            number(row["mean"]),
            number(row["difference"]),
            number(row["difference_error"]),
            str(row["verdict"]),
        ]
        for row in result.comparison.table.to_dict("records")
    ]
    columns = ["simpler model", result.score_name, "the model's gain", "+-", "the model is"]
    return table("The chosen model against simpler ones, on the same folds", columns, rows, numbers=4)
