"""Labels of conditions and epochs read as one would write the value, and missing values have none."""

import numpy as np
import pytest

from ltr.datasets.trials.labels import label_column, product_labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.array([1, -2], dtype=np.int16), ["1", "-2"]),
        (np.array([1.0, 22.5, -0.0, np.nan]), ["1", "22.5", "0", ""]),
        (np.array([True, False]), ["True", "False"]),
        (np.array(["left", " rechts→ ", ""], dtype=object), ["left", "rechts→", ""]),
    ],
    ids=["whole numbers", "floats", "true or false", "text"],
)
def test_labels_of_a_column(values, labels):
    assert label_column(values).tolist() == labels


def test_several_columns_make_product_labels_and_one_missing_part_makes_the_label_missing():
    labels = product_labels([np.array([1.0, np.nan, 2.0]), np.array(["a", "b", ""], dtype=object)])

    assert labels.tolist() == ["1/a", "", ""]
