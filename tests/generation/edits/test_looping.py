"""Loops that are written: as long as asked for, and closing better than those that are not chosen."""

from pathlib import Path

import pytest
import torch

import musicgen
from musicgen.generation.edits.filling import GapRequest, fill_gap
from musicgen.generation.edits.looping import closing_nats, draw_loops
from musicgen.generation.loaded_run import LoadedRun
from musicgen.generation.sampling import DrawRequest, Sampling
from tests.generation.edits.test_retouching import gap_prior


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> LoadedRun:
    return musicgen.load(tiny_run)


def test_a_loop_has_the_length_asked_for_and_follows_its_seed(run: LoadedRun) -> None:
    first, again = (run.loop(2, num_pieces=2, seed=4, candidates=2) for _ in range(2))
    assert [len(piece.packed) for piece in first] == [8, 8]
    assert [piece.codes.tolist() for piece in first] == [piece.codes.tolist() for piece in again]


WARM = Sampling(temperature=3.0, rest_p=None)  # candidates that differ


def test_of_more_candidates_a_loop_closes_at_least_as_well(run: LoadedRun) -> None:
    one, many = (
        float(closing_nats(run.prior, run.loop(2, seed=1, candidates=count, sampling=WARM)[0].codes[None]))
        for count in (1, 16)
    )
    assert many < one


def test_a_loop_of_one_code_closes_as_well_as_it_goes_on() -> None:
    prior = gap_prior(aims=False)
    same = torch.full((1, 16, 2), 3)
    assert abs(float(closing_nats(prior, same))) < 1e-4
    broken = torch.cat([torch.full((1, 8, 2), 3), torch.full((1, 8, 2), 5)], dim=1)
    assert float(closing_nats(prior, broken)) != pytest.approx(0.0, abs=1e-3)


def test_the_end_of_a_loop_is_written_towards_its_beginning() -> None:
    prior, sampling = gap_prior(aims=True), Sampling(temperature=3.0)
    request = DrawRequest(8, torch.Generator().manual_seed(0), batch=16)
    loops = draw_loops(prior, request, sampling=sampling, seed=0)
    assert loops.shape == (16, 8, 2)
    begun = loops[:, :4]
    gap = GapRequest(begun, begun, quarters=4, batch=16, seed=1, candidates=1)
    assert loops[:, 4:].tolist() == fill_gap(prior, gap, sampling=sampling).tolist()
    other = GapRequest(begun, begun.roll(1, dims=0), quarters=4, batch=16, seed=1, candidates=1)
    assert loops[:, 4:].tolist() != fill_gap(prior, other, sampling=sampling).tolist()


def test_what_makes_no_loop_is_refused(run: LoadedRun) -> None:
    with pytest.raises(ValueError, match="num_quarters=0"):
        run.loop(0)
    with pytest.raises(ValueError, match="candidates=0"):
        run.loop(1, candidates=0)
