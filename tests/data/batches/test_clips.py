from pathlib import Path

import numpy as np
import pytest

from musicgen.data.batches.clips import FixedClips, PieceCounts, RandomClips
from musicgen.data.catalogue.pieces import Piece
from musicgen.music.grid import to_packed
from musicgen.music.metrics.patterns import NUM_PATTERNS
from tests.data.conftest import random_performance

LABELS = {"composers": ["Bach", "Chopin"], "eras": ["baroque", "romantic"]}


def counted(seed: int, *, surname: str = "Bach", quarters: int = 100) -> PieceCounts:
    era = "baroque" if surname == "Bach" else "romantic"
    piece = Piece(Path(f"{seed}.mid"), f"{seed:064x}", surname, surname, "", era)
    return PieceCounts.of(piece, to_packed(random_performance(seed, num_quarters=quarters)))


def test_clips_side_by_side_hold_every_note_once():
    piece = counted(0, quarters=200)
    clips = piece.clips(4)

    assert len(clips) == 3  # 13 segments of 16 quarters
    assert np.array_equal(clips.sum(axis=0), piece.clip(0, piece.num_segments))
    assert len(counted(1, quarters=10).clips(4)) == 1


def test_fixed_clips_know_their_piece_and_its_labels():
    clips = FixedClips(
        [counted(0, quarters=200), counted(1, surname="Chopin", quarters=70)], **LABELS, clip_segments=4
    )
    batch = clips.__getitems__(range(len(clips)))

    assert batch.piece.tolist() == [0, 0, 0, 1]
    assert batch.composer.tolist() == batch.era.tolist() == [0, 0, 0, 1]
    assert batch.counts.shape == (4, NUM_PATTERNS)


def random_clips(**settings) -> RandomClips:
    pieces = [counted(0, quarters=300), counted(1, surname="Chopin", quarters=100)]
    return RandomClips(pieces, **LABELS, **{"clips_per_piece": 3, "min_segments": 2, **settings})


def test_random_clips_come_from_every_piece_and_depend_on_seed_and_epoch_alone():
    clips, same = random_clips(seed=1), random_clips(seed=1)
    numbers = range(len(clips))
    first = clips.__getitems__(numbers)

    assert first.composer.tolist() == [0, 1] * 3
    assert np.array_equal(first.counts, same.__getitems__(numbers).counts)
    clips.set_epoch(1)
    assert not np.array_equal(first.counts, clips.__getitems__(numbers).counts)


def test_transposition_moves_pitches_and_keeps_intervals():
    plain = random_clips(transpose=0, min_segments=50, max_segments=50).__getitems__([0]).counts[0]
    drawn = random_clips(transpose=11, min_segments=50, max_segments=50).__getitems__([0, 2, 4]).counts

    assert any(not np.array_equal(one[:100], plain[:100]) for one in drawn)
    assert all(np.array_equal(one[100:], plain[100:]) for one in drawn)
    assert all(one[:12].sum() == plain[:12].sum() for one in drawn)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_segments": 5, "max_segments": 4}, "min_segments=5"),
        ({"transpose": 12}, "transpose=12"),
        ({"clips_per_piece": 0}, "clips_per_piece=0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        random_clips(**settings)
