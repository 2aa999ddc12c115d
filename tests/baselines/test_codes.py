import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from musicgen.baselines.baseline import BaselineData
from musicgen.baselines.codes import CodeMarkov, TrainedRun, decoder_bits
from musicgen.baselines.context_counts import ContextCounts
from musicgen.checkpoint import load_autoencoder
from musicgen.generation.sampling import Sampling
from musicgen.generation.tokenize import encode_packed, encode_pieces
from musicgen.measure.evaluate import count_parameters, reconstruction_metrics
from musicgen.measure.trivial import bigram_nats


def held_out_bits(model, material: BaselineData) -> float:
    pieces = material.held_out
    return sum(model.bits(np.array(pieces.piece(n))) for n in range(len(pieces.pieces))) / len(pieces)


def test_chances_by_hand():
    counts = ContextCounts([np.array([0, 1, 1])], order=1, vocab=2)

    # Alone: 0 once and 1 twice, 2 · 1/2 added to each: 2/5 and 3/5. After the start code: 0 once.
    assert counts.distribution(2) == pytest.approx([(1 + 2 * 0.4) / 3, (2 * 0.6) / 3])
    assert counts.distribution(1) == pytest.approx([(2 * 0.4) / 3, (1 + 2 * 0.6) / 3])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_context_has_a_distribution_and_is_the_codes_before(order: int):
    stream = np.random.default_rng(0).integers(0, 3, 400)
    counts = ContextCounts([stream], order=order, vocab=3)
    numbers = counts.contexts(stream, order)

    every = np.array([counts.distribution(number) for number in range(4**order)])
    assert np.allclose(every.sum(axis=1), 1)
    assert np.array_equal(counts.chances(stream), every[numbers, stream])
    digits = [numbers // 4**place % 4 for place in range(order)]
    for place, digit in enumerate(digits):  # the nearest code is the last digit
        assert np.array_equal(digit[place + 1 :], stream[: -place - 1])
        assert (digit[: place + 1] == 3).all()


def test_a_longer_context_helps_where_it_matters():
    stream = np.tile([0, 0, 1, 1], 50)  # what follows needs two codes of context
    one, two = (-np.log(ContextCounts([stream], order=n, vocab=2).chances(stream)).mean() for n in (1, 2))
    assert one > 0.6 > 0.1 > two


def test_what_follows_most_often_is_drawn_most_often():
    stream = np.tile([0, 1, 2], 200)
    drawn = ContextCounts([stream], order=2, vocab=3).draw(300, np.random.default_rng(0))
    assert ((drawn[1:] - drawn[:-1]) % 3 == 1).mean() > 0.9


def test_a_large_codebook_takes_no_more_room_than_what_occurred():
    """A table of all contexts of three codes out of 2,048 would have 18 million million chances."""
    stream = np.random.default_rng(0).integers(0, 2048, 5000)
    counts = ContextCounts([stream], order=3, vocab=2048)
    assert len(counts) <= 4 * len(stream)
    assert counts.chances(stream).min() > 1 / 2048 / 2
    with pytest.raises(ValueError, match="no code to count"):
        ContextCounts([], order=1, vocab=2)
    with pytest.raises(ValueError, match="order=4 of 65536 codes has too many contexts"):
        ContextCounts([stream], order=4, vocab=65536)


def test_bits_are_those_of_the_bigram_and_of_the_decoder(tiny_run: Path, material: BaselineData):
    autoencoder = load_autoencoder(tiny_run).module
    model = CodeMarkov(run=tiny_run, order=1)
    codes = encode_pieces(autoencoder, material.held_out)
    pieces = zip(codes.starts[:-1], codes.starts[1:], strict=True)
    often = 1000  # so that it does not matter how chances are smoothed
    streams = [codes.codes[a:b].reshape(-1).astype(np.int64) for a, b in pieces]
    model.counts = ContextCounts(streams * often, order=1, vocab=model.vocab)
    firsts = codes.starts[:-1]
    nats = bigram_nats(
        np.tile(codes.codes.astype(int), (often, 1)),
        codes.codes.astype(int),
        train_starts=(firsts + len(codes.codes) * np.arange(often)[:, None]).flatten(),
        held_out_starts=firsts,
        num_embeddings=autoencoder.num_embeddings,
    )
    decoder_bits = reconstruction_metrics(autoencoder, material.held_out)["decoder_bits"]

    expected = autoencoder.num_codes * nats / math.log(2) + decoder_bits
    assert held_out_bits(model, material) == pytest.approx(expected, rel=0.01)


def test_decoder_bits_are_the_cross_entropy_of_the_cells(tiny_run: Path, material: BaselineData):
    autoencoder = load_autoencoder(tiny_run).module
    packed = np.array(material.held_out.piece(0))
    bits = decoder_bits(autoencoder, packed, encode_packed(autoencoder, packed), batch_size=5)

    expected = decoder_bits(autoencoder, packed, encode_packed(autoencoder, packed), batch_size=100)
    assert bits == pytest.approx(expected, rel=1e-4)


def test_a_run_and_a_chain_of_its_codes_write_pieces(tiny_run: Path, material: BaselineData):
    for model in (CodeMarkov(run=tiny_run, order=2), TrainedRun(run=tiny_run, sampling=Sampling())):
        model.fit(material)
        pieces = model.sample(num_pieces=2, num_quarters=6, seed=1)

        assert len(pieces) == 2
        assert all(piece.duration_quarters <= 6 for piece in pieces)
        assert 0 < held_out_bits(model, material) < 88 * 32
        assert model.num_parameters() > count_parameters(model.autoencoder)


def test_an_order_without_a_table_is_refused(tiny_run: Path):
    with pytest.raises(ValueError, match="order=9; use 1 to 4"):
        CodeMarkov(run=tiny_run, order=9)


@pytest.mark.parametrize("make", [partial(CodeMarkov, order=1), partial(TrainedRun, sampling=Sampling())])
def test_pieces_on_another_grid_than_the_run_s_are_refused(make, tiny_run: Path, material: BaselineData):
    model = make(run=tiny_run)
    with pytest.raises(ValueError, match=f"5 ticks a quarter.*use grid.ticks={material.ticks}"):
        model.fit(replace(material, ticks=5))
