"""Passages: notes and times of a part, as a piece of its own."""

import numpy as np

from musicgen.music.notes import Performance
from musicgen.music.passages import cut_passage
from musicgen.music.score_map import ScoreMap


def test_a_passage_begins_at_zero_and_keeps_its_tempo() -> None:
    score = ScoreMap.constant(tempo_bpm=60.0).with_tempo(120.0, from_quarter=4.0)
    onset, offset = np.array([0.0, 3.0, 4.0, 6.0]), np.array([1.0, 5.0, 8.0, 7.0])
    ticks = score.ticks_per_quarter
    piece = Performance.from_arrays(
        np.array([60, 62, 64, 65]),
        onset_s=score.seconds(onset * ticks),
        offset_s=score.seconds(offset * ticks),
        onset_quarters=onset,
        offset_quarters=offset,
        score=score,
    )
    part = cut_passage(piece, 3.0, 6.0)
    assert part.pitch.tolist() == [62, 64]
    assert part.onset_quarters.tolist() == [0.0, 1.0]
    assert part.offset_quarters.tolist() == [2.0, 3.0]  # the second was cut at the end
    np.testing.assert_allclose(part.onset_s, [0.0, 1.0])
    np.testing.assert_allclose(part.offset_s, [1.5, 2.0])
