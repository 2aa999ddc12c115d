import numpy as np
import pytest

from musicgen.music.grid import to_packed
from musicgen.music.metrics.patterns import FAMILIES, NUM_PATTERNS, count_patterns, transpose_counts
from musicgen.music.notes import Performance


def piece(*notes: tuple[int, float, float]) -> np.ndarray:
    """Draw notes of (pitch, onset, length), times in quarters."""
    pitch, onset, length = (np.array(column, float) for column in zip(*notes, strict=True))
    return to_packed(
        Performance.from_arrays(
            pitch.astype(int),
            onset_s=onset / 2,
            offset_s=(onset + length) / 2,
            onset_quarters=onset,
            offset_quarters=onset + length,
        )
    )


def family(counts: np.ndarray, name: str) -> dict[int, int]:
    """Give pattern -> count of one family of one segment."""
    names = list(FAMILIES)
    first = sum(FAMILIES[one] for one in names[: names.index(name)])
    part = counts[first : first + FAMILIES[name]]
    return {int(index): int(part[index]) for index in np.flatnonzero(part)}


def test_a_broken_chord_by_hand():
    (counts,) = count_patterns(
        piece((48, 0, 2), (60, 0, 0.5), (64, 0.5, 0.5), (67, 1, 1)), quarters_per_segment=4
    )

    assert family(counts, "pitch_class") == {0: 2, 4: 1, 7: 1}
    assert family(counts, "pitch") == {48 - 21: 1, 60 - 21: 1, 64 - 21: 1, 67 - 21: 1}
    assert family(counts, "interval_1") == {24 + 12: 1, 24 + 4: 1, 24 + 3: 1}
    assert family(counts, "interval_3") == {24 + 19: 1}
    assert family(counts, "inter_onset") == {0: 1, 3 + 12: 2}  # at once, then twice 16 ticks
    assert family(counts, "duration") == {3 + 12: 2, 3 + 15: 1, 3 + 18: 1}
    assert family(counts, "interval_pair") == {(4 + 9) * 19 + 9 + 9: 1, (3 + 9) * 19 + 4 + 9: 1}
    assert family(counts, "above_bass") == {0: 1, 12: 1, 16: 1, 19: 1}
    assert family(counts, "voices") == {1: 4}  # the bass and one more; 60 is over when 64 begins


def test_a_note_that_is_over_is_no_bass():
    (counts,) = count_patterns(piece((40, 0, 1), (60, 2, 1)), quarters_per_segment=4)

    assert family(counts, "above_bass") == {0: 2}
    assert family(counts, "voices") == {0: 2}


def test_segments_add_up_to_the_piece():
    random = np.random.default_rng(0)
    packed = piece(*((int(random.integers(40, 80)), onset / 4, 0.5) for onset in range(120)))
    parts = count_patterns(packed, quarters_per_segment=4)
    (whole,) = count_patterns(packed, quarters_per_segment=1000)

    assert parts.shape == (-(-len(packed) // 4), NUM_PATTERNS)
    assert np.array_equal(parts.sum(axis=0), whole)
    assert family(whole, "pitch_class").keys() <= set(range(12))
    assert sum(family(whole, "pitch").values()) == 120


def test_transposed_counts_are_those_of_the_transposed_piece():
    notes = [(60, 0, 1), (64, 1, 1), (67, 2, 1)]
    (counts,) = count_patterns(piece(*notes), quarters_per_segment=8)
    (higher,) = count_patterns(
        piece(*((pitch + 3, *times) for pitch, *times in notes)), quarters_per_segment=8
    )
    moved = transpose_counts(counts, semitones=3)

    for name in FAMILIES:
        if name != "duration_register":
            assert family(moved, name) == family(higher, name)


def test_silence_and_single_notes_count_what_they_can():
    assert count_patterns(np.zeros((3, 88), np.uint32), quarters_per_segment=2).sum() == 0
    (counts,) = count_patterns(piece((60, 0, 1)), quarters_per_segment=2)
    assert family(counts, "pitch_class") == {0: 1}
    assert family(counts, "interval_1") == {}
    with pytest.raises(ValueError, match="quarters_per_segment=0"):
        count_patterns(np.zeros((3, 88), np.uint32), quarters_per_segment=0)
