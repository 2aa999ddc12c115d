"""Metre: how long bars are, where they begin, and where their beats lie."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from musicgen.music.metrics.bars import first_quarter
from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.quantise import is_on_the_beats
from musicgen.music.notes import Performance

_BEAT_TYPES = (1, 2, 4, 8, 16)
_MAX_BEATS = 32
_PARTS = 8  # of a quarter, on which bar lines may lie


@dataclass(frozen=True)
class BarSpan:
    """Where one bar lies.

    Attributes:
        start: Beginning, in units from the piece's.
        end: End.
        elapsed: Units of a full bar that are missing before its beginning: above 0 for a pickup only.
        signature: Beats a bar, and the note that is one of them.
    """

    start: int
    end: int
    elapsed: int
    signature: tuple[int, int]

    @property
    def units(self) -> int:
        """Length of the bar."""
        return self.end - self.start

    @property
    def beat(self) -> int:
        """Units of a beat, by which short notes are beamed: a dotted quarter for eighths in threes."""
        beats, beat_type = self.signature
        return UNITS_PER_QUARTER * 3 // 2 if beat_type == 8 and beats % 3 == 0 else UNITS_PER_QUARTER


@dataclass(frozen=True)
class Metre:
    """A time signature, and where its first full bar begins.

    Attributes:
        beats: Beats a bar, as the signature counts them, 1 to 32.
        beat_type: The note that is one of them: 1, 2, 4, 8 or 16.
        pickup_quarters: Quarters from the first onset's quarter to the first full bar; 0 where there is no
            pickup, else less than a bar, in eighths of a quarter.

    Raises:
        ValueError: There is no such metre, or the pickup is not shorter than a bar.
    """

    beats: int = 4
    beat_type: int = 4
    pickup_quarters: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.beats <= _MAX_BEATS or self.beat_type not in _BEAT_TYPES:
            raise ValueError(
                f"{self.beats}/{self.beat_type} is no metre; use 1 to 32 beats of 1/1, 1/2, 1/4, 1/8 or 1/16"
            )
        if not 0 <= self.pickup_quarters < self.quarters_per_bar or self.pickup_quarters * 8 % 1:
            raise ValueError(
                f"pickup_quarters={self.pickup_quarters} with {self.quarters_per_bar} quarters a bar; "
                "use 0 or more, less than a bar, in steps of 1/8"
            )

    @property
    def quarters_per_bar(self) -> float:
        """Length of a full bar in quarters."""
        return 4 * self.beats / self.beat_type

    def bars(self, last: int) -> list[BarSpan]:
        """List the bars from the piece's beginning until one ends at `last` units or after; at least one."""
        full, signature = _bar_units((self.beats, self.beat_type)), (self.beats, self.beat_type)
        pickup = int(Fraction(self.pickup_quarters) * UNITS_PER_QUARTER)
        spans = [BarSpan(0, pickup, full - pickup, signature)] if pickup else []
        while not spans or spans[-1].end < last:
            start = spans[-1].end if spans else 0
            spans.append(BarSpan(start, start + full, 0, signature))
        return spans


NOMINAL = Metre()
"""Four quarters a bar from the first onset's, where the metre is not known."""


def bars_of(performance: Performance, last: int) -> list[BarSpan]:
    """List the bars that a performance's file gives it, until one ends at `last` units or after.

    Where the file says nothing of bars, where the notes do not lie on its beats, as in transcriptions, or
    where its bar lines could not be written, the metre is `NOMINAL`.
    """
    if len(performance) == 0 or performance.score is None or not len(performance.score.time_signature):
        return NOMINAL.bars(last)
    first = first_quarter(performance)
    lines = performance.score.bar_lines(first + max(last, 1) / UNITS_PER_QUARTER)
    lines = [line for line, after in itertools.pairwise([*lines.tolist(), math.inf]) if after > first]
    signatures = [performance.score.time_signature_at(line) for line in lines]
    if not all(map(_can_be_written, signatures)) or any((line * _PARTS) % 1 for line in lines):
        return NOMINAL.bars(last)
    if not is_on_the_beats(performance):
        return NOMINAL.bars(last)
    return _spans([int((line - first) * UNITS_PER_QUARTER) for line in lines], signatures)


def _spans(begins: Sequence[int], signatures: Sequence[tuple[int, int]]) -> list[BarSpan]:
    """Make bars from bar lines, the first at 0 or before; two short ones may be the parts of a whole one."""
    spans: list[BarSpan] = []
    ends = [*begins[1:], begins[-1] + _bar_units(signatures[-1])]
    for begin, end, signature in zip(begins, ends, signatures, strict=True):
        full, start = _bar_units(signature), max(begin, 0)
        elapsed = 0
        if not spans:
            elapsed = full - (end - start)
        elif end - start < full:
            before = spans[-1].elapsed + spans[-1].units
            elapsed = before if before + end - start == full else 0
        spans.append(BarSpan(start, end, elapsed, signature))
    return spans


def _bar_units(signature: tuple[int, int]) -> int:
    return 4 * signature[0] * UNITS_PER_QUARTER // signature[1]


def _can_be_written(signature: tuple[int, int]) -> bool:
    beats, beat_type = signature
    return beats <= _MAX_BEATS and beat_type in _BEAT_TYPES and beats * _PARTS >= beat_type
