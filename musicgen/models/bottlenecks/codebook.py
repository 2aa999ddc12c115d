"""Bottlenecks with one codebook: nearest codes, straight-through gradient and a start from data."""

from abc import abstractmethod

import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from musicgen.models.bottlenecks.base import (
    MAX_SIZE,
    BottleneckOutput,
    DiscreteBottleneck,
    Vocabulary,
    as_grid,
    as_vectors,
    check_embedding_dim,
)


class Codebook(DiscreteBottleneck):
    """Replace each latent by the nearest of `num_embeddings` vectors (van den Oord et al. 2017).

    A subclass registers `codebook`, (num_embeddings, embedding_dim): a parameter where a gradient trains it,
    a buffer where `_learn` does. Whatever else it keeps must be a buffer, or a resumed run differs. The
    codebook starts from the first training batch by k-means++, so that every code is in use from the first
    step on. Distances are computed in float32 even under autocast: bfloat16 would confuse codes that are
    close.

    Args:
        num_embeddings: Size of the codebook, 2 to 65536.
        embedding_dim: Length of a codebook vector, 1 or more.
        commitment_cost: Weight (beta of equation 3) of the term that draws the latents to their codes.
        seed: Seed of the codebook's start and restarts.

    Raises:
        ValueError: A setting is out of range.
    """

    codebook: Tensor
    started: Tensor

    def __init__(self, *, num_embeddings: int, embedding_dim: int, commitment_cost: float, seed: int) -> None:
        super().__init__()
        if num_embeddings < 2:
            raise ValueError(f"num_embeddings={num_embeddings} leaves nothing to choose; use 2 or more")
        if num_embeddings > MAX_SIZE:
            raise ValueError(
                f"num_embeddings={num_embeddings} do not fit the 16 bits that a code is kept in; "
                f"use {MAX_SIZE} or fewer"
            )
        check_embedding_dim(embedding_dim)
        if commitment_cost < 0:
            raise ValueError(
                f"commitment_cost={commitment_cost} is negative; use 0 or more (the paper's is 0.25)"
            )
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.commitment_cost = commitment_cost
        self.seed = seed
        self.register_buffer("started", torch.tensor(False))
        self._known_started = False
        self._positions = 1  # latents of a sample in the present batch
        self.register_load_state_dict_post_hook(_forget_start)

    @abstractmethod
    def _learn(self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]) -> Float[Tensor, ""] | None:
        """Train the codebook on a batch of latents; return the codebook's term of the loss, if it has one.

        It is called in training only, once the codes of the batch are fixed, so the codebook may be changed
        in place, under `torch.no_grad()`. The latents are prepared, detached, and those of this rank alone:
        sums over them must be added up over ranks. Random numbers must follow from `seed` and a step that is
        kept in a buffer.
        """

    @abstractmethod
    def _set_codebook(self, codebook: Float[Tensor, "vocab dim"], *, vectors_per_code: float) -> None:
        """Start from k-means++ centres of prepared latents, under `torch.no_grad()`.

        Args:
            codebook: The centres.
            vectors_per_code: Mean number of latents per centre.
        """

    def vocabulary(self, *, positions: int) -> Vocabulary:
        """Describe the codes of a slice with so many latents."""
        return Vocabulary(positions=positions, codebooks=1, size=self.num_embeddings)

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Quantize (batch, embedding_dim, h, w); in training mode, also train the codebook.

        The gradient passes straight through to the latents (section 3.1).

        Raises:
            ValueError: The latents have another number of channels than the codebook's vectors.
        """
        if latents.shape[1] != self.embedding_dim:
            raise ValueError(
                f"latents have {latents.shape[1]} channels, the codebook's vectors {self.embedding_dim}; "
                f"build both with one embedding_dim"
            )
        with torch.autocast(device_type=latents.device.type, enabled=False):
            latents = self._prepared(latents.float())
            vectors = as_vectors(latents)
            self._positions = latents.shape[2] * latents.shape[3]
            if self.training:
                self._start_from(vectors.detach())
            codes = self._nearest(vectors.detach())
            selected = functional.embedding(codes, self.codebook.detach())
            loss = self.commitment_cost * functional.mse_loss(vectors, selected)
            metrics = {"commitment": loss.detach()}
            if self.training:
                codebook_loss = self._learn(vectors.detach(), codes)
                if codebook_loss is not None:
                    metrics["codebook"] = codebook_loss.detach()
                    loss = loss + codebook_loss
            quantized = latents + (as_grid(selected, latents) - latents).detach()
        return BottleneckOutput(
            latents=quantized, codes=codes.view(latents.shape[0], -1, 1), loss=loss, metrics=metrics
        )

    @torch.no_grad()
    def encode(self, latents: Float[Tensor, "batch dim h w"]) -> Int[Tensor, "batch positions codebooks"]:
        """Find the nearest code of each latent, row-major; nothing is trained."""
        return self._nearest(as_vectors(self._prepared(latents.float()))).view(latents.shape[0], -1, 1)

    def lookup(self, codes: Int[Tensor, "batch positions codebooks"]) -> Float[Tensor, "batch positions dim"]:
        """Return the codebook's vectors for codes."""
        return functional.embedding(codes[..., 0], self.codebook)

    def _prepared(self, latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "batch dim h w"]:
        """Bring latents to where codes are compared with them."""
        return latents

    def _nearest(self, vectors: Float[Tensor, "n dim"]) -> Int[Tensor, " n"]:
        """Find the code with the smallest Euclidean distance; |x|² is the same for all and left out."""
        codebook = self.codebook.detach()
        with torch.autocast(device_type=vectors.device.type, enabled=False):
            return torch.addmm(codebook.square().sum(dim=1), vectors, codebook.T, alpha=-2.0).argmin(dim=1)

    @torch.no_grad()
    def _start_from(self, vectors: Float[Tensor, "n dim"]) -> None:
        """Draw the codebook from the latents of all ranks, once in the codebook's life."""
        if self._known_started:
            return
        if not bool(self.started):
            everywhere = gather_from_ranks(vectors, positions=self._positions)
            generator = torch.Generator(device=vectors.device).manual_seed(self.seed)
            codebook = k_means_plus_plus(everywhere, num_clusters=self.num_embeddings, generator=generator)
            if is_distributed():
                dist.broadcast(codebook, src=0)
            self._set_codebook(codebook, vectors_per_code=len(everywhere) / self.num_embeddings)
            self.started.fill_(True)
        self._known_started = True


def k_means_plus_plus(
    vectors: Float[Tensor, "n dim"], *, num_clusters: int, generator: torch.Generator
) -> Float[Tensor, "clusters dim"]:
    """Choose vectors far from each other as starting points (Arthur and Vassilvitskii 2007).

    Each next one is drawn with a chance in proportion to its squared distance from those chosen. Where
    fewer distinct vectors than clusters are at hand, the surplus ones are copies.

    Args:
        vectors: Where to choose from.
        num_clusters: How many to choose.
        generator: Source of randomness, on the vectors' device.

    Returns:
        The chosen vectors, (num_clusters, dim).
    """
    chosen = torch.zeros(num_clusters, dtype=torch.int64, device=vectors.device)
    distances = torch.ones(len(vectors), device=vectors.device)
    for index in range(num_clusters):
        # The largest of weight / exponential noise falls on each with a chance in proportion to its weight.
        chosen[index] = (distances / torch.empty_like(distances).exponential_(generator=generator)).argmax()
        from_latest = (vectors - vectors[chosen[index]]).square().sum(dim=1)
        distances = from_latest if index == 0 else torch.minimum(distances, from_latest)
    return vectors[chosen].clone()


def count_codes(codes: Int[Tensor, "..."], *, num_embeddings: int) -> Int[Tensor, " vocab"]:
    """Count how often each code occurs, without waiting for the device.

    Args:
        codes: Codes of any shape.
        num_embeddings: Size of the codebook.

    Returns:
        The counts, int64, (num_embeddings,).
    """
    flat = codes.flatten()
    if flat.device.type == "cpu":
        return torch.bincount(flat, minlength=num_embeddings)
    return torch.zeros(num_embeddings, dtype=torch.int64, device=flat.device).index_add_(
        0, flat, torch.ones_like(flat)
    )


def is_distributed() -> bool:
    """Say whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather_from_ranks(vectors: Float[Tensor, "n dim"], *, positions: int) -> Float[Tensor, "m dim"]:
    """Put the vectors of all ranks in the order that one process has them in; equally many a rank.

    Args:
        vectors: Of the samples of this rank, which takes every n-th sample of the whole batch.
        positions: Vectors of one sample.
    """
    if not is_distributed():
        return vectors
    parts = [torch.empty_like(vectors) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, vectors.contiguous())
    samples = [part.view(-1, positions, vectors.shape[1]) for part in parts]
    return torch.stack(samples, dim=1).reshape(-1, vectors.shape[1])


def _forget_start(module: Codebook, incompatible_keys: object) -> None:
    """Look at `started` again after a state was loaded."""
    module._known_started = False
