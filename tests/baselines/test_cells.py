import math

import numpy as np
import pytest
import torch

from musicgen.baselines.baseline import BaselineData
from musicgen.baselines.cells import (
    ConstantDensity,
    PitchDensity,
    StateMarkov,
    TickMarkov,
    transitions,
)
from musicgen.data.batches.slices import SliceBatch
from musicgen.measure.reference import Reference
from musicgen.measure.trivial import chain_bits, constant_bce, pitch_bce, states_of_piece
from musicgen.models.cells.three_state import states_of
from musicgen.music.grid import to_packed
from musicgen.music.notes import Performance
from musicgen.music.packing import SliceLayout, packed_onsets
from tests.baselines.conftest import pieces_of


def learnt(model, pack_pieces, *pieces: np.ndarray):
    packed = pack_pieces(*pieces)
    model.fit(BaselineData(packed, packed, Reference([], np.zeros(0, np.int64)), ticks=32))
    return model


def note(pitch: int, first: int, last: int, *, quarters: int = 2) -> np.ndarray:
    """Draw one note from a tick to another, both included."""
    cells = np.zeros((88, quarters * 32), bool)
    cells[pitch, first : last + 1] = True
    slices = cells.reshape(88, quarters, 32).transpose(1, 0, 2)
    return np.packbits(slices, axis=-1, bitorder="little").view("<u4")[..., 0].astype(np.uint32)


def test_transitions_of_a_note_that_crosses_a_slice():
    counts = transitions(note(40, 30, 33))[:, :, 40]

    assert counts[0, 1] == counts[1, 0] == 1  # it begins once and ends once
    assert counts[1, 1] == 3
    assert counts.sum() == 64


def test_the_chain_counts_one_more_of_each():
    model = learnt(TickMarkov(), pieces_of, note(40, 30, 33))

    assert model.chances[1, 40] == pytest.approx((3 + 1) / (4 + 2))  # of 4 sounding cells before, 3 go on
    assert model.chances[0, 40] == pytest.approx((1 + 1) / (60 + 2))
    assert model.chances[0, 41] == pytest.approx(1 / (64 + 2))


def test_bits_of_the_chain_by_hand():
    model = learnt(TickMarkov(), pieces_of, note(40, 30, 33))
    silent = 87 * 64 * -math.log2(1 - 1 / 66)
    sounding = -math.log2((2 / 62) * (60 / 62) ** 59 * (4 / 6) ** 3 * (2 / 6))

    assert model.bits(note(40, 30, 33)) == pytest.approx(silent + sounding)


@pytest.mark.parametrize(("model", "bce"), [(ConstantDensity, constant_bce), (PitchDensity, pitch_bce)])
def test_densities_have_the_bits_of_their_cross_entropy(model, bce, material: BaselineData):
    fitted = model()
    fitted.fit(material)
    held_out = material.held_out
    bits = sum(fitted.bits(np.array(held_out.piece(n))) for n in range(len(held_out.pieces)))

    expected = bce(material.train, held_out) * len(held_out) * 88 * 32 / math.log(2)
    assert bits == pytest.approx(expected)


def test_a_chain_knows_more_than_densities_of_music(material: BaselineData):
    models = [ConstantDensity(), PitchDensity(), TickMarkov()]
    for model in models:
        model.fit(material)
    bits = [model.bits(np.array(material.held_out.piece(0))) for model in models]

    assert bits == sorted(bits, reverse=True)


def test_what_is_drawn_is_as_dense_and_as_held_as_what_was_learnt(material: BaselineData):
    model = TickMarkov()
    model.fit(material)
    (piece,) = model.sample(num_pieces=1, num_quarters=400, seed=0)
    packed, train = to_packed(piece), np.array(material.train.piece(0))

    def share(cells: np.ndarray) -> float:
        return np.bitwise_count(cells).sum() / cells.size / 32

    assert share(packed) == pytest.approx(share(train), rel=0.2)
    assert share(packed_onsets(packed)) == pytest.approx(share(packed_onsets(train)), rel=0.2)
    again = model.sample(num_pieces=1, num_quarters=400, seed=0)[0]
    assert np.array_equal(again.onset_quarters, piece.onset_quarters)


def test_states_of_a_repeated_note_by_hand():
    """Three ticks of sound, struck at the first and the third, in one quarter of eight."""
    cells = np.zeros((1, 88, 32), bool)
    cells[0, 40, 4:11] = cells[0, 40, 12:16] = True
    packed = np.packbits(cells, axis=-1, bitorder="little").view("<u4")[..., 0].astype(np.uint32)
    model = learnt(StateMarkov(), pieces_of, packed)

    # after silence: four ticks silent, one onset; after sound: one held, one onset, one end
    assert model.chances[0, :, 40] == pytest.approx([5 / 7, 0, 2 / 7])
    assert model.chances[1, :, 40] == pytest.approx([2 / 6, 2 / 6, 2 / 6])
    others = 87 * 8 * -math.log2(9 / 10)
    this = -math.log2((5 / 7) ** 4 * (2 / 7) * (2 / 6) ** 3)
    assert model.bits(packed) == pytest.approx(others + this)


@pytest.mark.parametrize("ticks", [4, 6, 8, 12, 24, 32])
def test_counted_states_are_those_that_networks_see(ticks: int):
    random, layout = np.random.default_rng(ticks), SliceLayout(ticks=ticks)
    onset = np.sort(random.integers(0, 30 * ticks, 400)) / ticks
    times = {"onset_quarters": onset, "offset_quarters": onset + random.integers(1, 3 * ticks, 400) / ticks}
    seconds = {name.replace("quarters", "s"): value / 2 for name, value in times.items()}
    packed = to_packed(
        Performance.from_arrays(random.integers(21, 109, 400), **seconds, **times), ticks=ticks
    )
    line = (
        states_of(SliceBatch.of_piece(packed, channels=2, layout=layout).slices).permute(1, 0, 2).flatten(1)
    )
    before = torch.nn.functional.pad(line, (1, 0))[:, :-1] > 0
    counts = [[((line == state) & (before == was)).sum(1) for state in range(3)] for was in (False, True)]
    expected = np.array([[state.numpy() for state in row] for row in counts])
    assert np.array_equal(states_of_piece(packed, layout=layout), expected)


def test_a_runs_chain_is_the_chain_of_states(material: BaselineData):
    model, held_out = StateMarkov(ticks=32), material.held_out
    model.fit(material)
    bits = sum(model.bits(np.array(held_out.piece(number))) for number in range(len(held_out.pieces)))
    found = chain_bits(material.train, held_out, layout=model.layout, onsets=True)
    assert found == pytest.approx(bits / len(held_out))
    assert 0 < chain_bits(material.train, held_out, layout=model.layout, onsets=False) <= found


def test_drawn_states_have_the_chances_of_the_chain():
    drawn = StateMarkov(ticks=4)
    drawn.chances = np.tile(np.array([[0.5, 0, 0.5], [0.25, 0.25, 0.5]])[:, :, None], 88)
    [piece] = drawn.sample(num_pieces=1, num_quarters=40, seed=0)
    counts = states_of_piece(to_packed(piece, ticks=4), layout=drawn.layout).sum(axis=2)
    assert counts[0] / counts[0].sum() == pytest.approx([0.5, 0, 0.5], abs=0.02)
    assert counts[1] / counts[1].sum() == pytest.approx([0.25, 0.25, 0.5], abs=0.02)
