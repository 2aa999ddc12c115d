"""Streaming reconstruction metrics, reduced over ranks."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int, Real, Shaped
from torch import Tensor
from torchmetrics import Metric

from musicgen.data.store.packed import PackedPieces
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.bottlenecks.centres import count_codes
from musicgen.models.cells.base import CellModel
from musicgen.models.cells.chain import previous_cells
from musicgen.music.grid import from_packed
from musicgen.music.metrics.note_matching import MatchCounts, note_counts

OFFSET_RATIO = 0.2  # of the note's length, mir_eval's default
_LISTS = ("numbers", "evidence")
_COMPARE_EVERY = 64  # batches


def code_entropy(counts: Real[Tensor, "codebooks vocab"]) -> float:
    """Compute the entropy of code use in nats per code (0 to log of the size); NaN for no codes.

    Args:
        counts: Counts of each code of each codebook.

    Returns:
        The mean entropy over codebooks.
    """
    counts = counts.cpu()  # some accelerators lack float64
    total = counts.sum(dim=1, keepdim=True)
    if not counts.numel() or not total.all():
        return math.nan
    shares = counts.double() / total
    return float(-torch.special.xlogy(shares, shares).sum(dim=1).mean())


def count_code_use(
    codes: Int[Tensor, "batch codes"] | None, *, vocabulary: Vocabulary | None
) -> Int[Tensor, "codebooks vocab"]:
    """Count how often each code of each codebook occurs; an empty table without codes."""
    if codes is None or vocabulary is None:
        return torch.zeros(0, 0, dtype=torch.int64)
    places = torch.tensor(vocabulary.codebook_of, device=codes.device)
    rows = [codes[:, places == codebook].flatten() for codebook in range(vocabulary.codebooks)]
    return torch.stack([count_codes(row, num_embeddings=vocabulary.size) for row in rows])


class ReconstructionMetrics(Metric):
    """Measure an autoencoder on whole pieces: cross-entropy, code use, and F1 of cells, onsets and notes.

    Feed it every slice of the pieces once, in any order and on any rank. Fed in order on one rank, it keeps
    the evidence of a few batches only: notes are compared as soon as a piece is complete.
    BCE and cell F1 (threshold 0.5) are of the marginal probability of sounding, so that all cell models
    compare; `decoder_bits` is exact: what the decoder needs for a quarter whose codes are known. Notes are
    read as those of generated pieces are. Perplexity is exp of the entropy of code use over all of it, never
    a mean of batches.

    Args:
        pieces: The pieces that the slices come from; notes are compared piece by piece. Time is the
            grid's at 120 quarters per minute, so that 50 ms are 3.2 ticks of 32.
        cells: How the decoder's maps become cells.
        vocabulary: Vocabulary of the codes; None for a bottleneck without codes.
        over_ranks: Reduce over ranks; False if this rank sees all slices.
    """

    full_state_update = False
    bce_sum: Tensor
    nats_sum: Tensor  # after silence, after sound, and without latents
    num_slices: Tensor
    cell_counts: Tensor
    code_counts: Tensor
    note_matches: Tensor
    num_compared: Tensor
    numbers: list[Tensor]
    evidence: list[Tensor]

    def __init__(
        self,
        pieces: PackedPieces,
        *,
        cells: CellModel,
        vocabulary: Vocabulary | None,
        over_ranks: bool = True,
    ) -> None:
        super().__init__(sync_on_compute=over_ranks)
        self.pieces = pieces
        self.vocabulary = vocabulary
        self.has_null = False
        self._cells = (cells,)  # in a tuple, so that its weights are not registered here
        no_use = torch.zeros(vocabulary.codebooks, vocabulary.size) if vocabulary else torch.zeros(0, 0)
        self.add_state("bce_sum", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("nats_sum", torch.zeros(3), dist_reduce_fx="sum")
        self.add_state("num_slices", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("cell_counts", torch.zeros(3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("code_counts", no_use.long(), dist_reduce_fx="sum")
        self.add_state("note_matches", torch.zeros(2, 3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("num_compared", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        for name in _LISTS:
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self,
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        maps: Float[Tensor, "batch maps pitches ticks"],
        codes: Int[Tensor, "batch codes"] | None,
        numbers: Int[Tensor, " batch"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
        null_maps: Float[Tensor, "1 maps pitches ticks"] | None = None,
    ) -> None:
        """Update with a batch.

        Args:
            slices: The original slices.
            maps: Output maps of the decoder.
            codes: Codes of the slices; None without codes.
            numbers: Indices of the quarters; indices beyond the pieces are padding and ignored.
            before: Cells before each slice.
            null_maps: What the decoder makes of no latents, if it was trained on that.
        """
        once = numbers < len(self.pieces)
        slices, maps, numbers = slices[once], maps[once].float(), numbers[once]
        before = None if before is None else before[once]
        (cells,) = self._cells
        logits, truth = cells.marginal_logits(maps, before=before), slices[:, 0].float()
        bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        self.bce_sum += bce.mean(dim=(1, 2)).sum()
        self.nats_sum += self._nats(maps, slices, before=before, null_maps=null_maps)
        self.has_null = null_maps is not None
        self.num_slices += len(slices)
        predicted, played = logits > 0, truth > 0.5
        self.cell_counts += torch.stack([(predicted & played).sum(), played.sum(), predicted.sum()])
        if codes is not None:
            self.code_counts += count_code_use(codes[once], vocabulary=self.vocabulary)
        self.numbers.append(numbers)
        self.evidence.append(cells.evidence(maps))
        if len(self.numbers) >= _COMPARE_EVERY and not self._shares_pieces():
            self._compare_whole_pieces()

    def _nats(
        self, maps: Tensor, slices: Tensor, *, before: Tensor | None, null_maps: Tensor | None
    ) -> Float[Tensor, "3"]:
        """Sum the nats of cells after silence and after sound, and those without latents."""
        (cells,) = self._cells
        nats = cells.cell_nats(maps, slices, before=before)
        after_sound = previous_cells(slices[:, 0], before)
        without = nats.new_zeros(())
        if null_maps is not None:
            null_maps = null_maps.float().expand(len(slices), -1, -1, -1)
            without = cells.nats(null_maps, slices, before=before).sum()
        return torch.stack([nats[~after_sound].sum(), nats[after_sound].sum(), without])

    def compute(self) -> dict[str, float]:
        """Compute the metrics over all pieces.

        Returns:
            `bce` (nats per cell), `decoder_bits` (per quarter) and its parts `onset_bits` (cells after
            silence) and `release_bits` (cells after sound), `cell_f1`, `onset_f1` and `note_f1`; with codes
            also `perplexity` and `codes_used`; `saved_bits` if the decoder knows slices without latents.

        Raises:
            ValueError: Some slices were not fed exactly once.
        """
        self._compare_whole_pieces()
        if self.num_compared != len(self.pieces):
            fed, expected = int(self.num_slices), len(self.pieces)
            raise ValueError(f"{fed} slices were fed in, the pieces have {expected}; feed each once")
        onset, note = (_match_counts(row) for row in self.note_matches)
        begins, releases, without = (self.nats_sum / self.num_slices / math.log(2)).tolist()
        metrics = {
            "bce": float(self.bce_sum / self.num_slices),
            "decoder_bits": begins + releases,
            "onset_bits": begins,
            "release_bits": releases,
            "cell_f1": _match_counts(self.cell_counts).f1,
            "onset_f1": onset.f1,
            "note_f1": note.f1,
        }
        if self.has_null:
            metrics["saved_bits"] = without - begins - releases
        if self.vocabulary is not None:
            metrics["perplexity"] = math.exp(code_entropy(self.code_counts))
            metrics["codes_used"] = float((self.code_counts > 0).sum())
        return metrics

    def _shares_pieces(self) -> bool:
        """Whether other ranks hold the other quarters of the pieces."""
        several = torch.distributed.is_available() and torch.distributed.is_initialized()
        return bool(self.sync_on_compute) and several and torch.distributed.get_world_size() > 1

    def _compare_whole_pieces(self) -> None:
        """Compare the notes of every piece that is complete, and drop its evidence."""
        if not len(self.numbers):
            return
        with torch.autocast(self.nats_sum.device.type, enabled=False):  # chances are read in full precision
            self._compare(_joined(self.numbers), _joined(self.evidence))

    def _compare(self, numbers: Int[Tensor, " slices"], evidence: Shaped[Tensor, "slices ..."]) -> None:
        order = numbers.argsort()
        numbers, evidence = numbers[order], evidence[order]
        fed = numbers.cpu().numpy()
        bounds = np.searchsorted(fed, self.pieces.starts)
        left, matches = np.ones(len(fed), bool), torch.zeros_like(self.note_matches)
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            rows = slice(*bounds[number : number + 2].tolist())
            if np.array_equal(fed[rows], np.arange(*self.pieces.starts[number : number + 2])):
                matches += self._matches_of(number, evidence[rows])
                left[rows] = False
        self.note_matches += matches
        self.num_compared += int((~left).sum())
        kept = torch.from_numpy(np.flatnonzero(left)).to(order.device)
        self.numbers = [numbers[kept]] if len(kept) else []
        self.evidence = [evidence[kept]] if len(kept) else []

    def _matches_of(self, number: int, evidence: Shaped[Tensor, "quarters ..."]) -> Int[Tensor, "2 3"]:
        """Count matched, real and predicted onsets (first row) and notes of a piece."""
        drawn = self._cells[0].draw(evidence)
        original = self.pieces.performance(number)
        predicted = from_packed(drawn.packed, onsets=drawn.onsets, ticks=self.pieces.ticks)
        counts = [note_counts(original, predicted)]
        counts.append(note_counts(original, predicted, offset_ratio=OFFSET_RATIO))
        rows = [(count.matched, count.reference, count.estimated) for count in counts]
        return torch.tensor(rows, device=self.note_matches.device)


def _joined(parts: list[Tensor] | Tensor) -> Tensor:
    return parts if isinstance(parts, Tensor) else torch.cat(parts)


def _match_counts(row: Int[Tensor, "3"]) -> MatchCounts:
    matched, reference, estimated = row.tolist()
    return MatchCounts(matched=matched, reference=reference, estimated=estimated)
