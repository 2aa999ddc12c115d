"""How likely a stretch of a piece is to a prior, given what comes before it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from musicgen.models.priors.base import Prior


@torch.inference_mode()
def quarter_nats(
    prior: Prior, codes: Int[Tensor, "pieces quarters codes"], *, first: int, stop: int
) -> Float[Tensor, "pieces measured"]:
    """Measure the cross-entropy of quarters, in nats per code.

    Each is given as many quarters before the last of them as the prior reads at once, and no labels.

    Args:
        prior: In evaluation mode.
        codes: Pieces, or the ends of longer ones: the first quarter is read as a beginning where it is within
            reach.
        first: The first quarter that is measured.
        stop: The quarter after the last one.

    Returns:
        One column for each quarter from `first` to before `stop`.

    Raises:
        ValueError: The quarters are not all of the pieces, or more than the prior reads at once.
    """
    pieces, quarters, per_quarter = codes.shape
    reach = prior.max_positions // per_quarter
    if not 0 <= first < stop <= quarters or stop - first > reach:
        raise ValueError(
            f"quarters {first} to {stop} of {quarters}; use a part of them of at most {reach} quarters"
        )
    begin = max(0, stop - reach)
    stream = codes.to(prior.device).flatten(1)
    targets = stream[:, begin * per_quarter : stop * per_quarter]
    if begin or prior.start_token is None:
        head = stream[:, begin * per_quarter - 1 : begin * per_quarter] if begin else targets[:, :0]
    else:
        head = targets.new_full((pieces, 1), prior.start_token)
    inputs = torch.cat([head, targets], dim=1)[:, :-1]
    logits = prior(inputs)
    missing = targets.shape[1] - logits.shape[1]  # a prior that cannot begin does not predict its first code
    nats = functional.cross_entropy(logits.mT, targets[:, missing:], reduction="none")
    nats = functional.pad(nats, (missing, 0))
    return nats.unflatten(1, (-1, per_quarter)).mean(dim=2)[:, first - begin :]
