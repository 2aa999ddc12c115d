"""Draw codes in blocks that do not follow from what was kept, as Bachsformer's program does."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Int

from musicgen.generation.sampling import CachedReader, DrawRequest, Sampling, UncachedReader
from musicgen.models.priors.base import Prior


@dataclass(frozen=True)
class BlockSampling(Sampling):
    """Draw a block, keep its front, and begin the next block with its last quarter alone.

    What lies between the kept front and the last quarter is thrown away, so at each seam the music jumps: to
    hear, and to measure what seamless sampling is worth. A prompt is continued from its last quarter alone.

    Attributes:
        block_quarters: Quarters drawn at once.
        kept_quarters: Quarters of a block that are kept, below `block_quarters`.

    Raises:
        ValueError: A number is out of range.
    """

    block_quarters: int = 12
    kept_quarters: int = 8

    def __post_init__(self) -> None:
        """Refuse blocks that have no seam or keep nothing."""
        super().__post_init__()
        if not 2 <= self.kept_quarters < self.block_quarters:
            raise ValueError(
                f"kept_quarters={self.kept_quarters} of block_quarters={self.block_quarters}; "
                "keep 2 or more, and fewer than are drawn"
            )

    def draw(
        self,
        prior: Prior,
        request: DrawRequest,
        *,
        reader: type[CachedReader] | type[UncachedReader] = CachedReader,
    ) -> Int[torch.Tensor, "pieces codes"]:
        """Draw the codes of new pieces, or continue a prompt, in blocks."""
        per_quarter, prompt = prior.vocabulary.codes_per_slice, request.prompt
        kept = [] if prompt is None else [prompt[:, :-per_quarter]]
        prime = None if prompt is None else prompt[:, -per_quarter:]
        length = sum(part.shape[1] for part in kept)
        while length < request.num_quarters * per_quarter:
            block = replace(request, num_quarters=self.block_quarters, prompt=prime)
            codes = super().draw(prior, block, reader=reader).cpu()
            kept.append(codes[:, : self.kept_quarters * per_quarter])
            prime = codes[:, -per_quarter:]
            length += kept[-1].shape[1]
        return torch.cat(kept, dim=1)[:, : request.num_quarters * per_quarter]
