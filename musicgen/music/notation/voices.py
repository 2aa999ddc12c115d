"""Write the notes of one staff as at most two voices of chords, simple enough to read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from musicgen.music.notation.quantise import UNITS_PER_QUARTER

_HELD_UNITS = UNITS_PER_QUARTER // 2  # a chord that sounds on for so long asks for a voice of its own
_HELD_SHARE = 0.5  # and for so much of its length
_SHORTEST_REST = UNITS_PER_QUARTER // 2  # shorter rests are not written
_LENGTHS = (3, 6, 8, 12, 16, 18, 24, 36, 48, 72, 96)  # units of what one note can show


@dataclass(frozen=True)
class WrittenChord:
    """Hold notes that begin and end together.

    Attributes:
        start: Beginning, in units from the piece's.
        end: End, after the beginning.
        pitches: MIDI numbers, ascending.
    """

    start: int
    end: int
    pitches: tuple[int, ...]

    @property
    def middle(self) -> float:
        """Mean pitch."""
        return sum(self.pitches) / len(self.pitches)


def two_voices(notes: Sequence[tuple[int, int, int]]) -> tuple[list[WrittenChord], list[WrittenChord]]:
    """Part the notes of a staff into an upper and a lower voice.

    There is one voice, the upper one, unless notes that begin together end at different times, or a chord
    sounds on while others begin: then what is held and what moves are parted, above and below as they
    lie. Within a voice a chord ends where the next begins; rests shorter than an eighth, or
    shorter than the chord before them, are filled by it.

    Args:
        notes: Start and end in units, and MIDI number, of each note.

    Returns:
        The upper and the lower voice, each in order and without overlaps.
    """
    columns = _columns(notes)
    voices: tuple[list[WrittenChord], list[WrittenChord]] = ([], [])
    for index, column in enumerate(columns):
        if len(column) == 2:
            voices[0].append(column[1])
            voices[1].append(column[0])
            continue
        voices[_voice_of(column[0], columns[index + 1 :], voices)].append(column[0])
    return _in_a_row(voices[0]), _in_a_row(voices[1])


def _columns(notes: Sequence[tuple[int, int, int]]) -> list[list[WrittenChord]]:
    """Collect the notes that begin together: one chord, or a lower and an upper one that end apart."""
    starts: dict[int, dict[int, int]] = {}
    for start, end, pitch in notes:
        ends = starts.setdefault(start, {})
        ends[pitch] = max(end, ends.get(pitch, end))
    return [_parted(start, sorted(ends.items())) for start, ends in sorted(starts.items())]


def _parted(start: int, notes: list[tuple[int, int]]) -> list[WrittenChord]:
    """Cut a chord in two where its upper and its lower notes end at clearly different times."""

    def spread(part: list[tuple[int, int]]) -> int:
        ends = [end for _, end in part]
        return max(ends) - min(ends)

    def chord(part: list[tuple[int, int]]) -> WrittenChord:
        ends = sorted(end for _, end in part)
        return WrittenChord(start, ends[len(ends) // 2], tuple(pitch for pitch, _ in part))

    if spread(notes) < _HELD_UNITS:
        return [chord(notes)]
    cut = min(range(1, len(notes)), key=lambda at: spread(notes[:at]) + spread(notes[at:]))
    low, high = chord(notes[:cut]), chord(notes[cut:])
    shorter, longer = sorted((low.end - start, high.end - start))
    return [low, high] if longer - shorter >= _HELD_UNITS else [chord(notes)]


def _voice_of(
    chord: WrittenChord,
    later: Sequence[list[WrittenChord]],
    voices: tuple[list[WrittenChord], list[WrittenChord]],
) -> int:
    """Choose 0 (upper) or 1 (lower) for a chord by what still sounds and what it is held against."""
    busy = [bool(voice) and _is_held(voice[-1], chord.start) for voice in voices]
    if all(busy):
        return int(abs(voices[1][-1].middle - chord.middle) < abs(voices[0][-1].middle - chord.middle))
    if any(busy):
        return int(busy[0])
    against = [other for column in later[:8] for other in column if other.start < chord.end]
    if not against or not _is_held(chord, against[0].start):
        return 0
    return int(sum(other.middle for other in against) / len(against) > chord.middle)


def _is_held(chord: WrittenChord, other_start: int) -> bool:
    """Tell whether a chord would lose much if it ended where another begins."""
    lost = chord.end - other_start
    return lost >= _HELD_UNITS and lost >= _HELD_SHARE * (chord.end - chord.start)


def _in_a_row(voice: Sequence[WrittenChord]) -> list[WrittenChord]:
    """End chords where the next begins, fill short rests, and prefer lengths that one note shows."""
    following = [chord.start for chord in voice[1:]]
    if not voice:
        return []
    return [
        replace(chord, end=_written_end(chord, after))
        for chord, after in zip(
            voice, [*following, _next_multiple(voice[-1].end, UNITS_PER_QUARTER)], strict=True
        )
    ]


def _written_end(chord: WrittenChord, after: int) -> int:
    """End a chord so that what follows it is the next chord, or a rest that is easily counted."""
    end = max(min(chord.end, after), min(after, _next_multiple(chord.start + 1, _SHORTEST_REST)))
    length, rest = end - chord.start, after - end
    if rest < _SHORTEST_REST:
        return after
    if rest <= length:
        return min(after, _next_multiple(end, UNITS_PER_QUARTER))
    return min(end, chord.start + max(one for one in _LENGTHS if one <= length))


def _next_multiple(unit: int, of: int) -> int:
    return -(-unit // of) * of
