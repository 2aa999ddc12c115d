"""Cells that depend on the tick before, against all slices of a tiny layout counted out."""

import itertools

import numpy as np
import pytest
import torch

from musicgen.models.cells.base import CellModel
from musicgen.models.cells.chain import read_events
from musicgen.models.cells.marginals import run_chains
from musicgen.models.cells.markov import MarkovCells
from musicgen.models.cells.three_state import ThreeStateCells
from musicgen.music.packing import SliceLayout, unpack

TICKS = 4
BEFORE = torch.tensor([[0], [1]])  # silence, and a note held over


def some_maps(model: CellModel, *, seed: int = 0) -> torch.Tensor:
    """Draw maps for two slices of one pitch."""
    return torch.randn(2, model.maps, 1, TICKS, generator=torch.Generator().manual_seed(seed)) * 2


def all_slices(model: CellModel, before: int) -> torch.Tensor:
    """List every slice of one pitch that can be: (count, channels, 1, ticks)."""
    rows = []
    for cells in itertools.product((0, 1), repeat=TICKS):
        previous = (before, *cells[:-1])
        pairs = zip(cells, previous, strict=True)
        choices = [(0,) if not cell else (0, 1) if held else (1,) for cell, held in pairs]
        onsets = itertools.product(*choices) if model.channels == 2 else [()]
        rows += [[[cells], [places]] if model.channels == 2 else [[cells]] for places in onsets]
    return torch.tensor(rows, dtype=torch.float32)


@pytest.fixture(params=[MarkovCells, ThreeStateCells])
def model(request: pytest.FixtureRequest) -> CellModel:
    return request.param()


@pytest.mark.parametrize("row", [0, 1])
def test_all_slices_together_have_probability_one(model: CellModel, row: int) -> None:
    slices = all_slices(model, int(BEFORE[row]))
    maps = some_maps(model)[row : row + 1].expand(len(slices), -1, -1, -1)
    nats = model.nats(maps, slices, before=BEFORE[row : row + 1].expand(len(slices), -1))
    assert torch.exp(-nats).sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("row", [0, 1])
def test_marginals_are_sums_over_all_slices(model: CellModel, row: int) -> None:
    slices, maps = all_slices(model, int(BEFORE[row])), some_maps(model)[row : row + 1]
    before = BEFORE[row : row + 1]
    many = maps.expand(len(slices), -1, -1, -1)
    chances = torch.exp(-model.nats(many, slices, before=before.expand(len(slices), -1)))
    expected = (chances[:, None] * slices[:, 0, 0]).sum(dim=0)
    torch.testing.assert_close(model.marginals(maps, before=before)[0, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("row", [0, 1])
def test_the_gradient_of_the_marginals_is_their_slope(row: int) -> None:
    """By finite differences in float64, so that the chain's own backward recursion is right."""
    first = BEFORE[row : row + 1].double()
    odds = [values.requires_grad_() for values in torch.randn(3, TICKS, 1, 1, dtype=torch.float64)]

    def marginals(begin: torch.Tensor, end: torch.Tensor, again: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ends, strikes, held = torch.stack([end, again, torch.zeros_like(end)]).softmax(dim=0)
        chances = {"begins": begin.sigmoid(), "stays": (-begin).sigmoid(), "ends": ends}
        run = run_chains(first, **chances, holds=strikes + held, strikes=strikes)
        return run.sounding, run.silent, run.onset

    assert torch.autograd.gradcheck(marginals, odds)


def test_silence_before_is_what_is_assumed(model: CellModel) -> None:
    maps, silence = some_maps(model), torch.zeros(2, 1)
    torch.testing.assert_close(model.marginals(maps), model.marginals(maps, before=silence))
    assert not torch.allclose(model.marginals(maps)[1], model.marginals(maps, before=BEFORE)[1])


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_the_likeliest_path_is_the_likeliest_of_all_slices(model, before: int, seed: int) -> None:
    slices, maps = all_slices(model, before), some_maps(model, seed=seed)[:1]
    nats = model.nats(
        maps.expand(len(slices), -1, -1, -1), slices, before=torch.full((len(slices), 1), before)
    )
    path = model.likeliest(maps, before=np.array([bool(before)]))
    assert (path[0] > 0).tolist() == slices[nats.argmin()][0, 0].bool().tolist()


@pytest.mark.parametrize("ticks", [8, 12])
def test_samples_occur_as_often_as_they_are_likely(model: CellModel, ticks: int) -> None:
    number = 3000
    maps = torch.randn(1, model.maps, 1, ticks, generator=torch.Generator().manual_seed(1))
    before = np.ones(number, bool)
    evidence = model.evidence(maps.expand(-1, -1, number, -1))
    drawn = model.draw(evidence, before=before, generator=torch.Generator().manual_seed(0))
    shares = SliceLayout(ticks=ticks).cells_of(drawn.packed)[0].mean(axis=0)
    expected = model.marginals(maps.half().float(), before=torch.ones(1, 1))[0, 0]
    np.testing.assert_allclose(shares, expected, atol=0.04)
    again = model.draw(evidence, before=before, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(drawn.packed, again.packed)


def test_maps_of_the_densities_have_the_densities(model: CellModel) -> None:
    sounding, onset = 0.04, 0.002
    maps = model.output_bias([sounding, onset]).view(1, -1, 1, 1).expand(1, -1, 1, 32)
    steady = (torch.rand(1, 4000, generator=torch.Generator().manual_seed(0)) < sounding).float()
    assert model.marginals(maps.expand(-1, -1, 4000, -1), before=steady).mean().item() == pytest.approx(
        sounding, rel=0.1
    )


def test_marginals_keep_their_digits_near_one_and_zero(model: CellModel) -> None:
    maps = torch.full((1, model.maps, 1, TICKS), -30.0)
    logits = model.marginal_logits(maps)
    assert logits.max() < -25
    assert logits.isfinite().all()


def test_the_loss_begins_with_the_marginals_and_every_map_learns(model: CellModel) -> None:
    maps = some_maps(model).requires_grad_()
    slices = torch.stack([all_slices(model, 0)[5], all_slices(model, 1)[9]])
    early = model.loss(maps, slices, before=BEFORE, progress=0.1)
    late = model.loss(maps, slices, before=BEFORE, progress=0.9)
    nats = model.nats(maps, slices, before=BEFORE).sum() / slices[:, 0].numel()
    assert late.metrics["nats"].item() == pytest.approx(nats.item())
    assert late.total.item() == pytest.approx((early.total + nats).item() / 2)
    early.total.backward()
    assert maps.grad is not None
    assert (maps.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


def test_sums_of_bfloat16_maps_are_float32(model: CellModel) -> None:
    maps, slices = some_maps(model), torch.stack([all_slices(model, 0)[5], all_slices(model, 1)[9]])
    rounded = model.loss(maps.bfloat16(), slices, before=BEFORE).total
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(model.loss(maps, slices, before=BEFORE).total.item(), rel=0.02)


@pytest.mark.parametrize("ticks", [8, 12, 24, 32])
def test_an_onset_that_is_spread_over_ticks_is_placed_at_its_peak(ticks: int) -> None:
    onset, sounding = np.zeros((2, 2 * ticks)), np.zeros((2, 2 * ticks))
    at = ticks + 2
    onset[0, at - 1 : at + 2] = 0.2, 0.35, 0.2  # together .75, no single one above a half
    sounding[0, at : at + 4] = 0.3, 0.5, 0.4, 0.3
    onset[1, at] = 0.3  # not even together
    packed, begins = read_events(onset, sounding, ticks=ticks)
    first, stop = SliceLayout(ticks=ticks).starts[[2, 6]].tolist()
    assert np.argwhere(unpack(begins)).tolist() == [[1, 0, first]]
    assert unpack(packed)[1, 0].nonzero()[0].tolist() == list(range(first, stop))
    assert unpack(packed).sum() == stop - first


@pytest.mark.parametrize(("setting", "value"), [("likelihood_share", 1.5), ("warm_up", -0.1)])
def test_shares_out_of_range_are_refused(setting: str, value: float) -> None:
    for kind in (MarkovCells, ThreeStateCells):
        with pytest.raises(ValueError, match=f"{setting}={value} is not a share"):
            kind(**{setting: value})


def test_onsets_that_are_nearly_half_sure_are_read() -> None:
    maps = torch.full((1, 3, 88, 8), -8.0)
    maps[0, 0, 40, 2] = -0.4  # a note begins with .40
    maps[0, 0, 50, 2] = -0.6  # .35
    for bias, expected in ((0.0, []), (0.5, [40])):
        drawn = ThreeStateCells(onset_bias=bias).draw(maps)
        assert drawn.onsets is not None
        assert drawn.onsets[0].nonzero()[0].tolist() == expected
    with pytest.raises(ValueError, match="onset_bias=nan"):
        ThreeStateCells(onset_bias=float("nan"))
