"""Write the notes of one staff as at most two voices of chords, simple enough to read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from musicgen.music.notation.divisions import UNITS_PER_QUARTER, is_plain
from musicgen.music.theory.spelling import SpelledPitch

_HELD_UNITS = UNITS_PER_QUARTER // 2  # a chord that sounds on for so long asks for a voice of its own
_HELD_SHARE = 0.5  # and for so much of its length
_SHORTEST_REST = UNITS_PER_QUARTER // 2  # shorter rests are not written
_LENGTHS = tuple(  # units of what one note can show
    UNITS_PER_QUARTER * twentyfourths // 24 for twentyfourths in (3, 4, 6, 8, 12, 16, 18, 24, 36, 48, 72, 96)
)
_END_PARTS = 8  # of a quarter without tuplets, for the ends of chords


@dataclass(frozen=True)
class WrittenChord:
    """Notes that begin and end together.

    Attributes:
        start: Beginning, in units from the piece's.
        end: End, after the beginning.
        pitches: MIDI numbers, ascending.
        names: How each pitch is spelled; none before that is decided.
    """

    start: int
    end: int
    pitches: tuple[int, ...]
    names: tuple[SpelledPitch, ...] = ()

    @property
    def middle(self) -> float:
        """Mean pitch."""
        return sum(self.pitches) / len(self.pitches)


def two_voices(
    notes: Sequence[tuple[int, int, int]], *, division: Sequence[int] = ()
) -> tuple[list[WrittenChord], list[WrittenChord]]:
    """Part the notes of a staff into an upper and a lower voice.

    There is one voice, the upper one, unless notes that begin together end at different times, or a chord
    sounds on while others begin: then what is held and what moves are parted, above and below as they
    lie. Within a voice a chord ends where the next begins; rests shorter than an eighth, or
    shorter than the chord before them, are filled by it.

    Args:
        notes: Start and end in units, and MIDI number, of each note.
        division: For each quarter of the piece, into how many parts it is divided; 1 after the last.

    Returns:
        The upper and the lower voice, each in order and without overlaps; all ends lie on places of their
        quarter's division, or on its thirty-seconds where that has no tuplet.
    """
    columns = _columns(notes)
    voices: tuple[list[WrittenChord], list[WrittenChord]] = ([], [])
    for index, column in enumerate(columns):
        if len(column) == 2:
            voices[0].append(column[1])
            voices[1].append(column[0])
            continue
        voices[_voice_of(column[0], columns[index + 1 :], voices)].append(column[0])
    return _in_a_row(voices[0], division), _in_a_row(voices[1], division)


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
    """Whether a chord would lose much if it ended where another begins."""
    lost = chord.end - other_start
    return lost >= _HELD_UNITS and lost >= _HELD_SHARE * (chord.end - chord.start)


def _in_a_row(voice: Sequence[WrittenChord], division: Sequence[int]) -> list[WrittenChord]:
    """End chords where the next begins, fill short rests, and prefer lengths that one note shows."""
    if not voice:
        return []
    following = [chord.start for chord in voice[1:]]
    following.append(_next_multiple(voice[-1].end, UNITS_PER_QUARTER))
    return [
        replace(chord, end=_on_a_place(_written_end(chord, after), chord.start, division))
        for chord, after in zip(voice, following, strict=True)
    ]


def _on_a_place(end: int, start: int, division: Sequence[int]) -> int:
    """Move an end to the nearest place of its quarter that is after the beginning."""

    def part(unit: int) -> int:
        quarter = unit // UNITS_PER_QUARTER
        parts = division[quarter] if quarter < len(division) else 1
        return UNITS_PER_QUARTER // (max(parts, _END_PARTS) if is_plain(parts) else parts)

    first = end - end % UNITS_PER_QUARTER
    return max(first + round((end - first) / part(end)) * part(end), start + part(start))


def _written_end(chord: WrittenChord, after: int) -> int:
    """End a chord so that what follows it is the next chord, or a rest that is easily counted."""
    end = max(min(chord.end, after), min(after, _next_multiple(chord.start + 1, _SHORTEST_REST)))
    length, rest = end - chord.start, after - end
    if rest < _SHORTEST_REST:
        return after
    if rest <= length:
        return min(after, _next_multiple(end, UNITS_PER_QUARTER))
    return min(end, chord.start + max((shown for shown in _LENGTHS if shown <= length), default=length))


def _next_multiple(unit: int, of: int) -> int:
    return -(-unit // of) * of
