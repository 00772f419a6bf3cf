"""A settings file to edit, with what a session offers in its comments."""

from __future__ import annotations

import shlex
from typing import Any

import yaml

from ltr.datasets.inspect.suggest import success_filter
from ltr.datasets.inspect.summary import SourceSummary

WIDTH = 100


def settings_file(summary: SourceSummary, name: str = "fit.yaml") -> str:
    """YAML with the suggested settings; each is explained, and alternatives stand in comments.

    Args:
        summary: of a source.
        name: of the file that it will be.

    Returns:
        Text for ``fit.yaml``, which ``ltr fit --config`` reads.
    """
    lines = [
        f"# Settings to begin with, from 'ltr inspect {_line(summary.path)}'.",
        f"# To fit:  ltr fit {shlex.quote(_line(summary.path))} --config {shlex.quote(_line(name))}",
        "# Every flag of 'ltr fit --help' can stand here, under the name of its group.",
    ]
    lines += [f"# {_line(reason)}" for reason in summary.reasons]
    for section, values in summary.settings.items():
        lines += ["", f"{section}:"]
        for setting, value in values.items():
            others = _alternatives(setting, summary)
            lines.append(f"  {setting}: {_value(value)}")
            lines += [f"  # other choices for {setting}: {others}"] if others else []
        if section == "recording":
            lines += _unset(values, summary)
    lines += [
        "",
        "model:" if "model" not in summary.settings else "# in model:",
        "  rank: 5  # number of components; compare a few" if "model" not in summary.settings else "#   rank: 5",
    ]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).split("\n...")[0].strip()


def _alternatives(name: str, summary: SourceSummary) -> str:
    choices = {
        "align": summary.align_candidates,
        "condition": summary.condition_candidates,
        "epoch": summary.epoch_candidates,
        "signal": tuple(signal.path for signal in summary.signals),
        "trials_table": tuple(table.name for table in summary.tables),
    }.get(name, ())
    shown = _line(", ".join(choices[1:]))
    return shown if len(shown) <= WIDTH else shown[:WIDTH].rpartition(", ")[0] + ", ..."


def _unset(values: dict[str, Any], summary: SourceSummary) -> list[str]:
    """Settings that were not chosen, as comments to be uncommented."""
    areas = [area.area for area in summary.areas if area.area]
    lines = []
    if len(areas) > 1:
        lines.append(f"  # areas: {_value(areas)}  # keep some of these")
    if "epoch" not in values:
        half = max(summary.trials // 2, 1)
        ranges = [f"early:0-{half - 1}", f"late:{half}-{max(summary.trials - 1, half)}"]
        lines.append(f"  # epochs: {_value(ranges)}  # epochs of learning as ranges of trial numbers")
    if "trials" not in values and summary.outcome and summary.success_value is not None:
        lines.append(f"  # trials: {_value(success_filter(summary.outcome, summary.success_value))}  # successes only")
    lines.append("  # bin_ms: 20" if "bin_ms" not in values else "  # bins are as long as the samples of the signal")
    return lines


def _line(text: str) -> str:
    return " ".join(text.split())
