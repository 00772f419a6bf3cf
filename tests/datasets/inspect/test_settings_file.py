"""The settings file holds what was suggested, explains it, and can be read back whatever the session's texts hold."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import yaml

from ltr.datasets import summarise
from ltr.datasets.inspect.settings_file import settings_file
from ltr.datasets.nwb.write import write_session
from ltr.settings import parse_settings


def test_it_reads_back_as_the_suggested_settings(session_path):
    summary = summarise(session_path)

    values = yaml.safe_load(settings_file(summary))

    assert values.pop("model") == {"rank": 5}
    assert values == summary.settings
    assert parse_settings(values).recording.align == "cue_time"


def test_alternatives_stand_in_comments(session_path):
    text = settings_file(summarise(session_path))

    assert "  # other choices for align: move_time\n" in text
    assert "  # areas: [M1, PMd]  # keep some of these\n" in text
    assert "  # trials: outcome == 'hit'  # successes only\n" in text
    assert f"# To fit:  ltr fit {session_path} --config fit.yaml\n" in text


def test_comments_can_be_uncommented(session_path):
    lines = settings_file(summarise(session_path)).splitlines()
    keys = ("  # areas:", "  # trials:", "  # bin_ms:")
    text = "\n".join(line.replace("# ", "", 1) if line.startswith(keys) else line for line in lines)

    recording = parse_settings(yaml.safe_load(text)).recording

    assert recording.areas == ("M1", "PMd")
    assert recording.trials == "outcome == 'hit'"


def test_names_that_mean_something_to_yaml_are_quoted(tmp_path):
    start = 1.0 + 2.0 * np.arange(12)
    names = {"- go # x": start + 0.5, "on": np.resize(["a", "b"], 12)}
    write_session(
        tmp_path / "odd.nwb",
        spike_times=[start + 0.6],
        trials=pd.DataFrame({"start_time": start, "stop_time": start + 1.5, **names}),
        session_description="x",
        identifier="x",
        session_start_time=datetime(2024, 1, 1, tzinfo=UTC),
    )
    summary = summarise(tmp_path / "odd.nwb")

    values = yaml.safe_load(settings_file(summary))

    assert values["recording"]["align"] == "- go # x"
    assert values["recording"]["condition"] == "on"
