"""Draw the codes of a gap so that they fit what comes before it and what lies behind it."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.data.batches.gaps import GapWindow
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.edits.seams import quarter_nats
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.conditioners.labels import GAP, NOTHING, LabelConditioner
from musicgen.models.priors.base import Prior

_SEAM_QUARTERS = 2  # behind a gap, whose likelihood decides between candidates


@dataclass(frozen=True)
class GapRequest:
    """A gap in a piece.

    Attributes:
        before: Codes of what comes before it, for all versions or each; may be none.
        behind: Codes of what lies behind it, for all versions or each; may be none.
        quarters: Its length, 1 or more.
        batch: How many versions of it.
        seed: Of the draws.
        conditions: What is asked of it, by quarter of the gap; None for nothing.
        candidates: Draws for each version, of which the one is taken that makes what lies behind likeliest.
    """

    before: Int[Tensor, "versions before codes"]
    behind: Int[Tensor, "versions behind codes"]
    quarters: int
    batch: int
    seed: int
    conditions: Conditions | None = None
    candidates: int = 8


def knows_gaps(prior: Prior) -> bool:
    """Check whether a prior has learned to write towards what lies behind a gap."""
    conditioner = prior.conditioner
    return isinstance(conditioner, LabelConditioner) and GAP in conditioner.fields


def fill_gap(
    prior: Prior, request: GapRequest, *, sampling: Sampling
) -> Int[Tensor, "versions quarters codes"]:
    """Draw versions of a gap.

    A prior that has learned gaps (`windows.gap_share`) is told what lies behind it; of a gap longer than half
    of what it reads at once, only the end is. Any prior chooses between its candidates by how likely they
    make what lies behind.

    Args:
        prior: In evaluation mode.
        request: The gap.
        sampling: How codes are drawn.

    Raises:
        ValueError: A number is out of range.
    """
    for name in ("quarters", "batch", "candidates"):
        if getattr(request, name) < 1:
            raise ValueError(f"{name}={getattr(request, name)}; use 1 or more")
    behind_quarters, before_quarters = request.behind.shape[1], request.before.shape[1]
    candidates = request.candidates if behind_quarters else 1
    before, behind = (
        part.expand(request.batch, -1, -1).repeat_interleave(candidates, dim=0)
        for part in (request.before, request.behind)
    )
    reach = prior.max_positions // prior.vocabulary.codes_per_slice
    aimed = min(request.quarters, reach // 2) if knows_gaps(prior) and behind_quarters else 0
    generator = torch.Generator().manual_seed(request.seed)
    written = before
    if request.quarters > aimed:
        written = _lengthened(
            prior, written, request, quarters=request.quarters - aimed, generator=generator, sampling=sampling
        )
    if aimed:
        written = _aimed(
            prior, written, behind, request, quarters=aimed, generator=generator, sampling=sampling
        )
    drawn = written[:, before_quarters:]
    if candidates > 1:
        chosen = _seam_nats(prior, written, behind).view(request.batch, candidates).argmin(dim=1)
        drawn = drawn[torch.arange(request.batch) * candidates + chosen]
    return drawn


def _lengthened(
    prior: Prior,
    written: Int[Tensor, "rows quarters codes"],
    request: GapRequest,
    *,
    quarters: int,
    generator: torch.Generator,
    sampling: Sampling,
) -> Int[Tensor, "rows longer codes"]:
    """Continue what comes before a gap, without regard to what lies behind it."""
    given = written.shape[1]
    conditions = request.conditions
    if conditions is not None:
        conditions = conditions.at([0] * given + list(range(quarters)))
    draw = DrawRequest(
        num_quarters=given + quarters,
        generator=generator,
        batch=len(written),
        prompt=written.flatten(1) if given else None,
        conditions=conditions,
    )
    return sampling.draw(prior, draw, progress=True).cpu().view(len(written), given + quarters, -1)


def _aimed(
    prior: Prior,
    written: Int[Tensor, "rows quarters codes"],
    tail: Int[Tensor, "rows behind codes"],
    request: GapRequest,
    *,
    quarters: int,
    generator: torch.Generator,
    sampling: Sampling,
) -> Int[Tensor, "rows longer codes"]:
    """Write the end of a gap, told what lies behind it, as in training windows with a gap."""
    conditioner = prior.conditioner
    assert isinstance(conditioner, LabelConditioner)
    reach = prior.max_positions // prior.vocabulary.codes_per_slice
    behind = min(tail.shape[1], max(1, (reach - quarters) // 2))
    before = min(written.shape[1], reach - quarters - behind)
    window = GapWindow(before=before, gap=quarters, behind=behind)
    first = request.quarters - quarters  # of the gap, where its end begins
    asked = request.conditions or Conditions(torch.full((1, 1, 1, len(conditioner.fields)), NOTHING))
    conditions = asked.at(
        [request.quarters - 1] * behind + [first] * before + list(range(first, request.quarters))
    )
    labels = conditions.labels.clone()
    labels[..., conditioner.fields.index(GAP)] = torch.from_numpy(window.labels())
    known = written[:, written.shape[1] - before :]
    draw = DrawRequest(
        num_quarters=behind + before + quarters,
        generator=generator,
        batch=len(written),
        prompt=torch.cat([tail[:, :behind], known], dim=1).flatten(1),
        conditions=replace(conditions, labels=labels),
    )
    drawn = sampling.draw(prior, draw, progress=True).cpu().view(len(written), behind + before + quarters, -1)
    return torch.cat([written, drawn[:, behind + before :]], dim=1)


def _seam_nats(
    prior: Prior, written: Int[Tensor, "rows quarters codes"], behind: Int[Tensor, "rows behind codes"]
) -> Float[Tensor, " rows"]:
    """Return the nats per code of what lies behind a gap, given each row."""
    pieces, first = torch.cat([written, behind[:, :_SEAM_QUARTERS]], dim=1), written.shape[1]
    return quarter_nats(prior, pieces, first=first, stop=pieces.shape[1]).mean(dim=1).cpu()
