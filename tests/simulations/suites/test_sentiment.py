"""Sentences reach the LSTM whole and with their labels, and truncation does to its weights what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ltr.errors import RecordingError
from ltr.simulations.suites.low_rank_change.digit_rows import digit_rows
from ltr.simulations.suites.low_rank_change.lstm_learning_curves import CLAIM as CURVES
from ltr.simulations.suites.low_rank_change.lstm_spectra import CLAIM as SPECTRA
from ltr.simulations.suites.low_rank_change.lstm_truncation import CLAIM as TRUNCATION
from ltr.simulations.suites.low_rank_change.sentiment_data import read_reviews, read_sentences
from ltr.simulations.suites.low_rank_change.two_layer_lstm import (
    BLOCKS,
    TRUNCATED,
    Truncation,
    TwoLayerLSTM,
    energy,
    initial_edges,
    logits_of,
    participation,
    seeded,
    truncate,
)
from ltr.simulations.word_vectors import DIMENSION

CPU = torch.device("cpu")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Sentences of known words; positive if and only if their first word is good."""
    generator = np.random.default_rng(0)
    for name, number in (("train", 150), ("dev", 30)):
        lines = ["sentence\tlabel"]
        for _ in range(number):
            label = generator.integers(2)
            words = [f"w{word}" for word in generator.integers(150, size=generator.integers(1, 9))]
            lines.append(f"{' '.join(['Good' if label else 'bad', *words])}\t{label}")
        (tmp_path / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path / "train.tsv"


def test_every_sentence_comes_once_an_epoch_with_its_label(texts: Path) -> None:
    reviews, sentences = read_reviews(texts, None, CPU), read_sentences(texts)
    label = torch.tensor([words[0] == "good" for words, _ in sentences]).float()
    assert torch.equal(reviews.training_labels, label)
    good = reviews.vectors[reviews.training[int(label.argmax())][0]]
    words, spreads = 0, []
    for inputs, labels in reviews.batches(64, np.random.default_rng(0)):
        assert torch.equal((inputs.data[: len(labels)] == good).all(1).float(), labels)
        words += len(inputs.data)
        lengths = [int((inputs.batch_sizes > index).sum()) for index in range(len(labels))]
        spreads.append(max(lengths) - min(lengths))
    assert words == sum(len(words) for words, _ in sentences)
    assert len(spreads) == 3
    assert max(spreads) <= 4, "sentences of like length stand together"


def test_unknown_words_are_zero_and_words_without_a_vector_random(texts: Path, tmp_path: Path) -> None:
    texts.with_name("dev.tsv").write_text("sentence\tlabel\nGOOD unheard w1\t1\n")
    path = tmp_path / "vectors.txt"
    path.write_text(f"good{' 0.5' * DIMENSION}\nw1{' 2' * DIMENSION}\nunheard{' 3' * DIMENSION}\n")
    reviews = read_reviews(texts, path, CPU)
    inputs, labels = reviews.validation_batch()
    assert inputs.data[:, 0].tolist() == [0.5, 0, 2]
    assert labels.tolist() == [1]
    words = {word for sentence, _ in read_sentences(texts) for word in sentence}
    assert f"vectors.txt; {len(words) - 2} of {len(words)} words are not in it" in reviews.origin
    assert reviews.vectors[1:].std(1).median().item() == pytest.approx(1, abs=0.1)
    assert "not GloVe" in read_reviews(texts, None, CPU).origin


def test_a_table_of_another_form_is_refused_by_line(texts: Path) -> None:
    for text, message in (
        ("sentence\tlabel\na b\t1\nc d 0\n", "line 3 of .* is no sentence"),
        ("sentence\tlabel\na b\tpositive\n", "line 2 of .* is no sentence"),
        ("sentence\tlabel\n", "holds no sentences"),
    ):
        texts.write_text(text)
        with pytest.raises(RecordingError, match=message):
            read_sentences(texts)
    texts.unlink()
    with pytest.raises(RecordingError, match=r"cannot read .*train\.tsv"):
        read_sentences(texts)


def network_and_batch(units: int = 12) -> tuple[TwoLayerLSTM, tuple[torch.Tensor, torch.Tensor]]:
    with seeded(0, CPU):
        network = TwoLayerLSTM(7, units)
        return network, (torch.randn(5, 40, 7), torch.randint(2, (40,)).float())


def test_initial_weights_are_uniform_within_their_bounds() -> None:
    blocks = network_and_batch(units=100)[0].blocks()
    for name, weights in blocks.items():
        bound = (7 if name == "layer 1, input" else 100) ** -0.5
        assert np.abs(weights).max() == pytest.approx(bound, rel=0.01)
        assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
        values = np.linalg.svd(weights, compute_uv=False)
        np.testing.assert_allclose(values[[0, -1]], initial_edges(100, weights.shape[1]), rtol=0.1)


def test_packed_sentences_get_the_logits_that_they_get_alone(texts: Path) -> None:
    reviews = read_reviews(texts, None, CPU)
    with seeded(0, CPU):
        network = TwoLayerLSTM(DIMENSION, 9)
    together = logits_of(network, reviews.validation_batch()[0])
    longest_first = sorted(reviews.validation, key=len, reverse=True)
    alone = [logits_of(network, reviews.vectors[sentence][:, None])[0] for sentence in longest_first]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_a_change_of_rank_two_is_kept_by_two_singular_values() -> None:
    network, batch = network_and_batch()
    initial, generator = network.blocks(), np.random.default_rng(0)
    before = logits_of(network, batch[0])
    parameters = dict(network.named_parameters())
    for name, path in BLOCKS.items():
        if name in TRUNCATED:
            change = generator.normal(size=(48, 2)) @ generator.normal(size=(2, 12))
            parameters[path].data += torch.tensor(change, dtype=torch.float32)
    trained = logits_of(network, batch[0])
    found = truncate(network, initial, (0, 1, 2, 11, 12), batch)
    changes, weights = found.logits_after["changes"], found.logits_after["weights"]
    np.testing.assert_allclose(changes[0], before, atol=1e-6)
    np.testing.assert_allclose(changes[2:], np.broadcast_to(trained, (3, 40)), atol=1e-5)
    np.testing.assert_allclose(weights[-1], trained, atol=1e-5)
    assert found.deviation("changes", 1) > 1e-3
    assert found.deviation("weights", 11) > 1e-6
    np.testing.assert_array_equal(logits_of(network, batch[0]), trained)
    for path in BLOCKS.values():
        parameters[path].data.zero_()
    for path in ("layers.weight_ih_l0",):
        parameters[path].data += torch.tensor(initial["layer 1, input"], dtype=torch.float32)
    np.testing.assert_allclose(weights[0], logits_of(network, batch[0]), atol=1e-6)
    assert energy(found.spectra["layer 2, input"][1], 2) == pytest.approx(1)


def test_ranks_that_are_enough() -> None:
    logits = np.array([1.0, -1.0, 1.0, -1.0])
    after = {
        "changes": logits * np.array([[0.0], [0.9], [0.99]]),
        "weights": logits * np.array([[-1.0], [0.96], [0.5]]),
    }
    spectra = {name: np.ones((3, 8)) for name in BLOCKS}
    found = Truncation(spectra, (1, 2, 4), logits, after, np.array([1.0, 0.0, 1.0, 1.0]))
    np.testing.assert_allclose(found.deviations("changes"), [1, 0.01, 1e-4])
    assert [found.rank_for("changes", level) for level in (2, 0.1, 1e-3, 1e-5)] == [1, 2, 4, 8]
    assert found.rank_for("weights", 0.1) == 8, "enough once is not enough from there on"
    assert found.accuracy_lost("changes", 2, 4) == 0
    assert found.accuracy_lost("weights", 1, 2) == pytest.approx(0.25)
    assert found.rank_for_accuracy("weights", 0.01) == 2
    assert energy(np.array([3.0, 4.0]), 1) == pytest.approx(9 / 25)
    assert participation(np.full(8, 0.3)) == pytest.approx(8)


def test_digits_keep_their_label_whatever_the_embedding() -> None:
    one, labels = digit_rows(16, np.random.default_rng(1))
    other, same = digit_rows(16, np.random.default_rng(2))
    assert torch.equal(labels, same)
    assert one.shape == (8, 1797, 16)
    assert 0.4 < labels.mean() < 0.6
    # either embedding is a linear map of the same rows, which can be found from some of them
    flat, of_other = (rows.double().reshape(-1, 16).numpy() for rows in (one, other))
    between = np.linalg.lstsq(flat[:500], of_other[:500], rcond=1e-6)[0]
    np.testing.assert_allclose(flat @ between, of_other, atol=1e-4)


@pytest.mark.parametrize("claim", [SPECTRA, TRUNCATION, CURVES], ids=lambda claim: claim.id)
def test_every_quantity_that_is_checked_is_measured(claim, texts: Path) -> None:
    protocol = claim.protocol("quick", seeds=2)
    few = {**protocol.parameters, "units": 16, "epochs": 2, "ranks": (0, 2, 4, 10, 16)}
    measured = claim.measure(replace(protocol, parameters=few, needed=texts))
    assert {check.quantity for check in claim.checks} <= set(measured.values)
    assert set(claim.reported) <= set(measured.values)
    assert measured.note
    assert claim.draw is not None
    claim.draw(measured, claim.reported)
