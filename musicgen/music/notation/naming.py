"""Spell the notes of a staff, and find which of them need a sign."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from musicgen.music.notation.symbols import Symbol
from musicgen.music.notation.voices import WrittenChord
from musicgen.music.theory.spelling import (
    SHARP_ORDER,
    SpelledPitch,
    chord_tone_name,
    fifths_of,
    name_in_key,
    signature_of,
    spell_chord,
)

Voices = tuple[list[WrittenChord], list[WrittenChord]]


@dataclass(frozen=True)
class LocalHarmony:
    """What a note is spelled by.

    Attributes:
        tonic_name: The local key's tonic.
        is_minor: Whether that key is minor.
        tones: Names of the pitch classes of the chord; none where it has no sure ones.
    """

    tonic_name: str
    is_minor: bool
    tones: Mapping[int, str]

    def foreign_names(self, *, rising: Iterable[int]) -> dict[int, str]:
        """Name pitch classes outside the scale, by the letter below their goal or by the chord.

        Args:
            rising: Pitches that are followed by what lies a semitone above them.
        """
        leading = {
            pitch % 12: chord_tone_name(name_in_key(pitch + 1, self.tonic_name), letters=-1, semitones=-1)
            for pitch in rising
        }
        names = {**self.tones, **leading}
        return {pitch: name for pitch, name in names.items() if not self._is_of_scale(pitch)}

    def _is_of_scale(self, pitch: int) -> bool:
        scale = signature_of(self.tonic_name, minor=self.is_minor)
        return scale - 1 <= fifths_of(name_in_key(pitch, self.tonic_name)) <= scale + 5


def name_voices(voices: Voices, *, harmony_at: Callable[[int], LocalHarmony]) -> Voices:
    """Spell the chords of a staff, once for all that is tied.

    What begins together, or sounds on in the other voice, is spelled as one chord (see `spell_chord`): notes
    of the scale by the key, foreign ones as leading notes where they rise by a semitone, else by their
    place in the chord in force. Of 49,645 notes of Bach's chorales .14 % then have another name than in
    the score, where the key alone gives .70 %; of 58,797 notes of quartets 1.2 % and 2.0 %.

    Args:
        voices: The upper and the lower voice.
        harmony_at: Key and chord at a time in units.

    Returns:
        The same chords with names.
    """
    named: Voices = ([], [])
    in_order = sorted(
        ((chord, number) for number, voice in enumerate(voices) for chord in voice),
        key=lambda one: one[0].start,
    )
    goals = {id(chord): after.pitches for voice in voices for chord, after in itertools.pairwise(voice)}
    for start, together in itertools.groupby(in_order, key=lambda one: one[0].start):
        chords = list(together)
        pitches = sorted({pitch for chord, _ in chords for pitch in chord.pitches})
        given = {
            pitch: name
            for voice in named
            if voice and voice[-1].end > start
            for pitch, name in zip(voice[-1].pitches, voice[-1].names, strict=True)
        }
        harmony = harmony_at(start)
        rising = [
            pitch for chord, _ in chords for pitch in chord.pitches if pitch + 1 in goals.get(id(chord), ())
        ]
        foreign = harmony.foreign_names(rising=rising)
        spelled = spell_chord(pitches, harmony.tonic_name, tones=foreign, given=given)
        names = dict(zip(pitches, spelled, strict=True))
        for chord, number in chords:
            named[number].append(replace(chord, names=tuple(names[pitch] for pitch in chord.pitches)))
    return named


def signs_of_bar(voices: Sequence[Sequence[Symbol]], *, fifths: int) -> dict[tuple[int, int], int]:
    """Find which notes of a staff need a sign, as its voices are read together through the bar.

    Args:
        voices: Symbols of the staff in one bar.
        fifths: Sharps of the key signature, or its flats as a number below 0.

    Returns:
        Alterations to write, by the identity of the symbol and the pitch.
    """
    signed = SHARP_ORDER[:fifths] if fifths >= 0 else SHARP_ORDER[fifths:]
    signature = dict.fromkeys(signed, (fifths > 0) - (fifths < 0))
    in_force: dict[int, int] = {}
    signs: dict[tuple[int, int], int] = {}
    for _, together in itertools.groupby(
        sorted((symbol for voice in voices for symbol in voice), key=lambda symbol: symbol.start),
        key=lambda symbol: symbol.start,
    ):
        struck = [
            (symbol, pitch, name)
            for symbol in together
            if not symbol.tied_from
            for pitch, name in zip(symbol.pitches, symbol.names, strict=True)
        ]
        clashing = lines_with_two_names([name for _, _, name in struck])
        for symbol, pitch, name in struck:
            if (
                name.alteration != in_force.get(name.line, signature.get(name.letter, 0))
                or name.line in clashing
            ):
                signs[id(symbol), pitch] = name.alteration
        in_force.update({name.line: name.alteration for _, _, name in struck})
    return signs


def lines_with_two_names(names: Sequence[SpelledPitch]) -> set[int]:
    """Find the lines and spaces on which notes that stand together have different signs, such as Eb and E."""
    pairs = itertools.combinations(names, 2)
    return {one.line for one, other in pairs if one.line == other.line and one != other}
