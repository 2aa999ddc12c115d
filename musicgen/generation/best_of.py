"""Draw several candidates of each stretch of a piece, and keep the one most like what is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int, UInt32
from torch import Tensor

from musicgen.generation.asking.likeness import Likeness, Stretch
from musicgen.generation.sampling import Drawing, DrawRequest, Sampling, prompt_rows
from musicgen.generation.tokenize import decode_codes, sounding_at_end
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior


@dataclass(frozen=True, eq=False)
class BestOf(Drawing):
    """Sampling that is listened to.

    A prior learns what comes next, and who wrote a piece tells it little of that: less than .01 nats a code.
    A classifier learns nothing else. So the prior proposes, stretch by stretch, and the likeness to what is
    asked for chooses, each time by all that was chosen before and the candidate (best-of-n or rejection
    sampling, one stretch at a time).

    Attributes:
        sampling: How each candidate is drawn.
        autoencoder: Turns codes into the notes that are judged.
        likeness: Scores candidates.
        candidates: How many are drawn of each stretch; 1 leaves no choice.
        stretch_quarters: Length of a stretch.

    Raises:
        ValueError: A number is below 1.
    """

    sampling: Sampling
    autoencoder: Autoencoder
    likeness: Likeness
    candidates: int = 4
    stretch_quarters: int = 16

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to choose from."""
        for name in ("candidates", "stretch_quarters"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}; use 1 or more")

    def rows(self, num_pieces: int) -> int:
        """Count the streams that are drawn side by side for so many pieces."""
        return num_pieces * self.candidates

    def quarters(self, prior: Prior, request: DrawRequest) -> Iterator[Int[Tensor, "pieces codes"]]:
        """Yield the chosen codes quarter by quarter; those of a stretch come together."""
        codes = prompt_rows(prior, request)
        per_quarter = prior.vocabulary.codes_per_slice
        given = codes.shape[1] // per_quarter
        written = [np.zeros((0, self.autoencoder.layout.pitches), np.uint32) for _ in codes]
        if codes.shape[1]:
            last_quarter = codes[:, -per_quarter:]
            before = [sounding_at_end(self.autoencoder, self._decoded(row)) for row in last_quarter]
        else:
            before = [np.zeros(self.autoencoder.layout.pitches, bool) for _ in codes]
        conditions = None if request.conditions is None else request.conditions.repeated(self.candidates)
        for first in range(given, request.num_quarters, self.stretch_quarters):
            stretch = replace(
                request,
                num_quarters=min(first + self.stretch_quarters, request.num_quarters),
                batch=len(codes) * self.candidates,
                prompt=codes.repeat_interleave(self.candidates, dim=0) if codes.shape[1] else None,
                conditions=conditions,
            )
            drawn = torch.cat(list(self.sampling.quarters(prior, stretch)), dim=1).cpu()
            chosen = []
            for number, candidates in enumerate(drawn.split(self.candidates)):
                cells = [self._decoded(row, before=before[number]) for row in candidates]
                new = request.num_quarters - given
                stretches = [Stretch(written[number], packed, new) for packed in cells]
                best = int(self.likeness.scores(stretches).argmax())
                written[number] = np.concatenate([written[number], cells[best]])
                before[number] = sounding_at_end(self.autoencoder, cells[best])
                chosen.append(candidates[best])
            codes = torch.cat([codes.cpu(), torch.stack(chosen)], dim=1)
            yield from torch.stack(chosen).split(per_quarter, dim=1)

    def _decoded(
        self, row: Int[Tensor, " codes"], *, before: np.ndarray | None = None
    ) -> UInt32[np.ndarray, "quarters pitches"]:
        codes = row.view(-1, self.autoencoder.num_codes)
        return decode_codes(self.autoencoder, codes, before=before).packed
