"""What a page shows of a continuation: what is new, and where it begins."""

from dataclasses import replace

import numpy as np
import pytest

from musicgen.measure.generated import measure_generated
from musicgen.music.notes import Performance
from musicgen.music.score_map import SEAM, Marker, ScoreMap
from musicgen.reports.pages.piece_views import _around_seam, view_piece


def continuation(*, seam: int, quarters: int) -> Performance:
    onset = np.arange(float(quarters))
    piece = Performance.from_arrays(
        60 + np.arange(quarters) % 12,
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.4,
        onset_quarters=onset,
        offset_quarters=onset + 0.8,
    )
    score = ScoreMap.constant()
    marker = Marker(tick=seam * score.ticks_per_quarter, text=SEAM)
    return replace(piece, score=replace(score, markers=(marker,)))


@pytest.mark.parametrize(("seam", "begin"), [(8, 0), (32, 0), (70, 52), (400, 384)])
def test_of_a_long_prompt_only_the_end_is_shown(seam: int, begin: int) -> None:
    shown, begins_at = _around_seam(continuation(seam=seam, quarters=seam + 8))
    assert begins_at == begin
    assert len(shown) == seam + 8 - begin
    assert shown.onset_quarters[0] == 0
    assert shown.score is not None
    assert shown.score.seam_quarters == seam - begin


def test_the_page_says_where_what_is_new_begins() -> None:
    [piece] = measure_generated([("000.mid", continuation(seam=70, quarters=80))]).generated
    view = view_piece(piece, threshold=None, score_quarters=8, audio_s=60.0)
    assert ("new from", "0:35.0 (quarter 70)") in view.facts
    assert view.score_note == "8 quarters from quarter 52 on"
    assert view.audio_note == "from quarter 52 on"
    assert view.midi.startswith("data:audio/midi;base64,")
