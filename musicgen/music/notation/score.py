"""Make a performance a score that a pianist can read: two staves, quantised, with chord names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from musicgen.music.notation.hands import right_hand
from musicgen.music.notation.quantise import UNITS_PER_QUARTER, WrittenNotes, quantise
from musicgen.music.notation.symbols import UNITS_PER_BAR, Symbol, symbols_of_bar
from musicgen.music.notation.voices import WrittenChord, two_voices
from musicgen.music.notes import Performance
from musicgen.music.theory.harmony import Key, Step, estimate_key, estimate_local_keys, fit_chords
from musicgen.music.theory.keys import LOCAL_KEY_QUARTERS
from musicgen.music.theory.spelling import SpelledPitch, name_in_key, spell_pitch

_NO_KEY = Key(0, "major")


@dataclass(frozen=True)
class Bar:
    """Hold a bar.

    Attributes:
        staves: For the right and the left hand two voices of symbols, a silent one without any.
        chords: Chords that begin here, and where each stands, in units from the bar's beginning.
    """

    staves: tuple[tuple[list[Symbol], list[Symbol]], tuple[list[Symbol], list[Symbol]]]
    chords: tuple[tuple[int, Step], ...] = ()


@dataclass(frozen=True)
class Score:
    """Hold a piece as it is written down.

    Attributes:
        bars: Its bars of four quarters.
        key: What the key signature shows.
        local_keys: A key for every half bar, for the spelling.
    """

    bars: tuple[Bar, ...]
    key: Key
    local_keys: tuple[Key, ...]

    def spell(self, pitch: int, bar: int, unit: int) -> SpelledPitch:
        """Name a note by the key around it, whose own name is chosen to lie near the signature's."""
        half = (bar * UNITS_PER_BAR + unit) // (LOCAL_KEY_QUARTERS * UNITS_PER_QUARTER)
        last = len(self.local_keys) - 1
        return spell_pitch(
            pitch, self.tonic_near_home(self.local_keys[min(half, last)] if last >= 0 else self.key)
        )

    def tonic_near_home(self, key: Key) -> str:
        """Name the tonic of a passage as the whole piece's key would: G# in a piece with four sharps."""
        return name_in_key(key.tonic, self.key.tonic_name)


def make_score(
    performance: Performance, *, chord_names: bool = True, max_quarters: int | None = None
) -> Score:
    """Write a performance down.

    Times go to the simplest division of each quarter (see `quantise`), the hands part at a border that moves
    as little as it can (`right_hand`), each staff has one voice, or two where notes are held against others
    (`two_voices`). Bars are nominal: four quarters from the first onset's.

    Args:
        performance: The notes; none give one empty bar.
        chord_names: Name the chords above (see `fit_chords`).
        max_quarters: Write so many quarters from the beginning only; the key is that of the whole piece.
    """
    key = estimate_key(performance) if len(performance) else _NO_KEY
    local_keys, steps = estimate_local_keys(performance), fit_chords(performance) if chord_names else []
    notes = quantise(performance)
    is_right = right_hand(notes.pitch, notes.onset // UNITS_PER_QUARTER)
    voices = [two_voices(_notes_of(notes, is_right == hand)) for hand in (True, False)]
    last = int(notes.offset.max(initial=1))
    if max_quarters is not None:
        last = min(last, max_quarters * UNITS_PER_QUARTER)
    bars = [
        Bar(
            staves=tuple(_staff(staff, bar, notes) for staff in voices),  # pyright: ignore[reportArgumentType]
            chords=_chords_of(steps, bar),
        )
        for bar in range(-(-last // UNITS_PER_BAR))
    ]
    return Score(bars=tuple(bars), key=key, local_keys=tuple(local_keys))


def _notes_of(notes: WrittenNotes, mine: np.ndarray) -> list[tuple[int, int, int]]:
    return list(
        zip(notes.onset[mine].tolist(), notes.offset[mine].tolist(), notes.pitch[mine].tolist(), strict=True)
    )


def _staff(
    voices: tuple[list[WrittenChord], list[WrittenChord]], bar: int, notes: WrittenNotes
) -> tuple[list[Symbol], list[Symbol]]:
    upper, lower = (symbols_of_bar(voice, bar=bar, is_triplet=notes.is_triplet) for voice in voices)
    # A voice that is alone in its bar is the first.
    return (upper, lower) if upper else (lower, [])


def _chords_of(steps: Sequence[Step], bar: int) -> tuple[tuple[int, Step], ...]:
    first = bar * UNITS_PER_BAR
    places = [(step.start_quarter * UNITS_PER_QUARTER - first, step) for step in steps]
    return tuple((place, step) for place, step in places if 0 <= place < UNITS_PER_BAR)
