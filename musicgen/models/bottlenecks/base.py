"""What stands between encoder and decoder: one interface for bottlenecks with and without codes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.config.build import Buildable

MAX_SIZE = 1 << 16  # codes of pieces are stored in 16 bits


@dataclass(frozen=True)
class Vocabulary(Buildable):
    """All that a prior must know of the codes of a slice; kept in its checkpoint.

    Attributes:
        positions: Places on the grid of latents, row-major.
        codebooks: Codes at each position, coarse to fine.
        size: Codes in each codebook, 2 to 65536.
        order: The codes of a slice as a prior reads them, each by its number
            `position * codebooks + codebook`; by rising numbers if empty.

    Raises:
        ValueError: A number is out of range.
    """

    positions: int
    codebooks: int
    size: int
    order: Sequence[int] = ()

    def __post_init__(self) -> None:
        for name in ("positions", "codebooks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is not a count; use 1 or more")
        if not 2 <= self.size <= MAX_SIZE:
            raise ValueError(
                f"size={self.size} of a codebook; use 2 to {MAX_SIZE} (codes are kept in 16 bits)"
            )
        if self.order:
            object.__setattr__(self, "order", self._checked_order())

    def _checked_order(self) -> tuple[int, ...]:
        by_number = list(range(len(self.order)))
        if len(self.order) != self.codes_per_slice or sorted(self.order) != by_number:
            raise ValueError(
                f"order={list(self.order)[:50]} does not name each of {self.codes_per_slice} codes once"
            )
        return () if list(self.order) == by_number else tuple(self.order)

    @property
    def codes_per_slice(self) -> int:
        """Number of codes that describe a slice."""
        return self.positions * self.codebooks

    @property
    def codebook_of(self) -> list[int]:
        """Codebook of each code of a slice, as a prior reads them."""
        return [code % self.codebooks for code in self.order or range(self.codes_per_slice)]

    def config(self) -> dict[str, Any]:
        """Describe the vocabulary in plain values, as checkpoints keep it."""
        values = {name: value for name, value in asdict(self).items() if name != "order"}
        order = {"order": list(self.order)} if self.order else {}
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **values, **order}


class CodePattern(Buildable):
    """Put the codes of a slice in the order in which a prior reads them: position by position, here.

    To add another order, write a subclass in `patterns.py` and a file in `conf/pattern/`.
    """

    def order(self, *, positions: int, codebooks: int) -> list[int]:
        """List the codes of a slice as a prior reads them.

        Args:
            positions: Places on the grid of latents.
            codebooks: Codes at each position, coarse to fine.

        Returns:
            Each code once, by its number `position * codebooks + codebook`.
        """
        return list(range(positions * codebooks))


@dataclass(frozen=True)
class BottleneckOutput:
    """What a bottleneck makes of a batch of latents.

    Attributes:
        latents: What the decoder gets, (batch, dim, h, w), float32.
        codes: Code indices, int64, (batch, positions, codebooks); None without codebooks.
        loss: The bottleneck's own term of the training loss, already weighted, a scalar.
        metrics: Scalars by name (`commitment`, `kl`, `l1`), logged as they are named.
    """

    latents: Float[Tensor, "batch dim h w"]
    codes: Int[Tensor, "batch positions codebooks"] | None
    loss: Float[Tensor, ""]
    metrics: Mapping[str, Tensor] = field(default_factory=dict)


class Bottleneck(Buildable, nn.Module, ABC):
    """Limit what the decoder learns of a slice.

    Attributes:
        embedding_dim: Channels of the latents.
        cells: Cells of a slice, which the cell model's loss is a mean over; the autoencoder sets it.
    """

    embedding_dim: int
    cells: int

    @abstractmethod
    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Pass latents (batch, embedding_dim, h, w) on to the decoder; in training mode, learn from them."""

    def vocabulary(self, *, positions: int) -> Vocabulary | None:
        """Describe the codes of a slice with so many latents; None if there are no codes."""
        return None


class DiscreteBottleneck(Bottleneck):
    """Describe every latent by one code or several."""

    @abstractmethod
    def encode(self, latents: Float[Tensor, "batch dim h w"]) -> Int[Tensor, "batch positions codebooks"]:
        """Find the codes of latents, row-major over the grid; nothing is trained."""

    @abstractmethod
    def lookup(self, codes: Int[Tensor, "batch positions codebooks"]) -> Float[Tensor, "batch positions dim"]:
        """Turn codes into latents."""

    @abstractmethod
    def vocabulary(self, *, positions: int) -> Vocabulary:
        """Describe the codes of a slice with so many latents."""


def check_embedding_dim(embedding_dim: int) -> None:
    """Refuse latents without channels.

    Raises:
        ValueError: It is below 1.
    """
    if embedding_dim < 1:
        raise ValueError(f"embedding_dim={embedding_dim} is not a length; use 1 or more")


def as_vectors(latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "n dim"]:
    """Lay latents out one per row; free of copies in channels_last memory."""
    return latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])


def as_grid(
    vectors: Float[Tensor, "n dim"], like: Float[Tensor, "batch dim h w"]
) -> Float[Tensor, "batch dim h w"]:
    """Put rows back on the grid, in channels_last memory."""
    batch, dim, height, width = like.shape
    return vectors.view(batch, height, width, dim).permute(0, 3, 1, 2)
