"""Losses of both models, in nats, always summed in float32."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class ReconstructionLoss:
    """Binary cross-entropy of a reconstruction, a scalar each.

    Attributes:
        total: What is trained on.
        sounding: Mean over the cells of the first channel: the metric called BCE everywhere.
        onset: Mean over the cells of the second channel; None where there is none.
    """

    total: Tensor
    sounding: Tensor
    onset: Tensor | None


def reconstruction_loss(
    logits: Float[Tensor, "batch channels pitches ticks"],
    slices: Shaped[Tensor, "batch channels pitches ticks"],
    *,
    onset_weight: float = 1.0,
) -> ReconstructionLoss:
    """Measure a reconstruction by binary cross-entropy, in nats a cell.

    Args:
        logits: The decoder's log odds, in any float dtype.
        slices: 0 and 1 in any dtype, of the same shape.
        onset_weight: Weight of the onset channel beside the sounding one.

    Returns:
        The total and its parts.
    """
    sounding = _binary_cross_entropy(logits[:, 0], slices[:, 0])
    if logits.shape[1] == 1:
        return ReconstructionLoss(total=sounding, sounding=sounding, onset=None)
    onset = _binary_cross_entropy(logits[:, 1], slices[:, 1])
    return ReconstructionLoss(total=sounding + onset_weight * onset, sounding=sounding, onset=onset)


def code_loss(
    logits: Float[Tensor, "batch positions vocab"],
    targets: Int[Tensor, "batch positions"],
    *,
    mask: Bool[Tensor, "batch positions"] | None = None,
) -> Float[Tensor, ""]:
    """Measure predictions of codes by cross-entropy, in nats a code.

    Args:
        logits: The transformer's, in any float dtype.
        targets: The codes to predict.
        mask: True where a target counts; all count without it.

    Returns:
        The mean over the targets that count; NaN where none does.
    """
    if mask is not None:
        targets = targets.masked_fill(~mask, _IGNORED)
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=_IGNORED)


_IGNORED = -100


def _binary_cross_entropy(logits: Tensor, cells: Tensor) -> Float[Tensor, ""]:
    logits = logits.float()
    return functional.binary_cross_entropy_with_logits(logits, cells.to(logits.dtype))
