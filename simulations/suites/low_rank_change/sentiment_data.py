"""Sentences of film reviews with their sentiment, and a vector for every word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from ltr.errors import RecordingError
from ltr.simulations.suites.low_rank_change.two_layer_lstm import Batch
from ltr.simulations.word_vectors import DIMENSION, made_vectors, read_vectors
from ltr.types import Array, Float, Int

WINDOW = 5  # words to either side that count as neighbours
UNKNOWN = 0  # a word that is in no sentence of the training set

Sentence = tuple[tuple[str, ...], int]
"""Words in small letters; 1 for positive, 0 for negative."""


def read_sentences(path: Path) -> list[Sentence]:
    """From a table of sentences, already cut into words, and labels.

    Raises:
        RecordingError: it is no such table.
    """
    try:
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"cannot read {path}: {error}.", fix="put that split of SST-2 there, as text") from error
    found = []
    for number, line in enumerate(lines[1:], start=2):
        sentence, _, label = line.rpartition("\t")
        words = tuple(sentence.lower().split())
        if not words or label not in ("0", "1"):
            raise RecordingError(
                f"line {number} of {path} is no sentence with its label.",
                allowed="a header, then a sentence, a tab, and 0 or 1 a line",
                fix="give the table with its tabs",
            )
        found.append((words, int(label)))
    if not found:
        raise RecordingError(f"{path} holds no sentences.", allowed="a header, then one sentence a line")
    return found


@dataclass(frozen=True, eq=False)
class Reviews:
    """Sentences as indices of words.

    Attributes:
        training, validation: sentences.
        training_labels, validation_labels: theirs.
        vectors: of the words of the training set; zero for unknown ones.
        origin: where the vectors come from, as a sentence.
    """

    training: list[Int[Tensor, " word"]]
    validation: list[Int[Tensor, " word"]]
    training_labels: Float[Tensor, " sentence"]
    validation_labels: Float[Tensor, " sentence"]
    vectors: Float[Tensor, "word dimension"]
    origin: str

    def batches(self, size: int, generator: np.random.Generator) -> Iterator[Batch]:
        """All sentences of the training set once, in batches of nearly equal length, in random order."""
        lengths = np.array([len(sentence) for sentence in self.training])
        by_length = np.lexsort((generator.random(len(lengths)), lengths))
        batches = [by_length[start : start + size] for start in range(0, len(lengths), size)]
        for batch in generator.permutation(len(batches)):
            longest_first = batches[batch][::-1].copy()
            yield self._embedded([self.training[index] for index in longest_first]), self.training_labels[longest_first]

    def validation_batch(self) -> Batch:
        """All sentences of the validation set, longest first."""
        order = sorted(range(len(self.validation)), key=lambda index: -len(self.validation[index]))
        return self._embedded([self.validation[index] for index in order]), self.validation_labels[order]

    def _embedded(self, sentences: Sequence[Int[Tensor, " word"]]) -> PackedSequence:
        packed = pack_sequence(list(sentences))
        return PackedSequence(self.vectors[packed.data], packed.batch_sizes)


def read_reviews(training: Path, embeddings: Path | None, device: torch.device) -> Reviews:
    """Both splits, with vectors from a file or made from the sentences of the training set.

    Args:
        training: table of the training set; that of the validation set, ``dev.tsv``, lies beside it.
        embeddings: file of word vectors; None to make them.
        device: where batches are wanted.
    """
    splits = [read_sentences(training), read_sentences(training.with_name("dev.tsv"))]
    words = list(dict.fromkeys(word for sentence, _ in splits[0] for word in sentence))
    indices = {word: index for index, word in enumerate(words, start=UNKNOWN + 1)}
    sentences = [[[indices.get(word, UNKNOWN) for word in sentence] for sentence, _ in split] for split in splits]
    if embeddings is None:
        vectors = made_vectors([np.array(sentence) for sentence in sentences[0]], len(words) + 1, WINDOW)
        origin = (
            f"Word vectors: {DIMENSION} dimensions, made from the training sentences (positive pointwise mutual"
            f" information within {WINDOW} words, truncated SVD), not GloVe."
        )
    else:
        vectors, missing = _from_file(embeddings, words)
        origin = f"Word vectors: {embeddings.name}; {missing} of {len(words)} words are not in it, theirs are random."
    labels = [torch.tensor([label for _, label in split], dtype=torch.float32, device=device) for split in splits]
    tensors = [[torch.tensor(sentence, device=device) for sentence in split] for split in sentences]
    embedded = torch.tensor(vectors, dtype=torch.float32, device=device)
    return Reviews(tensors[0], tensors[1], labels[0], labels[1], embedded, origin)


def _from_file(path: Path, words: Sequence[str]) -> tuple[Float[Array, "word dimension"], int]:
    """Vectors in the order of the words, after a zero; and how many are not in the file."""
    found, drawn = read_vectors(path, set(words)), np.random.default_rng(0).normal(size=(len(words), DIMENSION))
    known = [found.get(word, random) for word, random in zip(words, drawn, strict=True)]
    return np.stack([np.zeros(DIMENSION), *known]), len(words) - len(found)
