"""Draw codes in blocks that do not follow from what was kept, as Bachsformer's program does."""

from dataclasses import dataclass

import torch
from jaxtyping import Int

from musicgen.generation.generate import Sampling
from musicgen.generation.sampling import sample_codes
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
        transformer: Prior,
        *,
        num_quarters: int,
        codes_per_quarter: int,
        prompt: Int[torch.Tensor, "batch positions"] | None,
        batch: int,
        generator: torch.Generator,
    ) -> Int[torch.Tensor, "pieces codes"]:
        """Draw the codes of `batch` pieces of `num_quarters` quarters, the prompt's first."""
        kept = [] if prompt is None else [prompt[:, :-codes_per_quarter]]
        prime = None if prompt is None else prompt[:, -codes_per_quarter:]
        length = sum(part.shape[1] for part in kept)
        while length < num_quarters * codes_per_quarter:
            block = sample_codes(
                transformer,
                num_quarters=self.block_quarters,
                codes_per_quarter=codes_per_quarter,
                prompt=prime,
                temperature=self.temperature,
                top_k=self.top_k,
                top_p=self.top_p,
                hop_quarters=self.hop_quarters,
                batch=batch,
                generator=generator,
            ).cpu()
            kept.append(block[:, : self.kept_quarters * codes_per_quarter])
            prime = block[:, -codes_per_quarter:]
            length += kept[-1].shape[1]
        return torch.cat(kept, dim=1)[:, : num_quarters * codes_per_quarter]
