"""Pieces in the key, of whole notes, that copy nothing come first."""

import math

import numpy as np
import pytest

from musicgen.measure.copying.index import CopyIndex
from musicgen.measure.ranking import rank_pieces
from musicgen.music.notes import Performance
from musicgen.music.theory.keys import Key

C_MAJOR = Key(0, "major")


def line(pitches: list[int], *, length: float = 0.5) -> Performance:
    onset = np.arange(len(pitches)) * 0.5
    return Performance.from_arrays(
        np.array(pitches),
        onset_s=onset / 2,
        offset_s=(onset + length) / 2,
        onset_quarters=onset,
        offset_quarters=onset + length,
    )


SCALE = [60, 62, 64, 65, 67, 69, 71, 72]
SILENCE = line([60]).between_quarters(5.0, 6.0)


def test_what_leaves_the_key_comes_later() -> None:
    ranked = rank_pieces([line([60, 61, 63, 66]), line(SCALE), line([*SCALE[:3], 66])], key=C_MAJOR)
    assert [piece.number for piece in ranked] == [1, 2, 0]
    assert [piece.in_key for piece in ranked] == [1.0, 0.75, 0.25]


def test_without_a_prompt_each_piece_has_its_own_key() -> None:
    [piece] = rank_pieces([line([pitch + 6 for pitch in SCALE])])
    assert piece.in_key == 1.0


def test_crumbs_come_later() -> None:
    ranked = rank_pieces([line(SCALE, length=3 / 32), line(SCALE, length=4 / 32)], key=C_MAJOR)
    assert [(piece.number, piece.crumbs) for piece in ranked] == [(1, 0.0), (0, 1.0)]


def test_copies_come_later_and_transposing_hides_none() -> None:
    song = [60, 64, 62, 67, 65, 72, 69, 71, 60, 65]
    known = [CopyIndex.from_performances([("song", line(song))])]
    ranked = rank_pieces([line([pitch + 2 for pitch in song]), line(SCALE)], key=C_MAJOR, known=known)
    assert [piece.number for piece in ranked] == [1, 0]
    assert ranked[1].copied_notes == len(song)


def test_silence_is_last_and_equals_keep_their_order() -> None:
    ranked = rank_pieces([SILENCE, line(SCALE), line(SCALE)], key=C_MAJOR)
    assert [piece.number for piece in ranked] == [1, 2, 0]
    assert all(math.isnan(piece.copied_notes) for piece in ranked)
    assert rank_pieces([]) == []


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
def test_one_criterion_alone_ranks_as_it_is(values: list[float]) -> None:
    pieces = [line(SCALE[: round(2 * value)] + [61] * round(6 - 2 * value)) for value in values]
    order = [piece.number for piece in rank_pieces(pieces, key=C_MAJOR)]
    assert order == np.argsort(-np.array(values)).tolist()
