"""``python -m benchmarks``: measure, print, and write the results where asked to."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Callable, Sequence

import torch

from benchmarks import accuracy, fit, growth, memory, reading, report, startup, step, sweep, training
from benchmarks.timing import progress

SECTIONS = ("step", "accuracy", "growth", "memory", "fit", "import", "reading", "sweep", "training")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen sections."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    options = parser.parse_args(given)
    if options.quick and options.write:
        parser.error("--write: the numbers of --quick are not worth keeping")
    torch.set_num_threads(options.threads)
    described = report.machine()
    tables = [table for section in options.only for table in _measurements(options)[section]()]
    text = report.page(shlex.join(["python", "-m", "benchmarks", *given]), described, tables)
    print(text, end="")
    if options.write:
        report.write(text)
        progress(f"wrote {report.RESULTS.name}")


def _measurements(options: argparse.Namespace) -> dict[str, Callable[[], list[report.Table]]]:
    quick = options.quick
    return {
        "step": lambda: step.measure(quick=quick),
        "accuracy": lambda: accuracy.measure(quick=quick),
        "growth": lambda: growth.measure(quick=quick),
        "memory": lambda: memory.measure(quick=quick, large=options.large),
        "fit": lambda: fit.measure(quick=quick, variants=options.variants, best_known=options.best),
        "import": lambda: startup.measure(quick=quick),
        "reading": lambda: reading.measure(quick=quick),
        "sweep": lambda: sweep.measure(quick=quick),
        "training": lambda: training.measure(quick=quick),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", type=_sections, default=SECTIONS, metavar="A,B,...", help=f"sections, of {', '.join(SECTIONS)}"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything run? No number counts.")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--large", action="store_true", help="memory: also 10,000 trials, which takes up to 13 GB")
    parser.add_argument(
        "--variants",
        type=_variants,
        default=(fit.DEFAULTS,),
        metavar="A,B,...",
        help=f"fit: 'all', or some of: {', '.join(fit.VARIANTS)} (default: {fit.DEFAULTS})",
    )
    parser.add_argument("--best", type=float, default=math.inf, help="fit: best held-out loss known from before")
    parser.add_argument("--write", action="store_true", help=f"write {report.RESULTS.name}, too")
    return parser


def _sections(text: str) -> tuple[str, ...]:
    return _chosen(text, SECTIONS)


def _variants(text: str) -> tuple[str, ...]:
    return tuple(fit.VARIANTS) if text == "all" else _chosen(text, tuple(fit.VARIANTS))


def _chosen(text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    for name in chosen:
        if name not in allowed:
            raise argparse.ArgumentTypeError(f"'{name}' is not one of: {', '.join(allowed)}")
    return chosen


if __name__ == "__main__":
    main()
