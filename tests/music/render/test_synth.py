"""The small piano plays the right pitches at the right time and never clips."""

import numpy as np
import pytest

from musicgen.music.notes import Performance
from musicgen.music.render.synth import SAMPLE_RATE, synthesize


def piece(*notes: tuple[int, float, float], velocity: int | np.ndarray = 80) -> Performance:
    pitch, onset, offset = np.array(notes, np.float64).reshape(-1, 3).T
    times = {"onset_s": onset, "offset_s": offset, "onset_quarters": 2 * onset, "offset_quarters": 2 * offset}
    return Performance.from_arrays(pitch, velocity=velocity, **times)


def energy(samples: np.ndarray, begin_s: float, end_s: float) -> float:
    part = samples[round(begin_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)].astype(float)
    return float((part**2).mean())


@pytest.mark.parametrize("pitch", [21, 40, 60, 69, 90, 108])
def test_the_fundamental_is_the_pitch(pitch: int) -> None:
    samples = synthesize(piece((pitch, 0, 1)))[: SAMPLE_RATE // 2]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 18))
    hertz = np.fft.rfftfreq(1 << 18, 1 / SAMPLE_RATE)
    expected = 440 * 2 ** ((pitch - 69) / 12)
    near = (hertz > expected * 0.75) & (hertz < expected * 1.25)
    assert hertz[near][spectrum[near].argmax()] == pytest.approx(expected, rel=0.01)
    assert spectrum[near].max() > 0.3 * spectrum.max()
    assert spectrum[hertz < expected * 0.75].max() < 0.1 * spectrum.max()


def test_a_note_sounds_from_onset_to_offset_and_dies_away() -> None:
    samples = synthesize(piece((60, 1, 3), (60, 4.5, 4.6)))
    assert energy(samples, 0, 1) == 0
    assert energy(samples, 1.0, 1.5) > 1.5 * energy(samples, 2.4, 2.9) > 0
    assert energy(samples, 3.2, 4.4) == 0
    assert energy(samples, 4.5, 4.6) > 0


def test_low_notes_ring_longer_than_high_ones() -> None:
    low, high = (synthesize(piece((pitch, 0, 3))) for pitch in (36, 84))
    assert energy(low, 2, 3) / energy(low, 0, 1) > 3 * energy(high, 2, 3) / energy(high, 0, 1)


def test_louder_notes_are_louder() -> None:
    samples = synthesize(piece((60, 0, 0.5), (60, 1, 1.5), velocity=np.array([30, 120])))
    assert energy(samples, 1, 1.5) > 4 * energy(samples, 0, 0.5)


def test_a_thick_chord_does_not_clip_and_a_quiet_note_is_heard() -> None:
    chord = [(pitch, 0.0, 2.0) for pitch in range(21, 109)]
    for notes in (piece(*chord, velocity=127), piece((60, 0, 1), velocity=1)):
        assert np.abs(synthesize(notes)).max() == pytest.approx(0.9, abs=1e-5)


def test_the_length_is_that_of_the_piece_or_what_was_asked_for() -> None:
    notes = piece((60, 0, 1), (62, 5, 30))
    assert len(synthesize(notes)) == round(30.12 * SAMPLE_RATE)
    assert len(synthesize(notes, max_s=2.0)) == 2 * SAMPLE_RATE
    assert len(synthesize(notes, max_s=0.0)) == 0
    assert len(synthesize(notes, sample_rate=8000, max_s=2.0)) == 16000
    assert len(synthesize(piece())) == 0


def test_the_same_notes_give_the_same_samples() -> None:
    notes = piece((60, 0, 1), (64, 0.5, 2))
    assert synthesize(notes).tobytes() == synthesize(notes).tobytes()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="sample_rate=100 "):
        synthesize(piece(), sample_rate=100)
    with pytest.raises(ValueError, match="max_s=-1"):
        synthesize(piece(), max_s=-1.0)
