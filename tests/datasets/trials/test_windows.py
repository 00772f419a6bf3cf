"""Edges of windows are clean decimals."""

from ltr.datasets.trials.windows import bin_edges


def test_edges_are_the_decimals_one_would_write_down():
    assert bin_edges((-0.1, 0.1), 20.0).tolist() == [-0.1, -0.08, -0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1]
