"""Word vectors: read from a text file in the format of GloVe, or made from the sentences themselves."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD

from ltr.errors import RecordingError
from ltr.types import Array, Float, Int

DIMENSION = 100


def read_vectors(path: Path, words: Collection[str] | None = None) -> dict[str, Float[Array, " dimension"]]:
    """Vectors of words, from lines of a word and its numbers, separated by single spaces.

    Args:
        path: of the file.
        words: whose vectors are wanted; None to check the whole file and keep nothing.

    Raises:
        RecordingError: a line is not of this form.
    """
    found, number = {}, 0
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                word, *texts = line.rstrip("\r\n ").split(" ")
                if len(texts) != DIMENSION:
                    raise _refused(path, number, f"holds {len(texts)} numbers after the word '{word[:40]}'")
                if words is None or word in words:
                    vector = _vector(texts)
                    if vector is None:
                        raise _refused(path, number, f"holds, for the word '{word[:40]}', what is no finite number")
                    if words is not None:
                        found[word] = vector
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise RecordingError(
            f"cannot read word vectors from {path}: {reason}.",
            allowed=f"a text file in UTF-8: a word and {DIMENSION} numbers a line",
            fix="unpack the file if it is packed, and give its path",
        ) from error
    if number == 0:
        raise _refused(path, 1, "is missing: the file is empty")
    return found


def _refused(path: Path, line: int, what: str) -> RecordingError:
    return RecordingError(
        f"line {line} of {path} {what}.",
        allowed=f"a word and {DIMENSION} numbers a line, separated by single spaces",
        fix="give vectors such as those of glove.6B.100d.txt",
    )


def _vector(texts: Sequence[str]) -> Float[Array, " dimension"] | None:
    try:
        vector = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return vector if math.isfinite(vector.sum()) else None


def cooccurrences(sentences: Sequence[Int[Array, " word"]], number: int, window: int) -> sparse.csr_array:
    """How often two words stand at most ``window`` words apart in a sentence.

    Args:
        sentences: of indices of words.
        number: of different words.
        window: in words.
    """
    words = np.concatenate(sentences)
    sentence = np.repeat(np.arange(len(sentences)), [len(each) for each in sentences])
    pairs = []
    for distance in range(1, window + 1):
        together = sentence[distance:] == sentence[:-distance]
        pairs.append((words[:-distance][together], words[distance:][together]))
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    counts = sparse.csr_array((np.ones(len(first)), (first, second)), shape=(number, number))
    return sparse.csr_array(counts + counts.T)


def made_vectors(sentences: Sequence[Int[Array, " word"]], number: int, window: int) -> Float[Array, "word dimension"]:
    """From positive pointwise mutual information of neighbours, by its leading singular vectors.

    Args:
        sentences: of indices of words.
        number: of different words.
        window: in words.

    Returns:
        Vectors whose entries have mean square 1; zero for words without neighbours.
    """
    information = positive_information(cooccurrences(sentences, number, window))
    decomposition = TruncatedSVD(DIMENSION, random_state=0)
    vectors = decomposition.fit_transform(information) / np.sqrt(decomposition.singular_values_)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.sqrt(DIMENSION) * np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))


def positive_information(counts: sparse.csr_array) -> sparse.csr_array:
    """Logarithm of how often two words meet over how often they would by chance, where that is above 0."""
    each, pairs = np.asarray(counts.sum(1)), counts.tocoo()
    information = np.log(pairs.data * each.sum() / (each[pairs.row] * each[pairs.col]))
    return sparse.csr_array((np.maximum(information, 0), (pairs.row, pairs.col)), shape=counts.shape)
