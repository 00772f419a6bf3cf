"""``ltr validate``: the claims of the papers, measured on this machine or on many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltr.cli.commands.options import (
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
from ltr.cli.console import output, print_json, print_progress, progress, table
from ltr.cli.exit_codes import FAILURE, Interrupted
from ltr.errors import SettingsError

if TYPE_CHECKING:
    from ltr.simulations.validation.claim import Size
    from ltr.simulations.validation.run import Result
    from ltr.sweep.engines import Engine


def validate(
    claims: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SUITE|CLAIM...", help="What to measure, for example low-tensor-rank or LTR-13.", show_default=False
        ),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Measure all suites.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List all claims and stop.")] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="Smallest size: claims that take seconds.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Reduced sizes, minutes a suite (the default).")] = False,
    full: Annotated[bool, typer.Option("--full", help="The papers' sizes, hours.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for everything. Default: validation/SIZE.", show_default=False),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure claims anew that are already in DIR.")] = False,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Seeds of every claim. Default: as each claim says.", show_default=False),
    ] = None,
    device: Annotated[str, typer.Option(help="Where torch computes: auto, cpu, cuda or mps.")] = "cpu",
    recordings: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="LTR_RECORDINGS",
            help="Folder of the recordings on which some claims are measured; these are left out without it.",
            show_default=False,
        ),
    ] = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    cluster_config: ClusterConfig = None,
    quiet: Quiet = False,
    json: Json = False,
    open_report: OpenReport = False,
    debug: Debug = False,
) -> None:
    r"""Measure what the papers claim, where the truth is known.

    Every claim of the papers behind this program is an experiment: what the
    paper says, what we measure, and whether it holds. A claim that we measure
    to be false is a known deviation, with its reason, and never counts as a
    pass. What is measured is kept: the same command goes on after any
    interruption. The exit code is 1 if a claim fails.

    [bold]Examples[/bold]

      ltr validate --list
      ltr validate low-tensor-rank --open
      ltr validate LTR-07 LTR-13
      ltr validate --all --smoke

      ltr validate --all --full --cluster slurm --cluster-config slurm.yaml

    [bold]What is left in DIR[/bold]

      validation.html      every claim with its figure, on one page
      validation.csv       one row a claim
      claims/              one file a claim, from which work goes on
      figures/             as SVG and PNG
    """
    from ltr.simulations.validation.catalogue import SUITES, chosen

    if listed:
        _list(chosen(claims or list(SUITES)), as_json=json)
        return
    size = _size(smoke=smoke, quick=quick, full=full)
    if everything == bool(claims):
        raise SettingsError(
            "no claim was named." if not claims else "--all goes with no names of claims.",
            allowed=f"suites {', '.join(SUITES)}, claims as 'ltr validate --list' shows them, or --all",
            fix="ltr validate --all --smoke is a good start",
        )
    from ltr.device import choose_device
    from ltr.simulations.validation.folder import open_folder, write_table
    from ltr.simulations.validation.page import write_page
    from ltr.simulations.validation.run import Order
    from ltr.simulations.validation.run import validate as measure

    found = chosen(claims or list(SUITES))
    where = choose_device(device, "float64" if device == "cpu" else "float32")
    sized = [claim for claim in found if size in claim.sizes]
    here = [claim for claim in sized if not claim.needs or (recordings and (recordings / claim.needs).is_file())]
    left_out = [claim.id for claim in found if claim not in sized]
    lacking = [f"{claim.id} needs {claim.needs}" for claim in sized if claim not in here]
    if not sized:
        raise SettingsError(
            f"none of these claims is measured at {size} size: {', '.join(left_out)}.",
            allowed="sizes that 'ltr validate --list' shows",
            fix="use --quick or --full",
        )
    if not here:
        raise SettingsError(
            f"{'; '.join(lacking)}, which is not in {recordings or 'any folder that was given'}.",
            allowed="a folder with that file",
            fix="--recordings DIR, or the environment variable LTR_RECORDINGS",
        )
    orders = [Order(claim.id, size, seeds, str(where), recordings) for claim in here]
    folder = out or Path("validation") / size
    open_folder(folder)
    engine = _engine(jobs, cluster, cluster_config, most=len(orders), on_cpu=where.type == "cpu")
    talk = not (quiet or json)
    if talk and left_out:
        print_progress(f"not measured at {size} size: {', '.join(left_out)}")
    if talk and lacking:
        print_progress(f"left out: {'; '.join(lacking)}, a recording (--recordings DIR)")
    done = 0

    def listen(result: Result, kept: bool) -> None:
        nonlocal done
        done += 1
        if json:
            print_json({"event": "claim", "claim": result.claim, "status": result.status, "seconds": result.seconds})
        elif talk:
            _tell(result, kept=kept, place=f"{done}/{len(orders)}")

    try:
        results = measure(orders, folder, engine=engine, again=again, listener=listen)
        write_table(folder, results)
        page = write_page(folder, results)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {done} of {len(orders)} claims are stored in {folder}. The same command goes on from there."
        ) from None
    _show(results, page, quiet=quiet, as_json=json)
    if open_report:
        open_in_browser(page)
    if any(result.status in ("fail", "error") for result in results):
        raise typer.Exit(FAILURE)


def _size(*, smoke: bool, quick: bool, full: bool) -> Size:
    if smoke + quick + full > 1:
        raise SettingsError("several sizes were given.", allowed="--smoke, --quick or --full", fix="give one of them")
    return "smoke" if smoke else "full" if full else "quick"


def _engine(jobs: int | None, cluster: str | None, cluster_config: Path | None, *, most: int, on_cpu: bool) -> Engine:
    from ltr.sweep.engines import Serial

    if cluster is None:
        if cluster_config is not None:
            raise SettingsError("--cluster-config was given without --cluster.", fix="add --cluster")
        jobs = min(processes(jobs, on_cpu=on_cpu), most)
        if jobs == 1:
            return Serial()
    from ltr.sweep.cluster import make_engine

    return make_engine(cluster, workers=jobs, config=cluster_config)


def _tell(result: Result, *, kept: bool, place: str) -> None:
    """One line about a result."""
    from ltr.simulations.validation.catalogue import find

    claim = find(result.claim)
    style = {"pass": "green", "known deviation": "yellow"}.get(result.status, "bold red")
    console = progress()
    time = "kept" if kept else f"{result.seconds:.1f} s"
    console.print(
        f"{place:>7}  [{style}]{result.status:<15}[/{style}] {claim.id}  {claim.title} ({time})", soft_wrap=True
    )
    if result.error:
        console.print(f"         {result.error}", markup=False, style="red", soft_wrap=True)


def _list(claims: Sequence[object], *, as_json: bool) -> None:
    from ltr.simulations.validation.catalogue import suite_of
    from ltr.simulations.validation.claim import SIZES, Claim

    rows = []
    for claim in claims:
        assert isinstance(claim, Claim)
        sizes = ", ".join(size for size in SIZES if size in claim.sizes)
        if as_json:
            print_json({"claim": claim.id, "suite": suite_of(claim), "title": claim.title, "sizes": sizes})
        rows.append([claim.id, suite_of(claim), sizes, claim.title])
    if not as_json:
        output().print(table("Claims", ["claim", "suite", "sizes", "what it is about"], rows, kept=3))


def _show(results: Sequence[Result], page: Path, *, quiet: bool, as_json: bool) -> None:
    from ltr.simulations.validation.folder import row
    from ltr.simulations.validation.page import counts

    totals = [
        f"{suite}: {count.total()} claims, {count['pass']} pass, {count['known deviation']} known deviations,"
        f" {count['fail']} fail, {count['error']} not measured"
        for suite, count in counts(results)
    ]
    if as_json:
        print_json({"event": "result", "report": str(page), "counts": {s: dict(c) for s, c in counts(results)}})
        return
    if quiet:
        output().print(f"{'; '.join(totals)}. Report: {page}", markup=False)
        return
    texts = [row(result) for result in results]
    rows = [[text["claim"], text["status"], text["title"], text["measured"] or text["note"]] for text in texts]
    output().print(table("What was measured", ["claim", "status", "what it is about", "measured"], rows, kept=2))
    for line in totals:
        output().print(line, markup=False)
    output().print(f"report: {page}", markup=False)
