"""Write one piece and hand over each quarter as soon as it is drawn."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import UInt32

from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.generate import GeneratedPiece, Opening, begun, check_request, request_after
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.sampling import Drawing
from musicgen.generation.tokenize import evidence_of
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior


@dataclass(frozen=True)
class StreamedQuarter:
    """A quarter of a piece that is being written.

    Attributes:
        number: Of the new quarters, from 0.
        total: How many new quarters there will be.
        make: Decodes the piece, which takes longer the longer it is.
    """

    number: int
    total: int
    make: Callable[[], GeneratedPiece]

    @cached_property
    def piece(self) -> GeneratedPiece:
        """All of the piece up to the end of this quarter, the prompt included; decoded when it is first read.

        Its last notes may still grow: a note that sounds at its end goes on in the next piece that comes.
        """
        return self.make()


def stream_piece(
    autoencoder: Autoencoder,
    prior: Prior,
    *,
    num_quarters: int,
    seed: int,
    sampling: Drawing,
    tempo_bpm: float = 120.0,
    prompt: UInt32[np.ndarray, "quarters pitches"] | None = None,
    keys: KeyPlan | None = None,
    conditions: Conditions | None = None,
) -> Iterator[StreamedQuarter]:
    """Yield a piece quarter by quarter: the codes are those of the first piece of `generate_pieces`.

    The key is decided before the first quarter, so with a prior that has learned one key the piece may be
    in another key than the one that `generate_pieces` would choose.

    Args:
        autoencoder: Turns codes into slices; in evaluation mode.
        prior: Draws the codes; in evaluation mode.
        num_quarters: Length of what is new, 1 or more.
        seed: Of the draws.
        sampling: How codes are drawn.
        tempo_bpm: Quarters a minute of the result, above 0.
        prompt: Packed slices (quarters, 88) to keep and continue.
        keys: The key that the piece comes in; as the model writes it if not given.
        conditions: What is asked of the piece, see `Asked.conditions`.

    Raises:
        ValueError: A number is out of range, the prompt is empty or comes with a key, or a key is asked of
            a prior that writes in any key. Raised before the first quarter is asked for.
    """
    check_request(num_pieces=1, num_quarters=num_quarters, tempo_bpm=tempo_bpm)
    keys = keys or KeyPlan()
    opening = None if prompt is None else Opening.read(autoencoder, prompt, keys=keys)
    semitones = keys.semitones_ahead(random=np.random.default_rng([seed, 0])) if opening is None else 0
    request = request_after(opening, num_quarters=num_quarters, seed=seed, conditions=conditions)
    quarters = sampling.quarters(prior, request)  # looks at once whether it can

    def piece(read: Sequence[torch.Tensor], evidence: Sequence[torch.Tensor]) -> GeneratedPiece:
        row, before = torch.cat(list(read)), None if opening is None else opening.last
        cells = autoencoder.cells.draw(torch.cat(list(evidence)), before=before)
        if opening is None:
            ticks = autoencoder.layout.ticks
            return begun(row, cells, semitones=semitones, tempo_bpm=tempo_bpm, ticks=ticks)
        return opening.continued(row, cells, tempo_bpm=tempo_bpm)

    given = [] if opening is None else [opening.codes.view(-1, autoencoder.num_codes)]
    return _streamed(autoencoder, quarters, given=given, total=num_quarters, piece=piece)


def _streamed(
    autoencoder: Autoencoder,
    quarters: Iterator[torch.Tensor],
    *,
    given: Sequence[torch.Tensor],
    total: int,
    piece: Callable[[Sequence[torch.Tensor], Sequence[torch.Tensor]], GeneratedPiece],
) -> Iterator[StreamedQuarter]:
    """Decode each quarter once; what has been read so far makes the piece when it is asked for."""
    read, evidence = list(given), []
    for number, codes in enumerate(quarters):
        read.append(codes.cpu())
        evidence.append(evidence_of(autoencoder, read[-1]))
        yield StreamedQuarter(number, total, partial(piece, tuple(read), tuple(evidence)))
