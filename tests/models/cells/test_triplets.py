"""Cells of grids with triplets: notes that the maps are sure of are drawn where they were."""

import numpy as np
import pytest
import torch

from musicgen.data.batches.slices import SliceBatch
from musicgen.models.cells.base import CellModel
from musicgen.models.cells.independent import IndependentCells
from musicgen.models.cells.markov import MarkovCells
from musicgen.models.cells.three_state import HELD, ONSET, SILENT, ThreeStateCells, states_of
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.packing import SliceLayout
from tests.conftest import notes

SURE = 12.0
APART = notes([(60, 0, 1 / 3), (62, 1 / 3, 2 / 3), (64, 2 / 3, 7 / 3), (60, 5 / 6, 1), (60, 4 / 3, 5 / 3)])
STRUCK = notes([(60, 0, 1 / 3), (60, 1 / 3, 2 / 3), (60, 2 / 3, 1), (60, 1, 4 / 3), (67, 0, 4 / 3)])


def sure_maps(cells: CellModel, slices: torch.Tensor) -> torch.Tensor:
    """Make maps under which slices are all but certain."""
    slices = slices.float()
    if not isinstance(cells, ThreeStateCells):
        on = (slices * 2 - 1) * SURE
        return on if isinstance(cells, IndependentCells) else on.expand(-1, 2, -1, -1)
    states = states_of(slices)
    begin, end, again = ((states == state).float() for state in (ONSET, SILENT, ONSET))
    assert ((states == HELD).float() + begin + end == 1).all()
    return torch.stack([begin * 2 - 1, end * 2 - 1, again * 2 - 1], dim=1) * SURE


@pytest.mark.parametrize("ticks", [6, 12, 24])
@pytest.mark.parametrize(
    ("cells", "piece"),
    [
        (IndependentCells(), APART),
        (IndependentCells(channels=2), APART),
        (MarkovCells(), APART),
        (ThreeStateCells(), APART),
        (ThreeStateCells(), STRUCK),
    ],
)
@pytest.mark.parametrize("sampled", [False, True])
def test_sure_notes_come_back_on_their_thirds(cells: CellModel, piece, ticks: int, *, sampled: bool) -> None:
    packed, layout = to_packed(piece, ticks=ticks), SliceLayout(ticks=ticks)
    batch = SliceBatch.of_piece(packed, channels=cells.channels, layout=layout)
    maps = sure_maps(cells, batch.slices)
    assert cells.nats(maps, batch.slices, before=batch.before).max() < 0.1
    generator = torch.Generator().manual_seed(0) if sampled else None
    drawn = cells.draw(cells.evidence(maps), generator=generator)
    assert np.array_equal(layout.cells_of(drawn.packed), batch.slices[:, 0])
    if drawn.onsets is not None and cells.channels == 2:
        assert np.array_equal(layout.cells_of(drawn.onsets), batch.slices[:, 1])
    back = from_packed(drawn.packed, onsets=drawn.onsets, ticks=ticks)
    read = from_packed(packed, ticks=ticks)
    for times in ("onset_quarters", "offset_quarters"):
        np.testing.assert_array_equal(getattr(back, times), getattr(read, times))
    if ticks <= 12:
        np.testing.assert_array_equal(read.offset_quarters * ticks, np.rint(piece.offset_quarters * ticks))
