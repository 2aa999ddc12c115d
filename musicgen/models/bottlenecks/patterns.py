"""The order in which a prior reads the codes of a slice."""

from abc import ABC, abstractmethod

from musicgen.config.build import Buildable


class CodePattern(Buildable, ABC):
    """Put the codes of a slice in the order in which they are predicted.

    With one codebook all orders of this module are the same. To add one, write a subclass and a file in
    `conf/pattern/`.
    """

    @abstractmethod
    def order(self, *, positions: int, codebooks: int) -> list[int]:
        """List the codes of a slice as a prior reads them.

        Args:
            positions: Places on the grid of latents.
            codebooks: Codes at each position, coarse to fine.

        Returns:
            Each code once, by its number `position * codebooks + codebook`.
        """


class FlatPattern(CodePattern):
    """All codes of a position before those of the next."""

    def order(self, *, positions: int, codebooks: int) -> list[int]:
        """List the codes position by position."""
        return list(range(positions * codebooks))


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
