"""Filters agree with pandas on what they understand, and refuse everything else without running any of it."""

import numpy as np
import pandas as pd
import pytest

from ltr.datasets.trials.filter import matching_rows
from ltr.errors import RecordingError


@pytest.fixture
def columns():
    return {
        "outcome": np.array(["hit", "miss", "hit", "abort", "hit"], dtype=object),
        "rt": np.array([0.1, 0.2, 0.5, np.nan, 0.3]),
        "limit": np.array([0.2, 0.2, 0.2, 0.2, 0.4]),
        "block": np.array([0, 0, 1, 1, 2], dtype=np.uint8),
        "early": np.array([True, False, False, True, False]),
        "trial type": np.array(["a", "b", "a", "b", "a"], dtype=object),
    }


@pytest.mark.parametrize(
    "expression",
    [
        "outcome == 'hit' and rt < 0.4",
        "outcome == 'hit' or block == 1 and rt >= 0.3",
        "(outcome == 'hit' or block == 1) and rt >= 0.3",
        "outcome in ['hit', 'abort']",
        "outcome not in ('hit', 'abort')",
        "block in [0, 2]",
        "0.1 < rt <= 0.3",
        "not early",
        "early and block > 0",
        "early == True",
        "rt < limit",
        "rt != 0.2",
        "rt > -1",
        "'hit' == outcome",
        "`trial type` == 'a' and not (block == 1)",
    ],
)
def test_filters_keep_the_rows_that_pandas_keeps(columns, expression):
    # a missing rt satisfies '!=' and nothing else in both
    expected = pd.DataFrame(columns).eval(expression, engine="python").to_numpy()

    np.testing.assert_array_equal(matching_rows(expression, columns), expected)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("outcome = 'hit'", "write == to compare"),
        ("outcome == 'hit", "cannot be read"),
        ("", "cannot be read"),
        ("rt <", "cannot be read"),
        ("otcome == 'hit'", "did you mean 'outcome'"),
        ("outcome == hit", "if it is text, put it in quotes: 'hit'"),
        ("rt", "compare it: rt == ..."),
        ("outcome", "compare it"),
        ("0.3", "not a comparison"),
        ("outcome == 1", "compares text with a number"),
        ("rt == 'fast'", "compares text with a number"),
        ("outcome < 'i'", "orders text"),
        ("(rt < 0.4) & (block == 1)", "write 'and' or 'or'"),
        ("rt is 0.4", "write == or !="),
        ("outcome in outcome", "no list after 'in'"),
        ("rt + 1 < 2", "neither a column nor a constant"),
        ("rt < 1j", "neither a column nor a constant"),
        ("outcome == b'hit'", "neither a column nor a constant"),
        ("rt < 1" + "0" * 400, "neither a column nor a constant"),
        ("not " * 300 + "early", "characters"),
        ("__import__('os').system('true') == 0", "neither a column nor a constant"),
        ("rt.__class__ == 1", "neither a column nor a constant"),
        ("columns['rt'] < 1", "neither a column nor a constant"),
        ("[x for x in (1,)] == 1", "neither a column nor a constant"),
        ("(lambda: 1)() == 1", "neither a column nor a constant"),
        ("(block := 1) == 1", "neither a column nor a constant"),
        ("f'{rt}' == 'a'", "neither a column nor a constant"),
        ("print('ran')", "not a comparison"),
        ("early if early else early", "not a comparison"),
        ("import os", "cannot be read"),
        ("rt < 1; block == 1", "cannot be read"),
        ("rt \0", "cannot be read"),
    ],
)
def test_anything_else_is_refused_with_a_reason(columns, capsys, expression, message):
    with pytest.raises(RecordingError) as caught:
        matching_rows(expression, columns)

    assert message in str(caught.value)
    assert capsys.readouterr().out == ""


def test_odd_literals_give_no_warning_on_the_terminal(columns, recwarn):
    matching_rows(r"outcome == '\d'", columns)

    assert not recwarn.list


def test_the_columns_are_not_changed(columns):
    result = matching_rows("early", columns)
    result[:] = False

    assert columns["early"].tolist() == [True, False, False, True, False]
