"""Metrics of held-out music, gathered batch by batch and reduced over all ranks."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int, Real, UInt32
from torch import Tensor
from torchmetrics import Metric

from musicgen.data.store.packed import PackedPieces
from musicgen.music.grid import from_packed, packed_onsets
from musicgen.music.hysteresis import BEGIN_PROBABILITY, HOLD_PROBABILITY, sounding_runs
from musicgen.music.metrics.note_matching import MatchCounts, note_counts

OFFSET_RATIO = 0.2  # of the note's length, mir_eval's usual
_LISTS = ("numbers", "sure", "likely", "onsets")
_LISTEN_EVERY = 64  # batches


def code_entropy(counts: Real[Tensor, " vocab"]) -> float:
    """Measure how evenly codes are used, in nats (0 to log of the vocabulary); NaN for no codes."""
    counts = counts.cpu()  # some accelerators lack float64
    total = counts.sum()
    if total == 0:
        return math.nan
    shares = counts[counts > 0].double() / total
    return float(-(shares * shares.log()).sum())


def packed_of(probable: Tensor) -> Tensor:
    """Pack cells (batch, 88, 32), true where a note sounds, into int32: bit t is tick t."""
    bits = torch.arange(32, device=probable.device, dtype=torch.int32)
    return (probable.int() << bits).sum(dim=-1, dtype=torch.int32)


class ReconstructionMetrics(Metric):
    """Measure an autoencoder on whole pieces: BCE, code use, and F1 of cells, onsets and notes.

    Feed it every slice of the pieces once, in any order and on any rank. Fed in order on one rank, it keeps
    the slices of a few batches only: notes are compared as soon as a piece is complete.
    BCE and cell F1 (threshold 0.5) are of the sounding channel, so runs with and without an onset channel
    compare. Notes are read as generated pieces are: see `music.hysteresis`.
    Perplexity is exp of the entropy of code use over all of it, never a mean of batches.

    Args:
        pieces: The pieces that the slices come from; notes are compared piece by piece. Time is the
            grid's at 120 quarters a minute, so that 50 ms are 3.2 ticks.
        num_embeddings: Size of the codebook.
        over_ranks: Each rank is fed a part; False where one rank sees all, whatever the others do.
    """

    full_state_update = False
    bce_sum: Tensor
    num_slices: Tensor
    cells: Tensor
    code_counts: Tensor
    note_matches: Tensor
    num_compared: Tensor
    numbers: list[Tensor]
    sure: list[Tensor]
    likely: list[Tensor]
    onsets: list[Tensor]

    def __init__(self, pieces: PackedPieces, *, num_embeddings: int, over_ranks: bool = True) -> None:
        super().__init__(sync_on_compute=over_ranks)
        self.pieces = pieces
        self.add_state("bce_sum", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("num_slices", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("cells", torch.zeros(3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("code_counts", torch.zeros(num_embeddings, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("note_matches", torch.zeros(2, 3, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("num_compared", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        for name in _LISTS:
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self,
        slices: Float[Tensor, "batch channels pitches ticks"],
        logits: Float[Tensor, "batch channels pitches ticks"],
        codes: Int[Tensor, "batch positions"],
        numbers: Int[Tensor, " batch"],
    ) -> None:
        """Take in a batch: what was played, the logits, the codes between, and which quarters they are."""
        once = numbers < len(self.pieces)
        slices, logits, codes, numbers = slices[once], logits[once], codes[once], numbers[once]
        sounding, predicted = slices[:, 0], logits[:, 0].float()
        bce = torch.nn.functional.binary_cross_entropy_with_logits(
            predicted, sounding.float(), reduction="none"
        )
        self.bce_sum += bce.mean(dim=(1, 2)).sum()
        self.num_slices += len(slices)
        heard, there = predicted > 0, sounding > 0.5
        self.cells += torch.stack([(heard & there).sum(), there.sum(), heard.sum()])
        self.code_counts += torch.bincount(codes.flatten(), minlength=len(self.code_counts))
        self.numbers.append(numbers)
        probabilities = predicted.sigmoid()
        self.sure.append(packed_of(probabilities > BEGIN_PROBABILITY))
        self.likely.append(packed_of(probabilities > HOLD_PROBABILITY))
        if logits.shape[1] > 1:
            self.onsets.append(packed_of(logits[:, 1] > 0))
        if len(self.numbers) >= _LISTEN_EVERY and not self._shares_pieces():
            self._compare_whole_pieces()

    def compute(self) -> dict[str, float]:
        """Give `bce` (nats a cell), `perplexity`, `codes_used`, `cell_f1`, `onset_f1` and `note_f1`."""
        self._compare_whole_pieces()
        if self.num_compared != len(self.pieces):
            fed, there = int(self.num_slices), len(self.pieces)
            raise ValueError(f"{fed} slices were fed in, the pieces have {there}; feed each once")
        onset, note = (_match_counts(row) for row in self.note_matches)
        return {
            "bce": float(self.bce_sum / self.num_slices),
            "perplexity": math.exp(code_entropy(self.code_counts)),
            "codes_used": float((self.code_counts > 0).sum()),
            "cell_f1": _match_counts(self.cells).f1,
            "onset_f1": onset.f1,
            "note_f1": note.f1,
        }

    def _shares_pieces(self) -> bool:
        """Tell whether other ranks have the other quarters of the pieces."""
        several = torch.distributed.is_available() and torch.distributed.is_initialized()
        return bool(self.sync_on_compute) and several and torch.distributed.get_world_size() > 1

    def _compare_whole_pieces(self) -> None:
        """Compare the notes of every piece that is complete, and let its quarters go."""
        if not len(self.numbers):
            return
        fed = {name: _joined(getattr(self, name)) for name in _LISTS if len(getattr(self, name))}
        order = fed["numbers"].argsort()
        fed = {name: values[order] for name, values in fed.items()}
        numbers = fed["numbers"].cpu().numpy()
        packed = {name: fed[name].cpu().numpy().view(np.uint32) for name in _LISTS[1:] if name in fed}
        bounds = np.searchsorted(numbers, self.pieces.starts)
        left, matches = np.ones(len(numbers), bool), torch.zeros_like(self.note_matches)
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            here = slice(*bounds[number : number + 2].tolist())
            if np.array_equal(numbers[here], np.arange(*self.pieces.starts[number : number + 2])):
                matches += self._matches_of(number, {name: some[here] for name, some in packed.items()})
                left[here] = False
        self.note_matches += matches
        self.num_compared += int((~left).sum())
        kept = torch.from_numpy(np.flatnonzero(left)).to(order.device)
        for name, values in fed.items():
            setattr(self, name, [values[kept]] if len(kept) else [])

    def _matches_of(self, number: int, packed: dict[str, UInt32[np.ndarray, "quarters pitches"]]) -> Tensor:
        """Count of onsets and of notes what was matched, what there was and what was heard: (2, 3)."""
        sounding = sounding_runs(packed["sure"], packed["likely"])
        onsets = sounding & packed["onsets"] | packed_onsets(sounding) if "onsets" in packed else None
        original = from_packed(np.array(self.pieces.piece(number)))
        heard = from_packed(sounding, onsets=onsets)
        counts = [note_counts(original, heard), note_counts(original, heard, offset_ratio=OFFSET_RATIO)]
        rows = [(one.matched, one.reference, one.estimated) for one in counts]
        return torch.tensor(rows, device=self.note_matches.device)


def _joined(parts: list[Tensor] | Tensor) -> Tensor:
    return parts if isinstance(parts, Tensor) else torch.cat(parts)


def _match_counts(row: Int[Tensor, "3"]) -> MatchCounts:
    matched, reference, estimated = row.tolist()
    return MatchCounts(matched=matched, reference=reference, estimated=estimated)
