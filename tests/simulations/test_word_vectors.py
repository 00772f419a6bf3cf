"""Word vectors are those of the file, or follow from counts of neighbours; a file of another form is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ltr.errors import RecordingError
from ltr.simulations.word_vectors import DIMENSION, cooccurrences, made_vectors, positive_information, read_vectors

NUMBERS = " ".join(f"{number / 8}" for number in range(DIMENSION))


def test_vectors_of_the_wanted_words_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    # a line separator inside a word, as in some published files, ends no line
    path.write_bytes(f"café {NUMBERS}\n\u2028 {NUMBERS}\nother {NUMBERS} \r\n".encode())
    found = read_vectors(path, {"café", "other", "absent"})
    assert found.keys() == {"café", "other"}
    np.testing.assert_array_equal(found["café"], np.arange(DIMENSION) / 8)
    assert read_vectors(path) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"400000 {DIMENSION}\nthe {NUMBERS}\n", "line 1 of .* holds 1 numbers after the word '400000'"),
        (f"the {NUMBERS}\nof {NUMBERS} 0.5\n", "line 2 of .* holds 101 numbers"),
        (f"the {NUMBERS}\n\n", "line 2 of .* holds 0 numbers"),
        (f"the {NUMBERS[:-6]}0x1\n", "line 1 of .* for the word 'the', what is no finite number"),
        (f"the nan{NUMBERS[3:]}\n", "no finite number"),
        ("", "the file is empty"),
        (b"\x1f\x8b\xff\xfe", "it is no text in UTF-8"),
    ],
)
def test_other_files_are_refused_by_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecordingError, match=message) as refused:
        read_vectors(path)
    assert refused.value.allowed
    assert refused.value.fix


def test_neighbours_are_counted_within_the_window_and_the_sentence() -> None:
    generator = np.random.default_rng(0)
    sentences = [generator.integers(5, size=length) for length in (1, 2, 12, 6)]
    expected = np.zeros((5, 5))
    for words in sentences:
        for here, word in enumerate(words):
            for there, other in enumerate(words):
                expected[word, other] += 0 < abs(here - there) <= 3
    counts = cooccurrences(sentences, 5, 3).toarray()
    np.testing.assert_array_equal(counts, expected)
    information = positive_information(cooccurrences(sentences, 5, 3)).toarray()
    joint = expected / expected.sum()
    with np.errstate(divide="ignore"):
        by_definition = np.log(joint / np.outer(joint.sum(1), joint.sum(0)))
    np.testing.assert_allclose(information, np.maximum(by_definition, 0), atol=1e-12)


def test_made_vectors_have_unit_mean_square_and_put_alike_words_together() -> None:
    generator = np.random.default_rng(0)
    # words 0 and 1 stand beside the same ones; words 200 to 209 are in no sentence
    sentences = [np.array([generator.integers(2), *generator.integers(2, 20, size=3)]) for _ in range(400)]
    sentences += [generator.integers(20, 200, size=8) for _ in range(400)]
    vectors = made_vectors(sentences, 210, 3)
    used = np.unique(np.concatenate(sentences))
    np.testing.assert_allclose((vectors[used] ** 2).mean(1), 1)
    assert not vectors[200:].any()
    cosines = vectors[used] @ vectors[0] / DIMENSION
    assert cosines[1] > 0.5
    assert np.abs(cosines[20:]).max() < 0.3
