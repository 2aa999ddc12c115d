"""Pieces of several sections, some of which come back."""

from pathlib import Path

import pytest
import torch

import musicgen
from musicgen.generation.asking.asked import Asked
from musicgen.generation.drawing.chosen import drawing_of
from musicgen.generation.edits.seams import quarter_nats
from musicgen.generation.form import Form
from musicgen.generation.loaded_run import LoadedRun
from musicgen.generation.sampling import DrawRequest, Sampling


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> LoadedRun:
    return musicgen.load(tiny_run)


def sections(run: LoadedRun, letters: str, *, candidates: int = 4, pieces: int = 2) -> list[torch.Tensor]:
    request = DrawRequest(4 * len(letters), torch.Generator().manual_seed(3), batch=pieces)
    codes = Form(Sampling(), letters, candidates).draw(run.prior, request)
    return list(codes.chunk(len(letters), dim=1))


def test_a_letter_that_comes_again_brings_back_its_music(run: LoadedRun) -> None:
    first, again, other, last = sections(run, "AABA")
    assert torch.equal(first, again)
    assert torch.equal(first, last)
    assert not torch.equal(first, other)
    [piece] = run.generate(form="ABa", num_quarters=12, seed=1)
    assert not torch.equal(piece.codes[:4], piece.codes[8:])  # letters differ by case, too
    streamed = list(run.stream(form="ABa", num_quarters=12, seed=1))
    assert torch.equal(streamed[-1].piece.codes, piece.codes)


def test_one_section_is_plain_sampling(run: LoadedRun) -> None:
    request = {"num_quarters": 4, "batch": 2}
    plain = Sampling().draw(run.prior, DrawRequest(generator=torch.Generator().manual_seed(3), **request))
    assert torch.equal(sections(run, "A")[0], plain)


def test_the_candidate_is_kept_that_leads_back_best(run: LoadedRun) -> None:
    def returns(candidates: int) -> float:
        rows = torch.cat(sections(run, "ABA", candidates=candidates, pieces=8), dim=1)
        codes = rows.view(8, 12, -1)
        return float(quarter_nats(run.prior, codes, first=8, stop=12).mean())

    assert returns(12) < returns(1)


def test_a_prompt_comes_before_the_first_section(run: LoadedRun, midi_folder: Path) -> None:
    file = sorted(midi_folder.glob("*.mid"))[0]
    piece = list(run.stream(file, form="AA", num_quarters=8, bars="1"))[-1].piece
    assert torch.equal(piece.codes[4:8], piece.codes[8:])


@pytest.mark.parametrize(
    ("letters", "quarters", "says"),
    [("AAB", 8, "cannot be parted so; use num_quarters=6"), ("A1", 8, "use letters such as AABA")],
)
def test_what_has_no_equal_sections_is_refused(run: LoadedRun, letters: str, quarters: int, says: str):
    with pytest.raises(ValueError, match=says):
        run.generate(form=letters, num_quarters=quarters)


def test_a_course_along_the_piece_does_not_go_with_sections_that_come_back(run: LoadedRun) -> None:
    with pytest.raises(ValueError, match="form=AA brings music back unchanged"):
        drawing_of(run, Asked(attributes={"density": [2, 6]}), form="AA")
