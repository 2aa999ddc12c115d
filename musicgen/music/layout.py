"""The shape of a slice: how many pitches and how many ticks a quarter has."""

from dataclasses import dataclass

from musicgen.config.build import Buildable

MAX_TICKS = 32  # a pitch of a quarter is packed into one uint32


@dataclass(frozen=True)
class SliceLayout(Buildable):
    """Describe the cells of a quarter-note slice.

    Attributes:
        pitches: Rows, from A0 upwards; the piano has 88.
        ticks: Columns: the grid's steps per quarter, 32 or a divisor of it.

    Raises:
        ValueError: A number is out of range.
    """

    pitches: int = 88
    ticks: int = 32

    def __post_init__(self) -> None:
        if self.pitches < 1:
            raise ValueError(f"pitches={self.pitches} is not a count; use 1 or more (the piano's are 88)")
        if not 1 <= self.ticks <= MAX_TICKS or MAX_TICKS % self.ticks:
            raise ValueError(f"ticks={self.ticks} per quarter do not divide {MAX_TICKS}; use 4, 8, 16 or 32")

    @property
    def shape(self) -> tuple[int, int]:
        """Pitches and ticks."""
        return self.pitches, self.ticks

    @property
    def cells(self) -> int:
        """Number of cells in a slice."""
        return self.pitches * self.ticks

    @property
    def unit(self) -> int:
        """Length of a tick in those of packed slices, of which a quarter has 32."""
        return MAX_TICKS // self.ticks


PIANO = SliceLayout()  # Bachsformer's: 88 pitches of 32 ticks
