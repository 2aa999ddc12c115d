"""Draw codes in blocks that do not follow from what was kept, as Bachsformer's program does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int

from musicgen.generation.sampling import DrawRequest, Sampling
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

    def quarters(self, prior: Prior, request: DrawRequest) -> Iterator[Int[torch.Tensor, "pieces codes"]]:
        """Yield the codes of new pieces, or of what continues a prompt, block by block."""
        per_quarter, first, prime, known = prior.vocabulary.codes_per_slice, 0, None, 0
        if request.prompt is not None:
            first, known = request.prompt.shape[1] // per_quarter - 1, 1
            prime = request.prompt[:, -per_quarter:]
        while first < request.num_quarters:
            conditions = None if request.conditions is None else request.conditions.since(first)
            block = replace(request, num_quarters=self.block_quarters, prompt=prime, conditions=conditions)
            drawn = [] if prime is None else [prime]
            drawn += super().quarters(prior, block)
            yield from drawn[known : min(self.kept_quarters, request.num_quarters - first)]
            first, prime, known = first + self.kept_quarters, drawn[-1], 0
