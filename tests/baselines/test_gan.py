from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from musicgen.baselines.baseline import BaselineData
from musicgen.baselines.gan import BarGan, Phrases, bars_of_packed, packed_of_bars
from musicgen.music.grid import to_packed
from tests.conftest import etude

TRAINER = partial(pl.Trainer, accelerator="cpu", enable_model_summary=False)


def gan(**settings) -> BarGan:
    return BarGan(
        make_trainer=TRAINER, **{"epochs": 1, "batch_size": 4, "num_bars": 2, "width": 8, **settings}
    )


def test_bars_and_words_are_each_others_inverse_on_whole_steps():
    bars = np.random.default_rng(0).random((3, 88, 32)) < 0.1

    packed = packed_of_bars(bars)

    assert packed.shape == (12, 88)
    assert np.array_equal(bars_of_packed(packed), bars)


def test_a_note_keeps_its_place_in_a_bar():
    bars = bars_of_packed(to_packed(etude(0, num_quarters=4)))

    assert bars.shape == (1, 88, 32)
    pitch, step = np.nonzero(bars[0])
    assert set(step[pitch == pitch.min()]) <= set(range(32))
    assert bars[0].sum() == 4 * (
        8 + 4 * 2
    )  # a bass of a quarter and four notes of a fourth of it, four times


def test_phrases_begin_at_bars_and_stay_within_their_piece(material: BaselineData):
    phrases = Phrases(material.train, num_bars=2)

    assert len(phrases) == 6 * 3  # pieces of 16 quarters: 0, 4, 8
    batch = phrases.__getitems__(range(len(phrases)))
    assert batch.shape == (18, 2, 88, 32)
    assert torch.equal(batch[0, 1], batch[1, 0])  # the second bar of one is the first of the next
    with pytest.raises(ValueError, match=r"num_bars=9.*use fewer bars"):
        Phrases(material.train, num_bars=9)


def test_it_learns_and_writes_and_the_same_seed_gives_the_same(material: BaselineData):
    model, again = gan(epochs=2), gan(epochs=2)
    before = model.module.generator.seed.weight.clone()
    for one in (model, again):
        one.fit(material)

    assert not torch.equal(before, model.module.generator.seed.weight)
    pieces, same = (one.sample(num_pieces=2, num_quarters=10, seed=3) for one in (model, again))
    assert [len(piece) for piece in pieces] == [len(piece) for piece in same]
    assert all(piece.duration_quarters <= 10 for piece in pieces)
    assert model.bits(np.array(material.held_out.piece(0))) is None
    assert model.num_parameters() > 1000
