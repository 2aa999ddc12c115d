"""Metrics of held-out music, against answers worked out by hand and against the plain definitions."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.reconstruction import ReconstructionMetrics, code_entropy, count_code_use
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.cells.independent import IndependentCells
from musicgen.models.cells.markov import MarkovCells
from musicgen.music.grid import from_slices
from musicgen.music.packing import pack


def pieces_of(*rolls: np.ndarray) -> PackedPieces:
    starts = np.cumsum([0, *(len(roll) for roll in rolls)])
    pieces = [Piece(Path(f"{n}.mid"), str(n), "A", "A", "t", "unknown") for n in range(len(rolls))]
    return PackedPieces(pack(np.concatenate(rolls)), starts=starts, pieces=pieces)


def roll_with(*notes: tuple[int, int, int], quarters: int = 4) -> np.ndarray:
    """Draw notes (pitch row, first tick, last tick + 1) into (quarters, 88, 32)."""
    flat = np.zeros((88, quarters * 32), bool)
    for pitch, first, stop in notes:
        flat[pitch, first:stop] = True
    return flat.reshape(88, quarters, 32).transpose(1, 0, 2)


def metrics_of(pieces: PackedPieces, *, size: int, positions: int = 16) -> ReconstructionMetrics:
    vocabulary = Vocabulary(positions, 1, size)
    return ReconstructionMetrics(pieces, cells=IndependentCells(), vocabulary=vocabulary)


def fed(
    metrics: ReconstructionMetrics,
    truth: np.ndarray,
    logits: torch.Tensor,
    codes: torch.Tensor,
    parts: int = 1,
):
    slices = torch.from_numpy(truth)[:, None].float()
    for numbers in torch.arange(len(truth)).chunk(parts):
        metrics.update(slices[numbers], logits[numbers], codes[numbers], numbers)
    return metrics.compute()


def sure(roll: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.where(roll, 20.0, -20.0))[:, None].float()


def test_a_perfect_reconstruction_scores_one_and_costs_nothing():
    roll = roll_with((40, 0, 40), (44, 16, 80))
    result = fed(
        metrics_of(pieces_of(roll), size=4),
        roll,
        sure(roll),
        torch.arange(64).view(4, 16) % 4,
    )
    assert result["bce"] == pytest.approx(0, abs=1e-6)
    assert (result["cell_f1"], result["onset_f1"], result["note_f1"]) == (1, 1, 1)
    assert (result["perplexity"], result["codes_used"]) == (pytest.approx(4), 4)


def test_bce_is_the_mean_over_all_cells():
    roll = roll_with((40, 0, 32), quarters=1)
    result = fed(
        metrics_of(pieces_of(roll), size=2),
        roll,
        torch.zeros(1, 1, 88, 32),
        torch.zeros(1, 16).long(),
    )
    assert result["bce"] == pytest.approx(math.log(2))


def test_perplexity_is_of_the_whole_set_not_the_mean_of_batches():
    roll = roll_with((40, 0, 128))
    codes = torch.tensor([[0], [1], [2], [3]]).expand(4, 16)  # each batch alone has perplexity 1
    result = fed(metrics_of(pieces_of(roll), size=4), roll, sure(roll), codes, parts=4)
    assert result["perplexity"] == pytest.approx(4)


def test_an_onset_within_three_ticks_counts_and_one_four_ticks_off_does_not():
    truth = roll_with((40, 32, 64))
    for shift, expected in ((3, 1.0), (4, 0.0)):
        heard = roll_with((40, 32 + shift, 64))
        metrics = metrics_of(pieces_of(truth), size=2)
        result = fed(metrics, truth, sure(heard), torch.zeros(4, 16).long())
        assert result["onset_f1"] == expected


def test_a_note_that_ends_too_early_is_an_onset_but_no_note():
    truth, heard = roll_with((40, 0, 64)), roll_with((40, 0, 32))
    result = fed(
        metrics_of(pieces_of(truth), size=2),
        truth,
        sure(heard),
        torch.zeros(4, 16).long(),
    )
    assert (result["onset_f1"], result["note_f1"]) == (1, 0)


def test_notes_do_not_reach_from_one_piece_into_the_next():
    first, second = roll_with((40, 64, 128)), roll_with((40, 0, 64))
    truth = np.concatenate([first, second])
    result = fed(
        metrics_of(pieces_of(first, second), size=2),
        truth,
        sure(truth),
        torch.zeros(8, 16).long(),
    )
    assert result["note_f1"] == 1
    assert len(from_slices(truth)) == 1  # read as one piece, the two notes would be one


def test_samples_that_only_even_out_the_ranks_are_left_out():
    roll = roll_with((40, 0, 40), (44, 16, 80))
    plain = fed(metrics_of(pieces_of(roll), size=2), roll, sure(roll), torch.zeros(4, 16).long())
    metrics = metrics_of(pieces_of(roll), size=2)
    metrics.update(
        torch.ones(1, 1, 88, 32), torch.zeros(1, 1, 88, 32), torch.ones(1, 16).long(), torch.tensor([4])
    )
    assert fed(metrics, roll, sure(roll), torch.zeros(4, 16).long()) == plain


def test_a_slice_left_out_is_noticed():
    roll = roll_with((40, 0, 40))
    metrics = metrics_of(pieces_of(roll), size=2)
    with pytest.raises(ValueError, match="3 slices were fed in"):
        fed(metrics, roll[:3], sure(roll[:3]), torch.zeros(3, 16).long())


def test_fed_in_order_only_the_slices_of_a_few_batches_are_kept(monkeypatch):
    monkeypatch.setattr("musicgen.measure.reconstruction._COMPARE_EVERY", 8)
    rolls = [roll_with((40 + n % 7, n, n + 60)) for n in range(30)]
    pieces, truth = pieces_of(*rolls), torch.from_numpy(np.concatenate(rolls))
    heard = sure(truth.roll(2, dims=-1).numpy())
    codes = torch.arange(len(truth) * 16).view(-1, 16) % 4

    def fed_in(order: torch.Tensor) -> tuple[dict[str, float], int]:
        metrics, most = metrics_of(pieces, size=4), 0
        for numbers in order.split(1):
            metrics.update(truth[numbers, None].float(), heard[numbers], codes[numbers], numbers)
            most = max(most, sum(map(len, metrics.numbers)))
        return metrics.compute(), most

    in_order, most = fed_in(torch.arange(len(truth)))
    shuffled, _ = fed_in(torch.randperm(len(truth), generator=torch.Generator().manual_seed(0)))
    assert most <= 8 + 3
    assert in_order == pytest.approx(shuffled)
    assert 0 < in_order["onset_f1"] < 1


def test_evidence_is_joined_under_autocast():
    """A CPU's autocast refuses to join float16, which chains of cells are kept in."""
    roll = np.concatenate([roll_with((40, 0, 40)), roll_with((44, 16, 80))])
    pieces = pieces_of(*np.split(roll, 2))
    metrics = ReconstructionMetrics(pieces, cells=MarkovCells(), vocabulary=None)
    slices, maps = torch.from_numpy(roll)[:, None], sure(roll).expand(-1, 2, -1, -1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for numbers in torch.arange(len(roll)).chunk(3):
            metrics.update(slices[numbers], maps[numbers], None, numbers)
        assert metrics.compute()["onset_f1"] == 1


def test_code_entropy_by_hand():
    assert code_entropy(torch.tensor([[1, 1, 0, 0]])) == pytest.approx(math.log(2))
    assert code_entropy(torch.tensor([[5, 0]])) == 0
    assert code_entropy(torch.tensor([[5, 0], [2, 2]])) == pytest.approx(math.log(2) / 2)  # of two codebooks
    assert math.isnan(code_entropy(torch.zeros(1, 3)))
    assert math.isnan(code_entropy(torch.zeros(0, 0)))


def test_use_is_counted_for_each_codebook():
    counts = count_code_use(torch.tensor([[0, 2, 1, 2]]), vocabulary=Vocabulary(2, 2, 3))
    assert counts.tolist() == [[1, 1, 0], [0, 0, 2]]
    coarse_first = Vocabulary(2, 2, 3, order=(0, 2, 1, 3))
    assert torch.equal(count_code_use(torch.tensor([[0, 1, 2, 2]]), vocabulary=coarse_first), counts)


def test_without_codes_there_are_no_metrics_of_codes():
    roll = roll_with((40, 0, 40))
    metrics = ReconstructionMetrics(pieces_of(roll), cells=IndependentCells(), vocabulary=None)
    metrics.update(torch.from_numpy(roll)[:, None], sure(roll), None, torch.arange(4))
    assert not {"perplexity", "codes_used", "saved_bits"} & metrics.compute().keys()


def test_the_decoders_bits_are_those_of_all_cells_of_a_quarter():
    roll = roll_with((40, 0, 32), quarters=1)
    metrics = metrics_of(pieces_of(roll), size=2)
    result = fed(metrics, roll, torch.zeros(1, 1, 88, 32), torch.zeros(1, 16).long())
    assert result["decoder_bits"] == pytest.approx(88 * 32)
    assert result["release_bits"] == pytest.approx(31)  # of the one note, after its first tick
    assert result["onset_bits"] + result["release_bits"] == pytest.approx(88 * 32)


def test_saved_bits_are_what_the_decoder_needs_more_without_latents():
    roll = roll_with((40, 0, 32), quarters=1)
    metrics = metrics_of(pieces_of(roll), size=2)
    slices, codes = torch.from_numpy(roll)[:, None], torch.zeros(1, 16).long()
    without = torch.full((1, 1, 88, 32), -math.log(3))
    metrics.update(slices, torch.zeros(1, 1, 88, 32), codes, torch.arange(1), null_maps=without)
    silent, sounding = 87 * 32 * math.log2(4 / 3), 32 * math.log2(4)
    assert metrics.compute()["saved_bits"] == pytest.approx(silent + sounding - 88 * 32, abs=1e-2)
