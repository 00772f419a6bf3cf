"""A column is judged by its values first; words decide only what values leave open."""

import numpy as np
import pytest

from ltr.datasets.inspect.roles import judge_columns
from ltr.datasets.inspect.vocabulary import event_kind
from ltr.datasets.trials.clock import Bounds
from ltr.datasets.trials.table import Table

N = 40
START = 600.0 + 4.0 * np.arange(N)
BOUNDS = Bounds(START, START + 3.0, stated=True)
GENERATOR = np.random.default_rng(0)
WITHIN = GENERATOR.uniform(0.2, 2.5, N)


def judged(name, values, description="", lists=False):
    values = np.asarray(values) if not lists else values
    if not lists and values.dtype.kind == "U":
        values = values.astype(object)
    table = Table("trials table", N, {} if lists else {name: values}, {name: values} if lists else {})
    table.descriptions[name] = description
    [column] = judge_columns(table, BOUNDS)
    return column


def cycle(*values):
    return np.resize(np.array(values), N)


@pytest.mark.parametrize(
    ("name", "values", "description", "role"),
    [
        ("x17", START + WITHIN, "", "event time"),
        ("x17", WITHIN, "seconds, relative to trial start", "event time"),
        ("CueTime", WITHIN, "", "event time"),
        ("FirstLick", WITHIN, "Timing of the first lick", "event time"),
        ("x17", WITHIN, "", "other"),  # nothing says that these are times
        ("reaction_time", WITHIN, "", "duration"),
        ("rt", WITHIN, "press time - go cue time", "duration"),
        ("latency", START + WITHIN, "", "duration"),
        ("delay", WITHIN, "delay for go cue", "duration"),
        ("responseTime", WITHIN, "time from go cue to lick", "duration"),
        ("start_well", cycle(1.0, 2.0, 3.0), "", "condition"),  # codes that would be times within the trial
        ("kind", cycle("a", "b", "c"), "", "condition"),
        ("n", np.arange(N), "", "counter"),
        ("attempt", cycle(1, 1, 2, 3), "", "counter"),
        ("tries", cycle(1, 1, 2, 3), "# of tries", "counter"),
        ("task", cycle("2AFC"), "", "constant"),
        ("nothing", cycle(np.nan), "", "constant"),
        ("power", cycle("1.2", "N/A", "0.5"), "", "other"),  # numbers as text
        ("split", cycle("train", "val"), "", "other"),
        ("part", cycle("train", "test"), "", "other"),
        ("is_good", cycle(1, 1, 0), "", "validity"),
        ("GoodTrials", cycle(1.0, 1.0, 0.0), "", "validity"),
        ("result", cycle("R", "A", "F"), "trial outcome", "outcome"),
        ("response", cycle("correct", "incorrect", "no response"), "", "outcome"),
        ("HitL", cycle(0, 1), "", "outcome"),
        ("NoLickR", cycle(False, True), "", "outcome"),
        ("early_lick", cycle("early", "no early"), "", "condition"),
        ("block", np.repeat([1, 2], N // 2), "", "epoch"),
        ("phase", np.repeat(["before", "after"], N // 2), "", "epoch"),
        ("block", cycle(1, 2), "", "condition"),
        ("contrast", GENERATOR.normal(size=N), "", "other"),
        ("heading_angle", GENERATOR.uniform(0, 6, N), "", "condition"),
        ("who", np.array([f"s{k}" for k in range(N)]), "", "other"),
    ],
)
def test_the_role_of_a_column(name, values, description, role):
    assert judged(name, values, description).role == role


def rows(width):
    objects = np.empty(N, dtype=object)
    for place in range(N):
        objects[place] = tuple(float(place % 4 + k) for k in range(width))
    return objects


def test_lists_are_conditions_if_few_and_times_if_they_lie_in_the_trial():
    assert judged("corners", rows(4), lists=True).role == "condition"
    times = np.empty(N, dtype=object)
    for place in range(N):
        times[place] = (WITHIN[place], WITHIN[place] + 0.1)
    column = judged("CueTime", times, "relative to trial start", lists=True)
    assert (column.role, column.relative) == ("event time", True)


def test_a_column_that_most_trials_lack_comes_last():
    late = np.where(np.arange(N) % 2 == 0, np.nan, START + WITHIN)

    assert judged("go_cue", late).rank > judged("reward", START + WITHIN).rank


def test_without_bounds_nothing_is_a_time():
    table = Table("trials table", N, {"go": START + WITHIN}, descriptions={"go": ""})

    assert [column.role for column in judge_columns(table, None)] == ["other"]


@pytest.mark.parametrize(
    ("better", "worse"),
    [("go_cue_time", "target_on_time"), ("move_onset", "tone_on"), ("tone_on", "choice"), ("lick", "reward")],
)
def test_events_are_ranked_by_their_names(better, worse):
    assert event_kind(better, "")[0] < event_kind(worse, "")[0]


def test_the_end_of_something_is_a_worse_event_than_any_beginning():
    assert event_kind("move_ends_time", "")[0] > event_kind("reward_time", "")[0]
