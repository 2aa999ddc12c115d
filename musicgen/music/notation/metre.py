"""Metre: how long bars are, where they begin, and where their beats lie."""

from dataclasses import dataclass
from fractions import Fraction

from musicgen.music.notation.divisions import UNITS_PER_QUARTER

_BEAT_TYPES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class BarSpan:
    """Where one bar lies.

    Attributes:
        start: Beginning, in units from the piece's.
        end: End.
        elapsed: Units of a full bar that are missing before its beginning: above 0 for a pickup only.
        beat: Units of a beat, by which short notes are beamed.
    """

    start: int
    end: int
    elapsed: int
    beat: int

    @property
    def units(self) -> int:
        """Length of the bar."""
        return self.end - self.start


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
        if not 1 <= self.beats <= 32 or self.beat_type not in _BEAT_TYPES:
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
        full = int(Fraction(4 * self.beats, self.beat_type) * UNITS_PER_QUARTER)
        is_compound = self.beat_type == 8 and self.beats % 3 == 0
        beat = UNITS_PER_QUARTER * 3 // 2 if is_compound else UNITS_PER_QUARTER
        pickup = int(Fraction(self.pickup_quarters) * UNITS_PER_QUARTER)
        spans = [BarSpan(0, pickup, full - pickup, beat)] if pickup else []
        while not spans or spans[-1].end < last:
            start = spans[-1].end if spans else 0
            spans.append(BarSpan(start, start + full, 0, beat))
        return spans


NOMINAL = Metre()
"""Four quarters a bar from the first onset's, where the metre is not known."""
