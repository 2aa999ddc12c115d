"""Harmony of a piece: key, chords of its slices, progression, and the metrics that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from musicgen.music.metrics.selfsimilarity import pitch_lengths
from musicgen.music.notes import Performance
from musicgen.music.theory.chords import Chord, find_chord, name_chord
from musicgen.music.theory.keys import Key, count_modulations, estimate_key, estimate_local_keys
from musicgen.music.theory.progression import (
    Cadence,
    Step,
    chord_irregularity,
    chord_tone_rate,
    find_cadences,
    find_progression,
    fit_chords,
    progression_ngrams,
    shared_ngram_rate,
)

__all__ = [
    "SLICE_KINDS",
    "Cadence",
    "Chord",
    "Harmony",
    "Key",
    "Slice",
    "Step",
    "analyze",
    "chord_irregularity",
    "chord_tone_rate",
    "describe_harmony",
    "estimate_key",
    "estimate_local_keys",
    "find_cadences",
    "find_chord",
    "find_progression",
    "fit_chords",
    "kind_shares",
    "name_chord",
    "name_slices",
    "progression_ngrams",
    "shared_ngram_rate",
]

SLICE_KINDS = (
    "silence", "note", "interval", "triad", "seventh", "ninth", "suspended", "incomplete", "unnamed",
)  # fmt: skip
"""Kinds of slices: fewer than three pitch classes, a chord family, or three and more pitch classes
without a chord name."""

_SOUNDING_SHARE = 0.25  # of a quarter: eight of a slice's 32 ticks; shorter notes are ignored


@dataclass(frozen=True)
class Slice:
    """Harmony of a quarter: one of `SLICE_KINDS`, and the chord if it has a name."""

    kind: str
    chord: Chord | None = None


@dataclass(frozen=True)
class Harmony:
    """Harmonic analysis of a piece.

    Attributes:
        key: The key of the whole piece, None for silence.
        local_keys: A key for each half bar (see `estimate_local_keys`).
        slices: Named harmony of each quarter (see `name_slices`).
        steps: The progression (see `fit_chords`).
        cadences: The cadences (see `find_cadences`).
    """

    key: Key | None
    local_keys: tuple[Key, ...]
    slices: tuple[Slice, ...]
    steps: tuple[Step, ...]
    cadences: tuple[Cadence, ...]


def analyze(performance: Performance) -> Harmony:
    """Analyse the harmony of a piece; takes milliseconds per minute of music."""
    steps = fit_chords(performance)
    return Harmony(
        key=estimate_key(performance) if len(performance) else None,
        local_keys=tuple(estimate_local_keys(performance)),
        slices=tuple(name_slices(performance)),
        steps=tuple(steps),
        cadences=tuple(find_cadences(steps)),
    )


def name_slices(performance: Performance) -> list[Slice]:
    """Name the harmony of each quarter, including passing notes.

    The notes of a slice are the pitches that sound for at least a quarter of it. Strict, where
    `fit_chords` is lenient: a chord with one foreign note is unnamed.

    Returns:
        A slice for each quarter from the first onset's to the last offset; none for silence.
    """
    sounding = pitch_lengths(performance, hop_quarters=1.0) >= _SOUNDING_SHARE - 1e-9
    return [_name_slice(np.flatnonzero(row)) for row in sounding]


def kind_shares(slices: Sequence[Slice]) -> dict[str, float]:
    """Return the share of each of `SLICE_KINDS` among all slices (0 to 1, sum 1); NaN in all for none."""
    if not slices:
        return dict.fromkeys(SLICE_KINDS, float("nan"))
    kinds = [piece.kind for piece in slices]
    return {kind: kinds.count(kind) / len(kinds) for kind in SLICE_KINDS}


def describe_harmony(performance: Performance) -> dict[str, float]:
    """Return the scalar metrics of a piece's harmony by name, NaN if one does not apply.

    - `chord_rate`: share of slices with at least three pitch classes that are a chord of theory.
    - `triad_rate`, `seventh_rate`, `ninth_rate`, `suspended_rate`, `incomplete_rate`,
      `unnamed_rate`, `interval_rate`, `note_rate`: shares of all slices that sound.
    - `chord_tone_rate`, `chord_irregularity`: see there.
    - `chord_quarters`: mean length of a chord of the progression.
    - `diatonic_rate`: share of the time whose chord has only tones of the local key.
    - `home_key_rate`: share of half bars in the key of the piece.
    - `modulations_per_100_quarters`, `cadences_per_100_quarters`, `authentic_cadence_rate` (of all
      cadences).
    """
    harmony = analyze(performance)
    return metrics_of(harmony) | {"chord_tone_rate": chord_tone_rate(performance, harmony.steps)}


def metrics_of(harmony: Harmony) -> dict[str, float]:
    """Return the metrics of `describe_harmony` for a given analysis."""
    shares = kind_shares(harmony.slices)
    sounding = 1 - shares["silence"]
    named = sum(shares[kind] for kind in ("triad", "seventh", "ninth", "suspended", "incomplete"))
    metrics = {"chord_rate": _ratio(named, named + shares["unnamed"])}
    for kind in SLICE_KINDS[1:]:
        metrics[f"{kind}_rate"] = _ratio(shares[kind], sounding)
    steps, quarters = harmony.steps, sum(step.quarters for step in harmony.steps)
    diatonic = sum(s.quarters for s in steps if set(s.chord.pitch_classes) <= s.key.pitch_classes)
    authentic = sum(cadence.kind == "authentic" for cadence in harmony.cadences)
    modulations = count_modulations(harmony.local_keys)
    return metrics | {
        "chord_irregularity": chord_irregularity(steps),
        "chord_quarters": _ratio(quarters, len(steps)),
        "diatonic_rate": _ratio(diatonic, quarters),
        "home_key_rate": _ratio(harmony.local_keys.count(harmony.key), len(harmony.local_keys)),
        "modulations_per_100_quarters": _ratio(100 * modulations, quarters),
        "cadences_per_100_quarters": _ratio(100 * len(harmony.cadences), quarters),
        "authentic_cadence_rate": _ratio(authentic, len(harmony.cadences)),
    }


def _name_slice(pitches: np.ndarray) -> Slice:
    classes = len(np.unique(pitches % 12))
    if classes < 3:
        return Slice(("silence", "note", "interval")[classes])
    chord = find_chord(pitches)
    return Slice(chord.kind, chord) if chord else Slice("unnamed")


def _ratio(part: float | int, whole: float | int) -> float:
    return part / whole if whole > 0 else float("nan")
