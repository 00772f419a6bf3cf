"""Settings of simulations refuse what cannot be simulated, in words."""

from __future__ import annotations

import pytest

from ltr.errors import SettingsError
from ltr.simulations.settings import ReachSettings, TeacherSettings


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        (TeacherSettings, {"rank": 0}, "rank = 0 cannot be used.\n  allowed: a whole number from 1 to 5"),
        (TeacherSettings, {"rank": 6}, "rank = 6"),
        (TeacherSettings, {"rank": 2.0}, "rank = 2.0"),
        (TeacherSettings, {"rank": 4, "units": 3}, "units = 3 cannot be used.\n  allowed: a whole number from 4"),
        (TeacherSettings, {"conditions": 61}, "conditions = 61"),
        (TeacherSettings, {"noise": -0.1}, "noise = -0.1 cannot be used.\n  allowed: a number from 0"),
        (TeacherSettings, {"noise": float("nan")}, "noise = nan"),
        (TeacherSettings, {"gain": True}, "gain = True"),
        (TeacherSettings, {"observe": "spike"}, "observe = 'spike' is not known.\n  allowed: rates, spikes"),
        (TeacherSettings, {"dropped_fraction": 1.0}, "dropped_fraction = 1.0"),
        (ReachSettings, {"neurons": 101}, "neurons = 101 cannot be used.\n  allowed: a whole number from 1 to 100"),
        (ReachSettings, {"perturbation": "culr"}, "did you mean 'curl'"),
        (ReachSettings, {"pretraining_steps": -1}, "pretraining_steps = -1"),
        (ReachSettings, {"readout_scale": -1.0}, "readout_scale = -1.0"),
        (ReachSettings, {"pretraining_rate": 2.0}, "pretraining_rate = 2.0"),
        (ReachSettings, {"seed": -1}, "seed = -1"),
    ],
)
def test_impossible_values_are_refused_with_what_is_allowed(kind, values, text):
    with pytest.raises(SettingsError) as caught:
        kind(**values)
    assert text in str(caught.value)


def test_length_of_the_session_is_the_sum_of_its_epochs():
    assert ReachSettings(baseline_trials=3, adaptation_trials=4, washout_trials=0).trials == 7
