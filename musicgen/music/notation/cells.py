"""Find the tuplets of one voice: stretches of a bar that are divided in other than halves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from musicgen.music.notation.divisions import UNITS_PER_QUARTER, is_plain
from musicgen.music.notation.metre import BarSpan


@dataclass(frozen=True)
class Cell:
    """A stretch of a bar that one division rules.

    Attributes:
        start: Beginning, in units from the bar's.
        units: Length.
        parts: How many equal parts it has where it is a tuplet, else 1.
    """

    start: int
    units: int
    parts: int = 1

    @property
    def end(self) -> int:
        """End, in units from the bar's beginning."""
        return self.start + self.units

    @property
    def normal(self) -> int:
        """Parts that take as long outside the tuplet: 2 for a triplet, 4 for fifths and sixths."""
        return 1 << (self.parts.bit_length() - 1)


def cells_of_bar(edges: Collection[int], *, bar: BarSpan, division: Sequence[int]) -> list[Cell]:
    """Divide a bar as a voice needs it.

    A voice has in each quarter the simplest division that holds its own notes, so that a hand with thirds
    in one voice and halves in the other has a triplet in the first only. A half of a quarter that needs no
    tuplet is left out of it, and a triplet that fills two quarters is one triplet.

    Args:
        edges: Where the voice's notes begin and end, in units from the bar's beginning.
        bar: The bar.
        division: For each quarter of the piece, into how many parts the hand divides it.

    Returns:
        Cells that fill the bar, in order.
    """
    cells: list[Cell] = []
    for quarter in range(bar.start // UNITS_PER_QUARTER, -(-bar.end // UNITS_PER_QUARTER)):
        start = max(quarter * UNITS_PER_QUARTER, bar.start) - bar.start
        end = min((quarter + 1) * UNITS_PER_QUARTER, bar.end) - bar.start
        parts = division[quarter] if quarter < len(division) else 1
        if end - start < UNITS_PER_QUARTER or is_plain(parts):
            cells.append(Cell(start, end - start))
        else:
            cells += _divided(start, end - start, edges, parts)
    return _joined(cells, edges, bar)


def _divided(start: int, units: int, edges: Collection[int], parts: int) -> list[Cell]:
    """Divide a stretch with the fewest parts that hold the edges, each half on its own if one is plain."""
    inside = [edge - start for edge in edges if start < edge < start + units]
    fewest = next(n for n in range(1, parts + 1) if parts % n == 0 and not any(e * n % units for e in inside))
    if is_plain(fewest):
        return [Cell(start, units)]
    if fewest % 2 == 0 and units // 2 in inside:
        halves = [_divided(start + at, units // 2, edges, fewest // 2) for at in (0, units // 2)]
        if any(cell.parts == 1 for half in halves for cell in half):
            return halves[0] + halves[1]
    return [Cell(start, units, fewest)]


def _joined(cells: Sequence[Cell], edges: Collection[int], bar: BarSpan) -> list[Cell]:
    """Join two triplets of a quarter each where their notes are thirds of the two quarters."""
    joined: list[Cell] = []
    pair = 2 * UNITS_PER_QUARTER
    for cell in cells:
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.parts == cell.parts == 3
            and before.units == cell.units == UNITS_PER_QUARTER
            and (before.start + bar.elapsed) % pair == 0
            and not any((edge - before.start) * 3 % pair for edge in edges if before.start < edge < cell.end)
        ):
            joined[-1] = Cell(before.start, pair, 3)
        else:
            joined.append(cell)
    return joined
