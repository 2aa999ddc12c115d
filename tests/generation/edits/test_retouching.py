"""Filling and varying: what is outside stays note by note, what is inside is new."""

from pathlib import Path

import numpy as np
import pytest
import torch

import musicgen
from musicgen.generation.edits.filling import GapRequest, fill_gap
from musicgen.generation.edits.retouching import parse_span, varied_spans
from musicgen.generation.edits.seams import quarter_nats
from musicgen.generation.loaded_run import LoadedRun
from musicgen.generation.sampling import Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.flat import Transformer
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> LoadedRun:
    return musicgen.load(tiny_run)


@pytest.fixture
def file(midi_folder: Path) -> Path:
    return sorted(midi_folder.glob("*.mid"))[0]


def notes(performance: Performance, *, outside: tuple[int, int]) -> list[tuple]:
    onset = performance.onset_quarters
    kept = performance.where((onset < outside[0]) | (onset >= outside[1]))
    names = ("pitch", "onset_s", "offset_s", "onset_quarters", "offset_quarters", "velocity")
    return sorted(zip(*(np.round(getattr(kept, name), 6).tolist() for name in names), strict=True))


@pytest.mark.parametrize("quarters", [(4, 8), (0, 4), (12, 16), (5, 6)])
def test_all_notes_outside_a_gap_stay_as_they_are(
    run: LoadedRun, file: Path, tmp_path: Path, quarters: tuple[int, int]
) -> None:
    source = read_midi(file)
    [piece] = run.fill(file, quarters=quarters, seed=1)
    write_midi(piece.performance, tmp_path / "filled.mid")
    filled = read_midi(tmp_path / "filled.mid")
    assert notes(filled, outside=quarters) == notes(source, outside=quarters)
    assert len(piece.packed) == len(piece.codes) == 16
    new = filled.between_quarters(*quarters)
    assert (new.offset_quarters <= quarters[1] + 1e-6).all()


def test_versions_of_a_gap_differ_and_follow_their_seed(run: LoadedRun, file: Path) -> None:
    first, again = (run.fill(file, quarters=(4, 12), num_pieces=2, seed=seed) for seed in (1, 1))
    assert [piece.codes.tolist() for piece in first] == [piece.codes.tolist() for piece in again]
    assert first[0].codes.tolist() != first[1].codes.tolist()


def test_a_share_of_the_bars_is_varied(run: LoadedRun, file: Path) -> None:
    [piece] = run.vary(file, share=0.25, quarters=(4, 16), seed=3)
    source = read_midi(file)
    bars = [(start, start + 4) for start in range(0, 16, 4)]
    same = [
        notes(piece.performance.between_quarters(*bar), outside=(0, 0))
        == notes(source.between_quarters(*bar), outside=(0, 0))
        for bar in bars
    ]
    assert same[0]
    assert sum(same) == 3


def test_spans_are_bars_and_neighbours_are_joined() -> None:
    random = np.random.default_rng(0)
    assert varied_spans((2, 14), share=1.0, random=random) == [(2, 14)]
    assert varied_spans((0, 16), share=0.01, random=random)[0] in [(n, n + 4) for n in range(0, 16, 4)]
    spans = varied_spans((0, 40), share=0.5, random=random)
    assert sum(stop - start for start, stop in spans) == 20


def test_what_is_no_part_of_a_piece_is_refused(run: LoadedRun, file: Path) -> None:
    for quarters in ((4, 4), (8, 20), (-1, 3)):
        with pytest.raises(ValueError, match="no part of a piece of 16"):
            run.fill(file, quarters=quarters)
    with pytest.raises(ValueError, match="share=0"):
        run.vary(file, share=0.0)
    with pytest.raises(ValueError, match="leave the key out"):
        run.fill(file, quarters=(4, 8), key="D")
    assert parse_span("16:24") == (16, 24)
    with pytest.raises(ValueError, match="fill=16-24 is no part"):
        parse_span("16-24")


def gap_prior(*, aims: bool) -> Transformer:
    """Make a prior with random weights, with or without the label of gaps."""
    torch.manual_seed(0)
    fields = ["gap"] if aims else ["era"]
    conditioner = LabelConditioner(fields=fields, width=16, names=[[str(name) for name in range(33)]])
    model = Transformer(
        vocabulary=Vocabulary(2, 1, 8),
        conditioner=conditioner,
        num_layers=1,
        num_heads=1,
        width=16,
        context_quarters=8,
    )
    for parameter in model.parameters():
        parameter.data += 0.6 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize("quarters", [1, 3, 9])
def test_what_lies_behind_a_gap_counts_for_a_prior_that_aims(quarters: int) -> None:
    before = torch.randint(8, (5, 2))
    behind = [torch.full((4, 2), code) for code in (1, 6)]

    def filled(prior: Transformer, end: torch.Tensor) -> list:
        request = GapRequest(before[None], end[None], quarters, batch=32, seed=0, candidates=1)
        drawn = fill_gap(prior, request, sampling=Sampling(hop_quarters=2, temperature=3.0))
        assert drawn.shape == (32, quarters, 2)
        return drawn.tolist()

    aiming, other = gap_prior(aims=True), gap_prior(aims=False)
    assert filled(other, behind[0]) == filled(other, behind[1])
    assert filled(aiming, behind[0]) != filled(aiming, behind[1])


def test_the_candidate_is_taken_that_makes_what_lies_behind_likeliest() -> None:
    prior, before, behind = gap_prior(aims=False), torch.randint(8, (4, 2)), torch.randint(8, (3, 2))

    def nats(candidates: int) -> float:
        request = GapRequest(before[None], behind[None], 2, batch=1, seed=0, candidates=candidates)
        filled = torch.cat([before, fill_gap(prior, request, sampling=Sampling())[0], behind])[None]
        return float(quarter_nats(prior, filled, first=6, stop=8).mean())

    assert nats(16) < nats(1)


def test_the_likelihood_of_quarters_is_that_of_a_plain_pass() -> None:
    prior, codes = gap_prior(aims=False), torch.randint(8, (2, 6, 2))
    stream = torch.cat([torch.full((2, 1), 8), codes.flatten(1)], dim=1)
    with torch.inference_mode():
        shares = prior(stream[:, :-1]).log_softmax(dim=-1)
    expected = -shares.gather(2, stream[:, 1:, None])[..., 0].view(2, 6, 2).mean(dim=2)
    torch.testing.assert_close(quarter_nats(prior, codes, first=2, stop=6), expected[:, 2:])
    with pytest.raises(ValueError, match="quarters 2 to 7 of 6"):
        quarter_nats(prior, codes, first=2, stop=7)
