"""Passages: notes and times of a part, as a piece of its own."""

from dataclasses import replace

import numpy as np

from musicgen.music.notes import Performance
from musicgen.music.passages import behind_seam, cut_passage
from musicgen.music.score_map import SEAM, ScoreMap


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


def test_what_a_continuation_adds_begins_at_the_last_seam() -> None:
    score = ScoreMap.constant().with_marker(SEAM, quarter=1.0).with_marker(SEAM, quarter=2.0)
    onset = np.arange(4.0)
    piece = Performance.from_arrays(
        np.array([60, 62, 64, 65]),
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.4,
        onset_quarters=onset,
        offset_quarters=onset + 0.8,
        score=score,
    )
    assert behind_seam(piece).pitch.tolist() == [64, 65]
    assert behind_seam(piece).onset_quarters.tolist() == [0.0, 1.0]
    whole = replace(piece, score=ScoreMap.constant())
    assert behind_seam(whole) is whole
