"""Spell pitch classes as a musician would: letters, sharps and flats, in a key where one is known."""

from dataclasses import dataclass

NATURAL_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

_LETTERS = "CDEFGAB"
SHARP_ORDER = "FCGDAEB"
"""The line of fifths without accidentals (C has position 0), and the order of sharps in a signature."""

# Without a key, roots have the name that asks for the fewest accidentals in a key of that mode.
_MAJOR_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")


def root_name(pitch_class: int, *, minor: bool = False) -> str:
    """Name a tonic or root where no key is known.

    C Db D Eb E F F# G Ab A Bb B where the third is major, C C# D Eb E F F# G G# A Bb B where it is
    minor: of two names the one whose scale has fewer accidentals; of the two with six each the
    more usual (F# major, E flat minor).
    """
    return (_MINOR_NAMES if minor else _MAJOR_NAMES)[pitch_class % 12]


def name_in_key(pitch_class: int, tonic_name: str) -> str:
    """Name a pitch class in a key, by the line of fifths.

    Of all names the one from five fifths below the tonic to six above: flattened second, sixth,
    third and seventh, raised fourth (Temperley 2001, chapter 5, for a fixed centre). The same
    window serves both modes. A name with two accidentals gives way to the plain one.
    """
    centre = fifths_of(tonic_name)
    offset = (pitch_class * 7 - centre) % 12  # seven semitones are one fifth, and 7 is its own inverse
    name = _at_fifths(centre + (offset if offset <= 6 else offset - 12))
    return name if len(name) < 3 else root_name(pitch_class)


def chord_tone_name(root: str, *, letters: int, semitones: int) -> str:
    """Name the tone that lies so many letters and semitones above a spelled root.

    A name with two accidentals or more gives way to the plain one of the same key on the piano.
    """
    letter = _LETTERS[(_LETTERS.index(root[0]) + letters) % 7]
    target = (pitch_class_of(root) + semitones) % 12
    shift = (target - NATURAL_CLASSES[letter] + 6) % 12 - 6
    if abs(shift) > 1:
        return root_name(target)
    return letter + ("#" * shift if shift > 0 else "b" * -shift)


def pitch_class_of(name: str) -> int:
    """Give the pitch class (0 to 11, from C) of a name such as `F#`, `Bb` or `B`."""
    return (NATURAL_CLASSES[name[0]] + name.count("#") - name.count("b")) % 12


@dataclass(frozen=True)
class SpelledPitch:
    """Hold a note's name: its letter, its alteration (1 sharp, -1 flat) and its octave (4 from middle C)."""

    letter: str
    alteration: int
    octave: int


def spell_pitch(pitch: int, tonic_name: str) -> SpelledPitch:
    """Spell a MIDI number in a key as `name_in_key` does; B# and Cb belong to their letter's octave."""
    name = name_in_key(pitch % 12, tonic_name)
    alteration = name.count("#") - name.count("b")
    return SpelledPitch(name[0], alteration, (pitch - alteration) // 12 - 1)


def signature_of(tonic_name: str, *, minor: bool = False) -> int:
    """Give the key signature of a key: its sharps, or its flats as a number below 0."""
    return fifths_of(tonic_name) - (3 if minor else 0)


def fifths_of(name: str) -> int:
    """Give the place of a name on the line of fifths: C 0, G 1, F -1, F# 6."""
    return SHARP_ORDER.index(name[0]) - 1 + 7 * (name.count("#") - name.count("b"))


def _at_fifths(position: int) -> str:
    accidentals, letter = divmod(position + 1, 7)
    return SHARP_ORDER[letter] + ("#" * accidentals if accidentals > 0 else "b" * -accidentals)
