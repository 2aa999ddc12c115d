"""Name chords: root, quality and inversion, and the Roman numeral in a key."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from musicgen.music.theory.keys import Key
from musicgen.music.theory.spelling import chord_tone_name, name_in_key, root_name

Pitches = Iterable[int] | Int[np.ndarray, " notes"]


@dataclass(frozen=True)
class Quality:
    """A chord quality.

    Attributes:
        suffix: Suffix of the root in a name, such as `m7`.
        intervals: Semitones above the root, ascending within the octave, the root's 0 included.
        letters: How many letters above the root each interval is spelled.
        kind: Family for counting: triad, seventh, ninth, suspended or incomplete.
        minor: Whether the third is minor, which chooses the root's name and the numeral's case.
        mark: Mark of the Roman numeral: +, ° or ø.
    """

    suffix: str
    intervals: tuple[int, ...]
    letters: tuple[int, ...]
    kind: str
    minor: bool
    mark: str = ""


_TRIAD, _SEVENTH = (0, 2, 4), (0, 2, 4, 6)

QUALITIES = {
    quality.suffix: quality
    for quality in (
        Quality("", (0, 4, 7), _TRIAD, "triad", minor=False),
        Quality("m", (0, 3, 7), _TRIAD, "triad", minor=True),
        Quality("dim", (0, 3, 6), _TRIAD, "triad", minor=True, mark="°"),
        Quality("aug", (0, 4, 8), _TRIAD, "triad", minor=False, mark="+"),
        Quality("7", (0, 4, 7, 10), _SEVENTH, "seventh", minor=False),
        Quality("maj7", (0, 4, 7, 11), _SEVENTH, "seventh", minor=False, mark="maj"),
        Quality("m7", (0, 3, 7, 10), _SEVENTH, "seventh", minor=True),
        Quality("mM7", (0, 3, 7, 11), _SEVENTH, "seventh", minor=True, mark="maj"),
        Quality("ø7", (0, 3, 6, 10), _SEVENTH, "seventh", minor=True, mark="ø"),
        Quality("dim7", (0, 3, 6, 9), _SEVENTH, "seventh", minor=True, mark="°"),
        Quality("aug7", (0, 4, 8, 10), _SEVENTH, "seventh", minor=False, mark="+"),
        Quality("augM7", (0, 4, 8, 11), _SEVENTH, "seventh", minor=False, mark="+maj"),
        Quality("7b5", (0, 4, 6, 10), _SEVENTH, "seventh", minor=False, mark="(b5)"),
        Quality("9", (0, 2, 4, 7, 10), (0, 1, 2, 4, 6), "ninth", minor=False),
        Quality("7b9", (0, 1, 4, 7, 10), (0, 1, 2, 4, 6), "ninth", minor=False, mark="b"),
        Quality("maj9", (0, 2, 4, 7, 11), (0, 1, 2, 4, 6), "ninth", minor=False, mark="maj"),
        Quality("m9", (0, 2, 3, 7, 10), (0, 1, 2, 4, 6), "ninth", minor=True),
        Quality("sus4", (0, 5, 7), (0, 3, 4), "suspended", minor=False, mark="sus4"),
        Quality("sus2", (0, 2, 7), (0, 1, 4), "suspended", minor=False, mark="sus2"),
        Quality("7(no5)", (0, 4, 10), (0, 2, 6), "incomplete", minor=False),
        Quality("maj7(no5)", (0, 4, 11), (0, 2, 6), "incomplete", minor=False, mark="maj"),
        Quality("m7(no5)", (0, 3, 10), (0, 2, 6), "incomplete", minor=True),
    )
}
"""All supported qualities by suffix."""

# Chords with several possible roots: degrees of the key (semitones above the tonic) in order of
# preference as root. dim7: leading tones of the tonic, of the dominant, and of ii or iv.
_PREFERRED_DEGREES = {
    "major": {"dim7": (11, 6, 1), "aug": (7, 0), "7b5": (2, 8, 7)},
    "minor": {"dim7": (11, 6, 4), "aug": (7, 3), "7b5": (2, 8, 7)},
}

_FIGURES = {3: ("", "6", "64"), 4: ("7", "65", "43", "42")}

_DEGREES = {
    "major": ("I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII"),
    "minor": ("I", "bII", "II", "III", "#III", "IV", "#IV", "V", "VI", "#VI", "VII", "#VII"),
}


@dataclass(frozen=True)
class Chord:
    """A named chord.

    Attributes:
        root: Pitch class of the root, 0 to 11 from C.
        quality: A key of `QUALITIES`.
        bass: Pitch class of the lowest note, a chord tone.
    """

    root: int
    quality: str
    bass: int

    @property
    def kind(self) -> str:
        """Family of the chord: triad, seventh, ninth, suspended or incomplete."""
        return QUALITIES[self.quality].kind

    @property
    def inversion(self) -> int:
        """Which of the chord's tones, counted upwards from the root's 0, lies in the bass."""
        return QUALITIES[self.quality].intervals.index((self.bass - self.root) % 12)

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The chord's pitch classes, from the root upwards."""
        return tuple((self.root + interval) % 12 for interval in QUALITIES[self.quality].intervals)

    def name(self, key: Key | None = None) -> str:
        """Name the chord: root, quality and, unless the root is the lowest, the bass: `Bø7/F`.

        Args:
            key: Spells the root within this key; without a key as `spelling.root_name` does. The
                bass is spelled as the chord's own third, fifth or seventh.
        """
        if key:
            return self.name_within(key.tonic_name)
        return self._named(root_name(self.root, minor=QUALITIES[self.quality].minor))

    def name_within(self, tonic_name: str) -> str:
        """Name the chord as `name` does, with the root spelled relative to a spelled tonic."""
        return self._named(name_in_key(self.root, tonic_name))

    def tones_within(self, tonic_name: str) -> dict[int, str]:
        """Name each pitch class of the chord, by its letter above the root as it is spelled in a key."""
        quality, root = QUALITIES[self.quality], name_in_key(self.root, tonic_name)
        return {
            (self.root + semitones) % 12: chord_tone_name(root, letters=letters, semitones=semitones)
            for letters, semitones in zip(quality.letters, quality.intervals, strict=True)
        }

    def roman(self, key: Key) -> str:
        """Return the Roman numeral with figures in a key, such as `V65`, `viiø7` or `V7/V`.

        Upper case for a major third, lower case for a minor one; degrees outside the key's scale
        carry b or # (in minor the natural scale is the measure, but vii° on the leading tone has
        no sign). A major triad or dominant seventh a fifth above, or a diminished chord a semitone
        below another degree's triad is named as that degree's dominant or leading-tone chord,
        where the key itself does not hold it.
        """
        quality = QUALITIES[self.quality]
        metrics = self._metrics()
        target = _applied_degree(self, key)
        if target is not None:
            numeral = "vii" if quality.minor else "V"
            return f"{numeral}{quality.mark}{metrics}/{target}"
        degree = (self.root - key.tonic) % 12
        numeral = _DEGREES[key.mode][degree]
        if key.mode == "minor" and degree == 11 and quality.mark in ("°", "ø"):
            numeral = "VII"
        return (numeral.lower() if quality.minor else numeral) + quality.mark + metrics

    def _named(self, root: str) -> str:
        quality = QUALITIES[self.quality]
        if self.bass == self.root:
            return root + quality.suffix
        bass = chord_tone_name(
            root, letters=quality.letters[self.inversion], semitones=quality.intervals[self.inversion]
        )
        return f"{root}{quality.suffix}/{bass}"

    def _metrics(self) -> str:
        quality = QUALITIES[self.quality]
        if quality.kind in ("triad", "seventh"):
            return _FIGURES[len(quality.intervals)][self.inversion]
        return {"ninth": "9", "suspended": "", "incomplete": "7"}[quality.kind]


def name_chord(pitches: Pitches, key: Key | None = None) -> str | None:
    """Name the chord of these notes: `name_chord([53, 59, 62, 69])` is `Bø7/F`.

    Octaves and doublings do not matter, the lowest note is the bass. Names are the root's, then
    nothing for a major triad, m, dim, aug; 7, maj7, m7, mM7, ø7 (half-diminished), dim7, aug7,
    augM7, 7b5; 9, 7b9, maj9, m9; sus4, sus2; and sevenths without their fifth, marked (no5); then
    a slash and the bass where it is not the root. Diminished sevenths, augmented triads and 7b5,
    which have several possible roots, take the bass as root unless a key is given.

    Args:
        pitches: MIDI note numbers, in any order.
        key: Key for spelling and for ambiguous roots.

    Returns:
        The name; None for notes that form no named chord: single notes, intervals, clusters.
    """
    chord = find_chord(pitches, key)
    return chord.name(key) if chord else None


def find_chord(pitches: Pitches, key: Key | None = None) -> Chord | None:
    """Find root, quality and bass of the chord of these notes; None if they form no named chord."""
    notes = [int(pitch) for pitch in pitches]
    if not notes:
        return None
    bass = min(notes) % 12
    readings = _READINGS.get(frozenset(note % 12 for note in notes), ())
    if not readings:
        return None
    return Chord(*min(readings, key=lambda reading: _preference(*reading, bass, key)), bass=bass)


def _readings() -> dict[frozenset[int], tuple[tuple[int, str], ...]]:
    """Build the table from sets of pitch classes to all their (root, quality)."""
    table: dict[frozenset[int], tuple[tuple[int, str], ...]] = {}
    for suffix, quality in QUALITIES.items():
        for root in range(12):
            tones = frozenset((root + interval) % 12 for interval in quality.intervals)
            table[tones] = (*table.get(tones, ()), (root, suffix))
    return table


_READINGS = _readings()


def _preference(root: int, suffix: str, bass: int, key: Key | None) -> tuple[int, bool, int]:
    """Return the sort key of an interpretation of an ambiguous chord."""
    preferred = _PREFERRED_DEGREES[key.mode].get(suffix, ()) if key else ()
    degree = (root - key.tonic) % 12 if key else -1
    rank = preferred.index(degree) if degree in preferred else len(preferred)
    return rank, root != bass, list(QUALITIES).index(suffix)


def _applied_degree(chord: Chord, key: Key) -> str | None:
    """Name the degree that this chord tonicises, if the chord is not diatonic."""
    if chord.quality in ("", "7", "7(no5)", "7b9", "9"):
        target = (chord.root + 5) % 12
    elif chord.quality in ("dim", "ø7", "dim7"):
        target = (chord.root + 1) % 12
    else:
        return None
    degree = (target - key.tonic) % 12
    if degree == 0 or degree not in key.triads or set(chord.pitch_classes) <= key.pitch_classes:
        return None
    numeral = _DEGREES[key.mode][degree]
    return numeral if key.triads[degree] == "" else numeral.lower()
