"""Figures of held-out music, gathered batch by batch and reduced over all ranks."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int, UInt32
from torch import Tensor
from torchmetrics import Metric

from musicgen.data.packed import PackedPieces
from musicgen.music.grid import from_words, onset_words
from musicgen.music.hysteresis import BEGIN_PROBABILITY, HOLD_PROBABILITY, sounding_words
from musicgen.music.transcription import MatchCounts, note_counts

OFFSET_RATIO = 0.2  # of the note's length, mir_eval's usual


def code_entropy(counts: Int[Tensor, " vocab"]) -> float:
    """Measure how evenly codes are used, in nats (0 to log of the vocabulary); NaN for no codes."""
    counts = counts.cpu()  # some accelerators lack float64
    total = counts.sum()
    if total == 0:
        return math.nan
    shares = counts[counts > 0].double() / total
    return float(-(shares * shares.log()).sum())


def words_of(probable: Tensor) -> Tensor:
    """Pack cells (batch, 88, 32), true where a note sounds, into int32 words: bit t is tick t."""
    bits = torch.arange(32, device=probable.device, dtype=torch.int32)
    return (probable.int() << bits).sum(dim=-1, dtype=torch.int32)


class ReconstructionFigures(Metric):
    """Measure an autoencoder on whole pieces: BCE, code use, and F1 of cells, onsets and notes.

    Feed it every slice of the pieces once, in any order and on any rank.
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
        self.add_state("numbers", [], dist_reduce_fx="cat")
        self.add_state("sure", [], dist_reduce_fx="cat")
        self.add_state("likely", [], dist_reduce_fx="cat")
        self.add_state("onsets", [], dist_reduce_fx="cat")

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
        self.sure.append(words_of(probabilities > BEGIN_PROBABILITY))
        self.likely.append(words_of(probabilities > HOLD_PROBABILITY))
        if logits.shape[1] > 1:
            self.onsets.append(words_of(logits[:, 1] > 0))

    def compute(self) -> dict[str, float]:
        """Give `bce` (nats a cell), `perplexity`, `codes_used`, `cell_f1`, `onset_f1` and `note_f1`."""
        matched, reference, estimated = self.cells.tolist()
        onset, note = self._note_counts()
        return {
            "bce": float(self.bce_sum / self.num_slices),
            "perplexity": math.exp(code_entropy(self.code_counts)),
            "codes_used": float((self.code_counts > 0).sum()),
            "cell_f1": MatchCounts(matched=matched, reference=reference, estimated=estimated).f1,
            "onset_f1": onset.f1,
            "note_f1": note.f1,
        }

    def _note_counts(self) -> tuple[MatchCounts, MatchCounts]:
        order = _joined(self.numbers).argsort().cpu()
        if len(order) != len(self.pieces):
            raise ValueError(
                f"{len(order)} slices were fed in, the pieces have {len(self.pieces)}; feed each once"
            )
        sure, likely = _words_in(order, self.sure), _words_in(order, self.likely)
        onsets = _words_in(order, self.onsets) if len(self.onsets) else None
        onset_pairs, note_pairs = [], []
        for number in range(len(self.pieces.pieces)):
            start, stop = (int(x) for x in self.pieces.starts[number : number + 2])
            original = from_words(np.array(self.pieces.piece(number)))
            words = sounding_words(sure[start:stop], likely[start:stop])
            piece_onsets = None if onsets is None else words & onsets[start:stop] | onset_words(words)
            heard = from_words(words, onset_words=piece_onsets)
            onset_pairs.append(note_counts(original, heard))
            note_pairs.append(note_counts(original, heard, offset_ratio=OFFSET_RATIO))
        return MatchCounts.pooled(onset_pairs), MatchCounts.pooled(note_pairs)


def _joined(parts: list[Tensor] | Tensor) -> Tensor:
    return parts if isinstance(parts, Tensor) else torch.cat(parts)


def _words_in(order: Tensor, parts: list[Tensor] | Tensor) -> UInt32[np.ndarray, "quarters 88"]:
    return _joined(parts).cpu()[order].numpy().view(np.uint32)
