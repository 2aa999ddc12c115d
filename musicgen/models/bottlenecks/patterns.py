"""The orders in which a prior can read the codes of a slice; with one codebook these are all the same."""

from musicgen.models.bottlenecks.base import CodePattern


class FlatPattern(CodePattern):
    """All codes of a position before those of the next."""


class CoarseFirstPattern(CodePattern):
    """The first codebook at all positions, then the next: the slice in outline before its details."""

    def order(self, *, positions: int, codebooks: int) -> list[int]:
        """List the codes codebook by codebook."""
        codes = range(positions * codebooks)
        return sorted(codes, key=lambda code: (code % codebooks, code // codebooks))


class DelayPattern(CodePattern):
    """Each codebook one position behind the one before it (MusicGen's delay: Copet et al. 2023, figure 1).

    MusicGen predicts the codes of one step side by side; here they follow each other, coarse to fine, so that
    no independence is assumed.
    """

    def order(self, *, positions: int, codebooks: int) -> list[int]:
        """List the codes by the sum of position and codebook."""
        codes = range(positions * codebooks)
        return sorted(codes, key=lambda code: (sum(divmod(code, codebooks)), code % codebooks))
