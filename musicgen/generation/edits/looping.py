"""Write loops: passages whose end leads into their own beginning."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.edits.filling import GapRequest, fill_gap, knows_gaps
from musicgen.generation.edits.seams import quarter_nats
from musicgen.generation.generate import GeneratedPiece, check_request, in_their_keys
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.generation.tokenize import decode_codes
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.cells.base import DrawnCells
from musicgen.models.priors.base import Prior

QUARTERS_PER_BAR = 4
CLOSING_QUARTERS = 4
"""The end of a loop that a prior which has learned gaps writes towards its beginning."""


def generate_loops(
    autoencoder: Autoencoder,
    prior: Prior,
    *,
    bars: int,
    num_pieces: int,
    seed: int,
    sampling: Sampling,
    tempo_bpm: float = 120.0,
    keys: KeyPlan | None = None,
    conditions: Conditions | None = None,
    candidates: int = 8,
) -> list[GeneratedPiece]:
    """Write loops; played over and over, the seam is as likely to the prior as the rest.

    Args:
        autoencoder: Turns codes into slices; in evaluation mode.
        prior: Draws the codes; in evaluation mode.
        bars: Length in bars of four quarters, 1 or more.
        num_pieces: How many loops.
        seed: Of the draws.
        sampling: How codes are drawn.
        tempo_bpm: Quarters a minute, above 0.
        keys: The key that loops come in; as the model writes them if not given.
        conditions: What is asked of them, see `Asked.conditions`.
        candidates: Draws for each loop, of which the one is taken that closes best.

    Raises:
        ValueError: A number is out of range.
    """
    quarters = bars * QUARTERS_PER_BAR
    check_request(num_pieces=num_pieces, num_quarters=quarters, tempo_bpm=tempo_bpm)
    if candidates < 1:
        raise ValueError(f"candidates={candidates}; use 1 or more")
    drawn = draw_loops(
        prior,
        DrawRequest(
            num_quarters=quarters,
            generator=torch.Generator().manual_seed(seed),
            batch=num_pieces * candidates,
            conditions=None if conditions is None else conditions.repeated(candidates),
        ),
        sampling=sampling,
        seed=seed,
    )
    closes = closing_nats(prior, drawn).view(num_pieces, candidates)
    chosen = drawn.view(num_pieces, candidates, quarters, -1)[torch.arange(num_pieces), closes.argmin(dim=1)]
    cells = [_decoded(autoencoder, row) for row in chosen]
    written = {"seed": seed, "tempo_bpm": tempo_bpm, "ticks": autoencoder.layout.ticks}
    return in_their_keys(chosen, cells, keys=keys or KeyPlan(), **written)


def closing_nats(prior: Prior, loops: Int[Tensor, "loops quarters codes"]) -> Float[Tensor, " loops"]:
    """Measure how much less likely the beginning of a loop is after its end than the rest is, in nats a code.

    Both are given a whole loop before them as far as the prior reads. Negative where the seam is likelier.

    Args:
        prior: In evaluation mode.
        loops: Codes of loops.
    """
    quarters = loops.shape[1]
    reach = prior.max_positions // prior.vocabulary.codes_per_slice
    seam = min(CLOSING_QUARTERS, max(1, quarters // 2), reach)
    twice = torch.cat([loops, loops], dim=1)
    parts = range(quarters, 2 * quarters, seam)
    nats = torch.cat(
        [quarter_nats(prior, twice, first=first, stop=min(first + seam, 2 * quarters)) for first in parts],
        dim=1,
    ).cpu()
    return nats[:, :seam].mean(dim=1) - nats.mean(dim=1)


def draw_loops(
    prior: Prior, request: DrawRequest, *, sampling: Sampling, seed: int
) -> Int[Tensor, "rows quarters codes"]:
    """Draw candidates; a prior that has learned gaps writes their ends towards their beginnings."""
    per_quarter = prior.vocabulary.codes_per_slice
    quarters, rows = request.num_quarters, request.batch
    reach = prior.max_positions // per_quarter
    closing = min(CLOSING_QUARTERS, quarters // 2, reach // 2) if knows_gaps(prior) else 0
    open_ended = DrawRequest(quarters - closing, request.generator, rows, conditions=request.conditions)
    begun = sampling.draw(prior, open_ended, progress=True).cpu().view(rows, quarters - closing, -1)
    if not closing:
        return begun
    conditions = request.conditions
    gap = GapRequest(
        before=begun,
        behind=begun[:, :CLOSING_QUARTERS],
        quarters=closing,
        batch=rows,
        seed=seed + 1,
        conditions=None if conditions is None else conditions.since(quarters - closing),
        candidates=1,
    )
    return torch.cat([begun, fill_gap(prior, gap, sampling=sampling)], dim=1)


def _decoded(autoencoder: Autoencoder, row: Int[Tensor, "quarters codes"]) -> DrawnCells:
    """Decode a loop as it sounds when it is played again."""
    cells, quarters = decode_codes(autoencoder, torch.cat([row, row])), len(row)
    onsets = None if cells.onsets is None else cells.onsets[quarters:]
    return DrawnCells(packed=cells.packed[quarters:], onsets=onsets)
