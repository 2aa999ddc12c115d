import math

import numpy as np
import pytest
import torch

from musicgen.models.cells.base import pack_cells
from musicgen.models.cells.independent import IndependentCells
from musicgen.music.packing import pack, unpack


def test_even_odds_cost_one_bit_per_cell() -> None:
    maps, slices = torch.zeros(2, 1, 88, 32), torch.ones(2, 1, 88, 32, dtype=torch.uint8)
    cells = IndependentCells()

    loss = cells.loss(maps, slices)

    assert loss.total.item() == loss.metrics["bce"].item() == pytest.approx(math.log(2))
    assert loss.metrics.keys() == {"bce"}
    assert cells.nats(maps, slices).tolist() == pytest.approx([math.log(2) * 88 * 32] * 2)


def test_onsets_are_weighed_beside_the_sounding_cells() -> None:
    maps = torch.tensor([0.0, math.log(3)]).view(1, 2, 1, 1).expand(3, 2, 88, 32)
    slices = torch.tensor([1, 0]).view(1, 2, 1, 1).expand(3, 2, 88, 32)

    loss = IndependentCells(channels=2, onset_weight=0.5).loss(maps, slices)

    assert loss.metrics["bce"].item() == pytest.approx(math.log(2))
    assert loss.metrics["onset_bce"].item() == pytest.approx(math.log(4))
    assert loss.total.item() == pytest.approx(math.log(2) + 0.5 * math.log(4))


def test_sums_are_float32_under_autocast() -> None:
    maps = (torch.randn(8, 1, 88, 32) - 5).bfloat16()
    slices = torch.rand(8, 1, 88, 32) < 0.03
    with torch.autocast("cpu", torch.bfloat16):
        loss = IndependentCells().loss(maps, slices).total

    logits = maps.double()
    exact = torch.nn.functional.binary_cross_entropy_with_logits(logits, slices.double())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)


def test_a_note_begins_where_it_is_sure_and_lasts_while_it_is_likely() -> None:
    """A dip between the thresholds does not break a note; what is never sure does not sound."""
    probabilities = np.full((2, 1, 88, 32), 0.01, np.float32)
    probabilities[0, 0, 40, 20:] = 0.9
    probabilities[1, 0, 40, :4] = 0.3
    probabilities[0, 0, 50, :8] = 0.5
    cells = IndependentCells()

    drawn = cells.draw(cells.evidence(torch.from_numpy(probabilities).logit()))

    sounding = unpack(drawn.packed)
    assert sounding[0, 40].tolist() == [False] * 20 + [True] * 12
    assert sounding[1, 40].tolist() == [True] * 4 + [False] * 28
    assert sounding.sum() == 16
    assert drawn.onsets is None


def test_the_second_map_begins_a_note_inside_a_run() -> None:
    maps = torch.full((1, 2, 88, 32), -5.0)
    maps[0, 0, 40, 4:12] = 5.0
    maps[0, 1, 40, 8] = 5.0
    maps[0, 1, 60, 8] = 5.0  # an onset where nothing sounds
    cells = IndependentCells(channels=2)

    drawn = cells.draw(cells.evidence(maps))

    assert drawn.onsets is not None
    assert [tuple(cell) for cell in np.argwhere(unpack(drawn.onsets)).tolist()] == [(0, 40, 4), (0, 40, 8)]


@pytest.mark.parametrize("channels", [0, 3])
def test_other_channels_are_refused(channels: int) -> None:
    with pytest.raises(ValueError, match=f"channels={channels}; use 1"):
        IndependentCells(channels=channels)


@pytest.mark.parametrize("ticks", [3, 8, 12, 16, 24, 32])
def test_cells_are_packed_as_the_grid_packs_them(ticks: int) -> None:
    roll = np.random.default_rng(0).random((5, 88, ticks)) < 0.3
    spread = np.repeat(roll, np.diff(np.rint(np.arange(ticks + 1) * 32 / ticks).astype(int)), axis=2)
    assert (pack_cells(torch.from_numpy(roll)).numpy().view(np.uint32) == pack(spread)).all()
