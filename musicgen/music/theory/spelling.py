"""Spell pitch classes with letters, sharps and flats, in a key if known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NATURAL_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

_LETTERS = "CDEFGAB"
SHARP_ORDER = "FCGDAEB"
"""The line of fifths without accidentals (C has position 0), and the order of sharps in a signature."""

_CLASH, _DOUBLE_SIGN = 10.0, 2.0  # costs of two notes on a staff line, and of a double sign

# Without a key, roots are spelled with the fewest accidentals in a key of that mode.
_MAJOR_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")


def root_name(pitch_class: int, *, minor: bool = False) -> str:
    """Name a tonic or root without a key.

    C Db D Eb E F F# G Ab A Bb B where the third is major, C C# D Eb E F F# G G# A Bb B where it is
    minor: of two names the one whose scale has fewer accidentals; of the two with six each the
    more usual (F# major, E flat minor).
    """
    return (_MINOR_NAMES if minor else _MAJOR_NAMES)[pitch_class % 12]


def name_in_key(pitch_class: int, tonic_name: str) -> str:
    """Name a pitch class in a key, by the line of fifths.

    Of all names the one from five fifths below the tonic to six above: flattened second, sixth,
    third and seventh, raised fourth (Temperley 2001, chapter 5, for a fixed centre). The same
    window serves both modes. Names with two accidentals are replaced by natural ones.
    """
    centre = fifths_of(tonic_name)
    offset = (pitch_class * 7 - centre) % 12  # seven semitones are one fifth, and 7 is its own inverse
    name = _at_fifths(centre + (offset if offset <= 6 else offset - 12))
    return name if len(name) < 3 else root_name(pitch_class)


def chord_tone_name(root: str, *, letters: int, semitones: int) -> str:
    """Name the tone that lies so many letters and semitones above a spelled root.

    Names with two accidentals or more are replaced by natural enharmonic ones.
    """
    letter = _LETTERS[(_LETTERS.index(root[0]) + letters) % 7]
    target = (pitch_class_of(root) + semitones) % 12
    shift = (target - NATURAL_CLASSES[letter] + 6) % 12 - 6
    if abs(shift) > 1:
        return root_name(target)
    return letter + ("#" * shift if shift > 0 else "b" * -shift)


def pitch_class_of(name: str) -> int:
    """Find the pitch class (0 to 11, from C) of a name such as `F#`, `Bb` or `B`."""
    return (NATURAL_CLASSES[name[0]] + name.count("#") - name.count("b")) % 12


@dataclass(frozen=True)
class SpelledPitch:
    """A note's name.

    Attributes:
        letter: C to B.
        alteration: 1 for a sharp, -1 for a flat, 2 and -2 for double ones.
        octave: 4 from middle C; B# and Cb belong to their letter's octave.
    """

    letter: str
    alteration: int
    octave: int

    @property
    def line(self) -> int:
        """Height on the staff, a number for each line and each space: 0 for C of octave 0."""
        return 7 * self.octave + _LETTERS.index(self.letter)


def spell_pitch(pitch: int, tonic_name: str) -> SpelledPitch:
    """Spell a MIDI number in a key as `name_in_key` does; B# and Cb belong to their letter's octave."""
    name = name_in_key(pitch % 12, tonic_name)
    return _with_letter(pitch, name[0])


def spell_chord(
    pitches: Sequence[int],
    tonic_name: str,
    *,
    tones: Mapping[int, str] | None = None,
    given: Mapping[int, SpelledPitch] | None = None,
) -> tuple[SpelledPitch, ...]:
    """Spell simultaneous pitches so that no two of them share a staff line.

    Each is spelled as a tone of its chord, or else in the key, where that can be; where two would be one
    letter with two signs, such as Eb and E, the change of names that costs least is made (D# and E): plain
    names near the key on the line of fifths before distant ones, double signs last. Thirteen adjacent
    semitones cannot be spelled without sharing a line.

    Args:
        pitches: MIDI numbers, ascending.
        tonic_name: The key's tonic.
        tones: Names of pitch classes that go before those of the key, such as those of a chord.
        given: Names that are already fixed, of these or other pitches.

    Returns:
        A name for each of `pitches`.
    """
    fixed, named = dict(given or {}), tones or {}
    heights = sorted({*pitches, *fixed})
    choices = [[fixed[pitch]] if pitch in fixed else _spellings(pitch) for pitch in heights]

    def unusual(name: SpelledPitch, pitch: int) -> float:
        tone = named.get(pitch % 12)
        usual = _with_letter(pitch, tone[0]) if tone else spell_pitch(pitch, tonic_name)
        return _distance(name, usual, tonic_name)

    totals, came_from = [unusual(name, heights[0]) for name in choices[0]], []
    for height, before, names in zip(heights[1:], choices, choices[1:], strict=False):
        reached = [
            min(
                (total + _CLASH * (name.line <= lower.line), at)
                for at, (total, lower) in enumerate(zip(totals, before, strict=True))
            )
            for name in names
        ]
        came_from.append([at for _, at in reached])
        totals = [total + unusual(name, height) for name, (total, _) in zip(names, reached, strict=True)]
    at = totals.index(min(totals))
    chosen = [choices[-1][at]]
    for step, names in zip(reversed(came_from), reversed(choices[:-1]), strict=True):
        at = step[at]
        chosen.append(names[at])
    names_at = dict(zip(heights, reversed(chosen), strict=True))
    return tuple(names_at[pitch] for pitch in pitches)


def _spellings(pitch: int) -> list[SpelledPitch]:
    names = [_with_letter(pitch, letter) for letter in _LETTERS]
    return [name for name in names if abs(name.alteration) <= 2]


def _with_letter(pitch: int, letter: str) -> SpelledPitch:
    alteration = (pitch - NATURAL_CLASSES[letter] + 6) % 12 - 6
    return SpelledPitch(letter, alteration, (pitch - alteration) // 12 - 1)


def _distance(name: SpelledPitch, usual: SpelledPitch, tonic_name: str) -> float:
    """Distance of a name from the usual one of its pitch, 0 if equal, greater far from the key."""
    if name == usual:
        return 0.0
    fifths = SHARP_ORDER.index(name.letter) - 1 + 7 * name.alteration
    distance = abs(fifths - fifths_of(tonic_name) - 0.5)
    return 1.0 + distance / 10 + (_DOUBLE_SIGN if abs(name.alteration) == 2 else 0.0)


def signature_of(tonic_name: str, *, minor: bool = False) -> int:
    """Find the key signature of a key: its sharps, or its flats as a number below 0."""
    return fifths_of(tonic_name) - (3 if minor else 0)


def fifths_of(name: str) -> int:
    """Find the place of a name on the line of fifths: C 0, G 1, F -1, F# 6."""
    return SHARP_ORDER.index(name[0]) - 1 + 7 * (name.count("#") - name.count("b"))


def _at_fifths(position: int) -> str:
    accidentals, letter = divmod(position + 1, 7)
    return SHARP_ORDER[letter] + ("#" * accidentals if accidentals > 0 else "b" * -accidentals)
