"""The chain that knows the past of all pitches and the lower ones of the same tick."""

import numpy as np
import pytest
import torch

from musicgen.baselines.baseline import BaselineData
from musicgen.baselines.context_chain import ContextChain, _States
from musicgen.measure.reference import Reference
from musicgen.models.cells.three_state import HELD, ONSET, SILENT
from musicgen.music.grid import to_packed
from musicgen.music.packing import SliceLayout, packed_onsets, unpack
from tests.baselines.conftest import pieces_of
from tests.conftest import etude


def packed_etude(seed: int) -> np.ndarray:
    return to_packed(etude(seed), ticks=8)


@pytest.fixture(scope="module")
def fitted() -> ContextChain:
    chain = ContextChain(epochs=6, width=16, batch_ticks=32, transpose=0)
    train, held_out = (pieces_of(*map(packed_etude, seeds)) for seeds in ((1, 2, 3, 4), (5,)))
    chain.fit(BaselineData(train, held_out, Reference([], np.zeros(0, np.int64)), ticks=8))
    return chain


def test_what_it_learnt_saves_bits_on_held_out_pieces(fitted: ContextChain) -> None:
    held_out = packed_etude(6)
    assert fitted.bits(held_out) < 0.2 * ContextChain(width=16).bits(held_out)


def test_after_silence_a_note_begins_or_does_not_but_is_not_held(fitted: ContextChain) -> None:
    packed = packed_etude(8)
    states = _States.of(packed, layout=fitted.layout)
    batch = states.at(torch.arange(64), shift=0)
    with torch.no_grad():
        chances = fitted.network(batch).softmax(dim=1)
    was_silent = batch.past[:, -1] == SILENT
    assert torch.equal(chances[:, HELD][was_silent], torch.zeros(int(was_silent.sum())))
    assert (chances[:, HELD][~was_silent] > 0).all()
    chosen = chances.gather(1, batch.now[:, None])
    begun = fitted.bits(packed[:8])
    assert begun == pytest.approx(-float(chosen.double().log2().sum()), rel=1e-4)


def test_ages_count_the_ticks_since_a_pitch_changed() -> None:
    piece = np.zeros((1, 88, 32), bool)
    piece[0, 40, 8:16] = piece[0, 40, 20:24] = True  # ticks 2, 3 and 5 of 8
    packed = np.packbits(piece, axis=-1, bitorder="little").view("<u4")[..., 0]
    states = _States.of(packed, layout=SliceLayout(ticks=8))
    assert states.line[states.now, 40].tolist() == [0, 0, ONSET, HELD, 0, ONSET, 0, 0]
    ages = states.age[states.now, 40].tolist()
    assert ages[3:] == [1, 2, 1, 1, 1][: len(ages[3:])]
    assert ages[1] == ages[0] + 1


def test_a_cell_is_predicted_from_the_past_and_from_lower_pitches_only(fitted: ContextChain) -> None:
    """Gradients reach past ticks of all pitches and lower pitches of the same tick, and nothing else."""
    network = fitted.network
    context = torch.randn(1, 16, 88, requires_grad=True)
    for pitch in (30, 60):
        now = torch.zeros(1, 88, dtype=torch.int64)
        before = network.read_below(context, now)[0, :, pitch]
        for other, seen in ((pitch - 1, True), (pitch - 24, True), (pitch, False), (pitch + 1, False)):
            changed = now.clone()
            changed[0, other] = 2
            after = network.read_below(context, changed)[0, :, pitch]
            assert (not torch.equal(before, after)) == seen, other


def test_bits_are_summed_tick_by_tick_as_sampling_draws_them(fitted: ContextChain) -> None:
    """Drawn pieces cost about the bits that the chain itself expects of them."""
    pieces = fitted.sample(num_pieces=2, num_quarters=3, seed=0)
    again = fitted.sample(num_pieces=2, num_quarters=3, seed=0)
    assert [piece.pitch.tolist() for piece in pieces] == [piece.pitch.tolist() for piece in again]
    drawn = [to_packed(piece, ticks=8) for piece in pieces if len(piece)]
    assert drawn, "nothing was drawn"
    real = fitted.bits(packed_etude(7)) / 16
    assert np.mean([fitted.bits(one) / len(one) for one in drawn]) < 4 * real + 40


def test_onsets_of_what_it_draws_lie_on_its_ticks(fitted: ContextChain) -> None:
    [piece] = fitted.sample(num_pieces=1, num_quarters=4, seed=3)
    onsets = unpack(packed_onsets(to_packed(piece)))
    assert not onsets.reshape(*onsets.shape[:2], 8, 4)[..., 1:].any()


@pytest.mark.parametrize("setting", ["epochs", "batch_ticks", "width"])
def test_counts_below_one_are_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting}=0 is not a count"):
        ContextChain(**{setting: 0})
