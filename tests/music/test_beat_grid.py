"""The grid of beats: a quarter is a beat, notes stay where they were played."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.config.build import build
from musicgen.music.beat_grid import BeatsGrid, on_beats
from musicgen.music.beats import Beats
from musicgen.music.grid import ClockGrid, from_packed, to_packed
from musicgen.music.metrics.rhythm import grooving_similarity
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap

BEAT_S = 0.5 * np.exp(0.3 * np.sin(np.arange(64) / 9))
BEATS_S = 1.0 + np.cumsum(np.r_[0.0, BEAT_S])


def rubato() -> Performance:
    """Play a bass note and three more on each of 64 beats between 0.37 and 0.67 s."""
    quarters = np.arange(4 * len(BEAT_S)) / 4
    onset_s = np.interp(quarters, np.arange(len(BEATS_S)), BEATS_S)
    on_beat = np.arange(len(quarters)) % 4 == 0
    return Performance.from_arrays(
        np.where(on_beat, 45, 70 + np.arange(len(quarters)) % 7),
        onset_s=onset_s,
        offset_s=onset_s + 0.08,
        onset_quarters=onset_s * 2,
        offset_quarters=onset_s * 2 + 0.16,
        velocity=np.where(on_beat, 90, 60),
    )


@pytest.fixture(name="rubato_file")
def rubato_file_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "rubato.mid"
    write_midi(rubato(), path)
    return path


def test_quarters_are_beats_and_seconds_stay() -> None:
    piece = rubato()

    found = on_beats(piece, Beats(BEATS_S, None, 1.0))

    lead = round(float(BEATS_S[0] / BEAT_S[0]))
    np.testing.assert_allclose(found.onset_quarters, lead + np.arange(len(piece)) / 4, atol=1e-9)
    np.testing.assert_array_equal(found.onset_s, piece.onset_s)
    np.testing.assert_array_equal(found.offset_s, piece.offset_s)


def test_the_tempo_map_leads_back_to_the_seconds() -> None:
    piece = on_beats(rubato(), Beats(BEATS_S, None, 1.0))

    assert piece.score is not None
    seconds = piece.score.seconds(piece.onset_quarters * piece.score.ticks_per_quarter)

    np.testing.assert_allclose(seconds, piece.onset_s, atol=1e-4)


def test_pedals_stay_where_they_were_played() -> None:
    pedal = {"pedal_tick": np.array([960, 2000, 40_000]), "pedal": np.array([[64, 127], [64, 0], [64, 90]])}
    tempo = {"tempo_tick": np.zeros(1, np.int64), "tempo_us": np.array([500_000])}
    score = ScoreMap(ticks_per_quarter=480, **tempo, **pedal)
    piece = rubato()
    piece = Performance.from_arrays(
        piece.pitch,
        onset_s=piece.onset_s,
        offset_s=piece.offset_s,
        onset_quarters=piece.onset_quarters,
        offset_quarters=piece.offset_quarters,
        score=score,
    )

    moved = on_beats(piece, Beats(BEATS_S, None, 1.0)).score

    assert moved is not None
    np.testing.assert_allclose(moved.seconds(moved.pedal_tick), score.seconds(score.pedal_tick), atol=0.001)
    np.testing.assert_array_equal(moved.pedal, score.pedal)


@pytest.mark.parametrize("first_s", [0.0, 0.02, 0.3, 5.2])
def test_no_time_is_negative_wherever_the_first_beat_lies(first_s: float) -> None:
    piece = rubato()
    beats = Beats(BEATS_S - 1.0 + first_s, None, 1.0)

    found = on_beats(piece, beats)

    assert found.onset_quarters.min() >= 0
    assert np.all(np.diff(found.onset_quarters) >= 0)
    assert np.all(found.offset_quarters > found.onset_quarters)
    assert found.score is not None
    assert found.score.tempo_us.min() > 0


def test_one_beat_is_refused() -> None:
    with pytest.raises(ValueError, match="1 beats; at least two"):
        on_beats(rubato(), Beats(np.array([1.0]), None, 1.0))


def test_the_grid_has_a_quarter_a_beat(rubato_file: Path) -> None:
    piece = BeatsGrid().read(rubato_file)

    assert len(piece.packed) == len(BEAT_S)
    assert piece.num_notes == 4 * len(BEAT_S)
    assert piece.counts.pieces_on_clock == 0
    bass = piece.packed[:, 45 - 21]
    assert np.mean(bass & 0b111 > 0) > 0.95  # within two ticks of each quarter's line


def test_bars_agree_better_on_beats_than_on_the_clock(rubato_file: Path) -> None:
    on_clock = from_packed(ClockGrid().read(rubato_file).packed)
    on_grid = from_packed(to_packed(on_beats(read_midi(rubato_file), Beats(BEATS_S, None, 1.0))))

    assert grooving_similarity(on_clock) < 0.8
    assert grooving_similarity(on_grid) > 0.99


def test_an_uncertain_piece_keeps_the_clock_and_is_counted(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    onset_s = np.sort(random.uniform(0, 60, 300))
    times = {"onset_s": onset_s, "offset_s": onset_s + 0.3}
    quarters = {"onset_quarters": onset_s * 2, "offset_quarters": onset_s * 2 + 0.6}
    noise = Performance.from_arrays(random.integers(40, 80, 300), **times, **quarters)
    write_midi(noise, tmp_path / "noise.mid")

    piece = BeatsGrid(lowest_confidence=0.8).read(tmp_path / "noise.mid")

    np.testing.assert_array_equal(piece.packed, ClockGrid().read(tmp_path / "noise.mid").packed)
    assert piece.counts.pieces_on_clock == 1
    assert BeatsGrid(lowest_confidence=0.0).read(tmp_path / "noise.mid").counts.pieces_on_clock == 0


def test_the_key_tells_settings_apart() -> None:
    keys = {
        BeatsGrid().key,
        BeatsGrid(sustain=True).key,
        BeatsGrid(lowest_confidence=0.0).key,
        ClockGrid().key,
    }

    assert len(keys) == 4


@pytest.mark.parametrize("confidence", [-0.1, 1.5])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="lowest_confidence"):
        BeatsGrid(lowest_confidence=confidence)


def test_a_run_on_beats_can_build_its_grid_again():
    config = {"_target_": "musicgen.music.beat_grid.BeatsGrid", "lowest_confidence": 0.3, "sustain": True}
    assert build(config) == BeatsGrid(lowest_confidence=0.3, sustain=True)
