"""Beats of performed music: where a steady, a slowing and an uneven player puts them."""

import numpy as np
import pytest

from musicgen.music.beats import track_beats
from musicgen.music.notes import Performance

TOLERANCE_S = 0.07


def played(beat_s: np.ndarray, *, late_s: np.ndarray | None = None) -> Performance:
    """Play a bass note on each beat and four figures above it, loudest on the beat.

    Args:
        beat_s: Beats in seconds, (beats,); the last one only ends the piece.
        late_s: How much later than written each note begins, (4 (beats - 1),).
    """
    quarters = np.arange(4 * (len(beat_s) - 1)) / 4
    onset_s = np.interp(quarters, np.arange(len(beat_s)), beat_s) + (0 if late_s is None else late_s)
    on_beat = np.arange(len(quarters)) % 4 == 0
    pitch = np.where(on_beat, 43 + np.arange(len(quarters)) % 5, 67 + np.arange(len(quarters)) * 5 % 12)
    return Performance.from_arrays(
        pitch,
        onset_s=onset_s,
        offset_s=onset_s + np.where(on_beat, 0.4, 0.1),
        onset_quarters=onset_s * 2,  # the clock's half-seconds, as in transcribed performances
        offset_quarters=onset_s * 2 + 0.2,
        velocity=np.where(on_beat, 85, 60),
    )


def share_found(true_s: np.ndarray, found_s: np.ndarray) -> float:
    """Return which share of true beats has one found within 70 ms."""
    return float(np.mean(np.abs(true_s[:, None] - found_s).min(axis=1) <= TOLERANCE_S))


@pytest.mark.parametrize("beat_s", [0.45, 0.6, 0.8])
def test_a_metronome_gives_its_beats_exactly(beat_s: float) -> None:
    true_s = 1.0 + beat_s * np.arange(41)

    found = track_beats(played(true_s))

    np.testing.assert_allclose(found.times_s, true_s[:-1], atol=1e-6)
    assert found.confidence > 0.5


def test_a_slow_ritardando_is_followed() -> None:
    true_s = np.cumsum(np.r_[0.5, np.geomspace(0.5, 0.9, 48)])

    found = track_beats(played(true_s))

    assert share_found(true_s[:-1], found.times_s) == 1
    assert len(found.times_s) == len(true_s) - 1


def test_an_uneven_player_is_followed() -> None:
    random = np.random.default_rng(0)
    true_s = np.cumsum(np.r_[0.5, 0.6 * np.exp(random.normal(0, 0.04, 60))])

    found = track_beats(played(true_s, late_s=np.abs(random.normal(0, 0.012, 240))))

    assert share_found(true_s[:-1], found.times_s) > 0.95
    assert share_found(found.times_s, true_s) > 0.95


def test_beats_go_on_through_a_rest() -> None:
    true_s = 0.6 * np.arange(49)
    piece = played(true_s)
    rest = (piece.onset_s > 0.6 * 20 + 0.1) & (piece.onset_s < 0.6 * 25 - 0.1)

    found = track_beats(piece.where(~rest))

    assert share_found(true_s[:-1], found.times_s) == 1
    assert len(found.times_s) == len(true_s) - 1


def test_random_notes_are_less_certain_than_music() -> None:
    random = np.random.default_rng(1)
    onset_s = np.sort(random.uniform(0, 60, 300))
    noise = Performance.from_arrays(
        random.integers(40, 80, 300),
        onset_s=onset_s,
        offset_s=onset_s + 0.3,
        onset_quarters=onset_s * 2,
        offset_quarters=onset_s * 2 + 0.6,
        velocity=random.integers(40, 90, 300),
    )

    assert track_beats(noise).confidence < 0.5 * track_beats(played(0.6 * np.arange(61))).confidence


@pytest.mark.parametrize("notes", [0, 1, 3])
def test_too_few_notes_have_no_beats(notes: int) -> None:
    piece = played(np.array([1.0, 1.6, 2.2])).between_quarters(0.0, 2.0 + notes * 0.3)

    found = track_beats(piece)

    assert len(piece) == notes
    assert len(found.times_s) == 0
    assert found.is_downbeat is None
    assert found.confidence == 0


def test_four_notes_have_beats_among_them() -> None:
    piece = played(np.array([1.0, 1.6])).between_quarters(0.0, 9.0)

    found = track_beats(piece)

    assert len(piece) == 4
    assert np.all(np.diff(found.times_s) > 0)
    assert found.is_downbeat is None
    assert 0 <= found.confidence <= 1


def test_notes_at_one_instant_have_no_beats() -> None:
    chord = Performance.from_arrays(
        np.arange(60, 66),
        onset_s=np.ones(6),
        offset_s=np.full(6, 2.0),
        onset_quarters=np.full(6, 2.0),
        offset_quarters=np.full(6, 4.0),
    )

    assert len(track_beats(chord).times_s) == 0
