"""A performance is written on its own beats, one that lies on its file's beats as it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musicgen.music.beat_grid import on_beats, on_clock
from musicgen.music.beats import Beats, track_beats
from musicgen.music.notation.musicxml import write_musicxml
from musicgen.music.notation.on_beats import on_its_beats
from musicgen.music.notation.score import make_score, typical_tempo_bpm
from musicgen.music.notes import Performance
from musicgen.music.score_map import SEAM, Marker, ScoreMap
from tests.conftest import etude


def played(tempo_bpm: float = 87.0) -> Performance:
    """Play an etude at a tempo of its own into a file that counts half seconds, as transcriptions do."""
    written, random = etude(1, num_quarters=40), np.random.default_rng(0)
    onset_s = written.onset_quarters * 60 / tempo_bpm + random.normal(0, 0.004, len(written))
    onset_s -= min(0.0, float(onset_s.min()))
    offset_s = onset_s + (written.offset_quarters - written.onset_quarters) * 50 / tempo_bpm
    clock = ScoreMap.constant()
    return Performance.from_arrays(
        written.pitch,
        onset_s=onset_s,
        offset_s=offset_s,
        onset_quarters=onset_s * 2,
        offset_quarters=offset_s * 2,
        velocity=np.where(written.onset_quarters % 1 == 0, 90, 60),
        score=clock,
    )


def test_a_played_piece_is_written_on_its_beats():
    performance = played()
    written = on_its_beats(performance)
    assert written.is_tracked
    assert written.tempo_bpm == 87.0
    beats = np.rint(etude(1, num_quarters=40).onset_quarters * 4) / 4
    found = written.performance.onset_quarters
    place = np.abs(found - np.rint(found * 4) / 4)
    assert np.quantile(place, 0.95) < 0.06
    assert len(np.unique(np.rint(found * 4))) == len(np.unique(beats))
    np.testing.assert_array_equal(np.sort(written.performance.onset_s), np.sort(performance.onset_s))


def test_a_score_has_the_tempo_of_the_piece_and_not_of_its_first_beat(tmp_path: Path):
    times_s = np.cumsum([0.0, 2.1, *[60 / 87] * 30, 1.4])  # the first beat is late, and the last one, too
    beats = Beats(times_s, is_downbeat=None, confidence=1.0)
    performance = on_beats(played(), beats)
    assert performance.score.tempo_bpm_at(0.0) < 30
    assert typical_tempo_bpm(performance) == pytest.approx(87, abs=1e-3)
    write_musicxml(performance, tmp_path / "a.musicxml")
    assert "<per-minute>87</per-minute>" in (tmp_path / "a.musicxml").read_text()


def test_a_piece_on_its_files_beats_and_silence_stay_as_they_are():
    notated = etude(0)
    assert on_its_beats(notated).performance is notated
    assert not on_its_beats(notated).is_tracked
    silence = notated.where(np.zeros(len(notated), bool))
    assert on_its_beats(silence).performance is silence


def test_beats_and_clock_are_inverse_for_notes_pedals_and_markers():
    performance = played()
    pedals = np.array([[64, 127], [64, 0]])
    score = ScoreMap(
        480,
        tempo_tick=np.zeros(1, np.int64),
        tempo_us=np.array([500_000]),
        pedal_tick=np.array([480, 1200]),
        pedal=pedals,
        markers=(Marker(4800, SEAM),),
    )
    performance = Performance.from_arrays(
        performance.pitch,
        onset_s=performance.onset_s,
        offset_s=performance.offset_s,
        onset_quarters=performance.onset_quarters,
        offset_quarters=performance.offset_quarters,
        velocity=performance.velocity,
        score=score,
    )
    again = on_clock(on_beats(performance, track_beats(performance)))
    np.testing.assert_allclose(again.onset_quarters, performance.onset_quarters, atol=1e-9)
    np.testing.assert_allclose(again.offset_quarters, performance.offset_quarters, atol=1e-4)
    assert again.score is not None
    np.testing.assert_allclose(again.score.pedal_tick, score.pedal_tick, atol=2)
    np.testing.assert_array_equal(again.score.pedal, pedals)
    [marker] = again.score.markers
    assert (abs(marker.tick - 4800) <= 2, marker.text) == (True, SEAM)


def test_the_score_of_a_played_continuation_marks_its_seam():
    performance = played()
    assert performance.score is not None
    at = replace(performance, score=performance.score.with_marker(SEAM, quarter=40.0))
    written = on_its_beats(at)
    assert written.is_tracked
    score = make_score(written.performance, metre=written.metre)
    assert sum(bar.seam is not None for bar in score.bars) == 1
