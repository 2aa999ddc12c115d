"""The loss of priors, in nats, always summed in float32."""

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

_IGNORED = -100


def code_loss(
    logits: Float[Tensor, "batch positions vocab"],
    targets: Int[Tensor, "batch positions"],
    *,
    mask: Bool[Tensor, "batch positions"] | None = None,
) -> Float[Tensor, ""]:
    """Measure predictions of codes by cross-entropy, in nats per code.

    Args:
        logits: The prior's, in any float dtype.
        targets: The codes to predict.
        mask: True where a target counts; all count without it.

    Returns:
        The mean over the targets that count; NaN if none does.
    """
    if mask is not None:
        targets = targets.masked_fill(~mask, _IGNORED)
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=_IGNORED)
