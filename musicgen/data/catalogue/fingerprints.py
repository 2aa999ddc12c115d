"""Fingerprints of melodies, the same in any key and at any tempo."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped, UInt32

from musicgen.music.notes import LOWEST_PITCH, Performance

FINGERPRINT_VERSION = 2
"""Bump whenever the fingerprint of a piece changes; part of its key in the cache."""

LINES = ("top", "bottom", "skyline")
"""Highest and lowest note of each chord, and the highest notes that nothing held covers."""
PRINT = np.dtype([("hash", "<u4"), ("place", "<u4"), ("line", "u1"), ("pitch", "u1")])
Prints = Shaped[np.ndarray, " prints"]
"""N-grams of one piece (dtype `PRINT`): hash of the intervals, number of its first note in the line, line,
and MIDI number of the first note; sorted by line and hash, each hash once per line."""

_INTERVALS = (8, 8, 7)
"""Length of the n-grams per line: where a soprano is ornamented, more of the shorter ones stay the same."""
_FEWEST_DIFFERENT = (4, 4, 3)
"""N-grams with fewer different intervals are scales, trills and broken chords, which all pieces share."""
_SAME_CHORD_S = 0.03
_PITCHES = 88


def fingerprint(performance: Performance) -> Prints:
    """Hash each run of seven or eight intervals in three lines of a piece.

    N-grams of intervals are a well-kept way to find melodies in polyphonic music (Downie and Nelson 2000;
    Doraisamy and Rüger 2003), over the top notes as melody (the skyline of Uitdenbogerd and Zobel 1999).
    Only the order of notes counts, so tempo and rubato change nothing, and only intervals, so the key does
    not either. Notes within 30 ms of each other are one chord; a repeated note counts once. The skyline
    leaves notes out that begin below a held one: it finds the soprano of a chorale under any harmony. Top and
    bottom find the same piece in two performances, where lengths of notes differ.

    Args:
        performance: Notes of a piece.
    """
    return np.concatenate(
        [_prints_of(pitch, line=line) for line, pitch in enumerate(_lines(performance))]
        or [np.empty(0, PRINT)]
    )


def _lines(performance: Performance) -> Iterable[Int64[np.ndarray, " chords"]]:
    if not len(performance):
        return
    onset_s, pitch = performance.onset_s, performance.pitch.astype(np.int64)
    starts = np.flatnonzero(np.diff(onset_s, prepend=-np.inf) > _SAME_CHORD_S)
    top = np.maximum.reduceat(pitch, starts)
    yield top
    yield np.minimum.reduceat(pitch, starts)
    chord = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(pitch)))
    held = _highest_held(pitch, chord, performance.offset_s, onset_s[starts])
    yield top[held <= top]


def _highest_held(
    pitch: Int64[np.ndarray, " notes"],
    chord: Int64[np.ndarray, " notes"],
    offset_s: Float64[np.ndarray, " notes"],
    chord_s: Float64[np.ndarray, " chords"],
) -> Int64[np.ndarray, " chords"]:
    """Find the highest note of earlier chords that sounds on at each chord; 0 where none does."""
    last = np.searchsorted(chord_s, offset_s - _SAME_CHORD_S)  # the first chord that it does not reach
    change = np.zeros((_PITCHES, len(chord_s) + 1), np.int16)
    reaching = last > chord + 1
    row = pitch[reaching] - LOWEST_PITCH
    np.add.at(change, (row, chord[reaching] + 1), 1)
    np.add.at(change, (row, last[reaching]), -1)
    sounding = np.cumsum(change[:, :-1], axis=1, dtype=np.int16) > 0
    highest = LOWEST_PITCH + _PITCHES - 1 - sounding[::-1].argmax(axis=0)
    return np.where(sounding.any(axis=0), highest, 0)


def _prints_of(pitch: Int64[np.ndarray, " chords"], *, line: int) -> Prints:
    places = np.flatnonzero(np.diff(pitch, prepend=-1))
    intervals = np.diff(pitch[places]).clip(-127, 127).astype(np.int8)
    if len(intervals) < _INTERVALS[line]:
        return np.empty(0, PRINT)
    grams = np.lib.stride_tricks.sliding_window_view(intervals, _INTERVALS[line])
    different = 1 + np.count_nonzero(np.diff(np.sort(grams, axis=1), axis=1), axis=1)
    kept = np.flatnonzero((different >= _FEWEST_DIFFERENT[line]) & ~_is_figure(grams))
    hashes, first = np.unique(_hashed(grams[kept]), return_index=True)
    prints = np.empty(len(hashes), PRINT)
    prints["hash"], prints["line"] = hashes, line
    prints["place"] = places[kept[first]]
    prints["pitch"] = pitch[prints["place"]]
    return prints


def _is_figure(grams: Shaped[np.ndarray, "grams intervals"]) -> Bool[np.ndarray, " grams"]:
    """Find n-grams that repeat themselves, but for one interval: the figures of accompaniments."""
    is_figure = np.zeros(len(grams), bool)
    for period in range(2, grams.shape[1] - 2):
        differ = np.count_nonzero(grams[:, period:] != grams[:, :-period], axis=1)
        is_figure |= differ <= 1
    return is_figure


def _hashed(grams: Shaped[np.ndarray, "grams intervals"]) -> UInt32[np.ndarray, " grams"]:
    """Mix up to eight intervals of a byte each to 32 bits (the finaliser of SplitMix64)."""
    padded = np.zeros((len(grams), 8), np.int8)
    padded[:, : grams.shape[1]] = grams
    mixed = padded.view("<u8")[:, 0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed >> np.uint64(32)).astype(np.uint32)
