"""What a pianist may know of a note before playing it: pitch, chord, rhythm, metre and surroundings."""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from musicgen.music.expression.attributes import begins_chord
from musicgen.music.notes import Performance

_NEAR_QUARTERS = 2.0
_ENDS_QUARTERS = 16.0  # from the beginning or the end, within which a note knows how far it is

FEATURES = (
    *("pitch", "pitch_before", "pitch_after", "top_before", "bottom_before"),
    *(f"pitch_class_{number}" for number in range(12)),
    *("chord_size", "place_in_chord", "is_top", "is_bottom", "above_chord_bottom", "begins_chord"),
    *("since_chord", "to_chord", "length", "legato", "sounding", "density", "above_near"),
    *(f"{wave}_{period:g}" for period in (0.25, 0.5, 1.0, 2.0, 4.0) for wave in ("sin", "cos")),
    *("on_quarter", "on_half", "since_begin", "to_end"),
)
"""Names of the numbers that `note_features` gives of each note."""

Values = Float64[np.ndarray, " notes"]


def note_features(flat: Performance) -> Float32[np.ndarray, "notes features"]:
    """Describe each note of a piece on the grid by about fifty numbers, most between -2 and 2.

    Args:
        flat: Notes on the grid, sorted as a `Performance` is. Velocities and seconds are not looked at.

    Returns:
        One row a note, in the order of `FEATURES`.
    """
    if not len(flat):
        return np.zeros((0, len(FEATURES)), np.float32)
    onset, pitch = flat.onset_quarters, flat.pitch.astype(np.float64)
    first = begins_chord(onset)
    columns = [
        *_pitches(pitch, first),
        *np.eye(12)[flat.pitch % 12].T,
        *_chord_places(pitch, first),
        *_rhythm(flat, first),
        *_surroundings(flat),
        *_metre(onset),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _pitches(pitch: Values, first: Bool[np.ndarray, " notes"]) -> list[Values]:
    """Register, and the intervals to the chords before and after."""
    chord, starts = _chords(first)
    top, bottom = np.maximum.reduceat(pitch, starts), np.minimum.reduceat(pitch, starts)
    before, after = np.maximum(chord - 1, 0), np.minimum(chord + 1, len(starts) - 1)
    middle = (top + bottom) / 2
    intervals = (middle[before], middle[after], top[before], bottom[before])
    return [(pitch - 64) / 20, *((pitch - other) / 12 for other in intervals)]


def _chord_places(pitch: Values, first: Bool[np.ndarray, " notes"]) -> list[Values]:
    """How many notes the chord has, and where in it the note is."""
    chord, starts = _chords(first)
    size = np.diff(np.append(starts, len(pitch)))[chord]
    place = np.arange(len(pitch)) - starts[chord]
    above = (pitch - pitch[starts][chord]) / 12
    ends = ((place == size - 1).astype(float), (place == 0).astype(float))
    return [np.log2(size), place / np.maximum(size - 1, 1), *ends, above, first.astype(float)]


def _rhythm(flat: Performance, first: Bool[np.ndarray, " notes"]) -> list[Values]:
    """Logarithms of the times to the chords before and after and of the length, in quarters."""
    chord, starts = _chords(first)
    gaps = np.diff(flat.onset_quarters[starts])
    since, to = np.append(1.0, gaps)[chord], np.append(gaps, 1.0)[chord]
    length = flat.offset_quarters - flat.onset_quarters
    legato = np.clip(np.log2(length / to), -4, 4) / 2
    return [*(np.clip(np.log2(value), -5, 4) / 2 for value in (since, to, length)), legato]


def _surroundings(flat: Performance) -> list[Values]:
    """How many notes sound and begin near a note, and how high it lies among them."""
    onset, pitch = flat.onset_quarters, flat.pitch.astype(np.float64)
    begin = np.searchsorted(onset, onset - _NEAR_QUARTERS, side="left")
    end = np.searchsorted(onset, onset + _NEAR_QUARTERS, side="right")
    sums = np.append(0.0, np.cumsum(pitch))
    number = end - begin
    sounding = np.searchsorted(onset, onset, side="right") - np.searchsorted(
        np.sort(flat.offset_quarters), onset, side="right"
    )
    above = (pitch - (sums[end] - sums[begin]) / number) / 12
    return [np.log2(sounding.clip(1)) / 2, np.log2(number) / 2 - 2, above]


def _metre(onset: Values) -> list[Values]:
    """Where in the quarter, the half note and the bar of four a note lies, and how near to both ends."""
    waves = []
    for period in (0.25, 0.5, 1.0, 2.0, 4.0):
        phase = 2 * np.pi * onset / period
        waves += [np.sin(phase), np.cos(phase)]
    places = [(np.abs(onset * parts - np.rint(onset * parts)) < 1e-3).astype(float) for parts in (1, 2)]
    since, to = onset / _ENDS_QUARTERS, (onset[-1] - onset) / _ENDS_QUARTERS
    return [*waves, *places, np.minimum(since, 1.0), np.minimum(to, 1.0)]


def _chords(first: Bool[np.ndarray, " notes"]) -> tuple[Int64[np.ndarray, " notes"], np.ndarray]:
    """Number the chord of each note, and find the first note of each chord."""
    return np.cumsum(first) - 1, np.flatnonzero(first)
