"""``ltr validate``: the claims of the papers, measured on this machine or on many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    from ltr.simulations.validation.claim import Claim, Size
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
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            envvar="LTR_RECORDINGS",
            help="Folder of recordings or texts on which some claims are measured; these are left out without it. May"
            " be given several times; the first folder that has a file counts.",
            show_default=False,
        ),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Word vectors for the claims on sentiment: text in the format of GloVe, 100 numbers a word. Default:"
            " vectors made from the training sentences.",
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

      validation.html      every claim with its figure, on one page, those of earlier commands included
      validation.csv       the same, one row a claim
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
    from ltr.simulations.validation.run import Order, standing
    from ltr.simulations.validation.run import validate as measure

    found = chosen(claims or list(SUITES))
    where = choose_device(device, "float64" if device == "cpu" else "float32")
    here, left_out = _measurable(found, size, recordings or [])
    vectors = _checked_embeddings(embeddings, here)
    folders = tuple(folder.absolute() for folder in recordings or [])  # workers may stand in other folders
    orders = [Order(claim.id, size, seeds, str(where), folders, vectors) for claim in here]
    engine = _engine(jobs, cluster, cluster_config, most=len(orders), on_cpu=where.type == "cpu")
    folder = out or Path("validation") / size
    open_folder(folder)
    talk = not (quiet or json)
    for claim_id, reason in left_out.items():
        if json:
            print_json({"event": "left out", "claim": claim_id, "reason": reason})
    if talk and left_out:
        print_progress(f"left out: {_in_words(left_out)}")
    done = 0

    def listen(result: Result, kept: bool) -> None:
        nonlocal done
        done += 1
        if json:
            told = {"claim": result.claim, "status": result.status, "seconds": result.seconds, "error": result.error}
            print_json({"event": "claim", "kept": kept, **told})
        elif talk:
            _tell(result, kept=kept, place=f"{done}/{len(orders)}")

    try:
        results = measure(orders, folder, engine=engine, again=again, listener=listen)
        everything_here = standing(folder, size, folders)
        write_table(folder, everything_here)
        page = write_page(folder, everything_here)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {done} of {len(orders)} claims are stored in {folder}. The same command goes on from there."
        ) from None
    _show(results, page, quiet=quiet, as_json=json)
    if open_report:
        open_in_browser(page)
    if any(result.status in ("fail", "error") for result in results):
        raise typer.Exit(FAILURE)


def _measurable(claims: Sequence[Claim], size: Size, folders: Sequence[Path]) -> tuple[list[Claim], dict[str, str]]:
    """Claims that can be measured at this size and with what is in these folders; the others, and why not."""
    from ltr.simulations.validation.run import needed_file

    left_out = {}
    for claim in claims:
        if size not in claim.sizes:
            left_out[claim.id] = f"not measured at {size} size"
        elif claim.needs and needed_file(claim, folders) is None:
            place = " or ".join(map(str, folders)) or "a folder given by --recordings"
            left_out[claim.id] = f"needs {claim.needs}, which is not in {place}"
    if len(left_out) == len(claims):
        raise SettingsError(
            f"none of these claims can be measured: {_in_words(left_out)}.",
            allowed="sizes that 'ltr validate --list' shows, and recordings that are at hand",
            fix="use --quick or --full, or --recordings DIR (or LTR_RECORDINGS)",
        )
    return [claim for claim in claims if claim.id not in left_out], left_out


def _checked_embeddings(path: Path | None, claims: Sequence[Claim]) -> Path | None:
    """The file of word vectors if a claim reads it, with every line checked before hours of training."""
    if path is None or not any(claim.reads_embeddings for claim in claims):
        return None
    from ltr.simulations.word_vectors import read_vectors

    read_vectors(path)
    return path.absolute()


def _in_words(left_out: Mapping[str, str]) -> str:
    """Claims by the reason why they are left out."""
    claims: dict[str, list[str]] = {}
    for claim_id, reason in left_out.items():
        claims.setdefault(reason, []).append(claim_id)
    return "; ".join(f"{', '.join(ids)} ({reason})" for reason, ids in claims.items())


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
