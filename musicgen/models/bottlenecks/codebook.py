"""Bottlenecks with one codebook: nearest codes, a start from data, and training by moving averages."""

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
from musicgen.models.bottlenecks.centres import (
    count_codes,
    gather_from_ranks,
    is_distributed,
    k_means_plus_plus,
)

_SMALLEST_SIZE = 1e-20
_WARM_UP = 10  # the first steps keep less of the past: 0.1, 0.18, 0.25, ... up to decay


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


class VectorQuantizer(Codebook):
    """Move each code to the running mean of the latents that choose it (van den Oord et al. 2017, A.1).

    Sizes and sums of the clusters start from the same draw of data, so that their quotient is the codebook
    from the first step on; the first steps keep less of the past than `decay`, because the latents of a
    young encoder run away from any start. A code that is hardly ever chosen is put on a latent of the batch
    (Dhariwal et al. 2020, section 3.1), likelier on one that is far from its own code; its sums and size
    follow. Sizes and sums are added over all ranks.

    Args:
        num_embeddings: Size of the codebook, 2 or more.
        embedding_dim: Length of a codebook vector.
        commitment_cost: Weight of the term that draws the latents to their codes.
        decay: Share of the running means kept at each step, 0 to below 1.
        restart_share: A code whose running use falls below this share of the mean use is put on a latent
            drawn by its distance; 0 never does so.
        seed: Seed of start and restarts.

    Raises:
        ValueError: A setting is out of range.
    """

    cluster_size: Tensor
    cluster_sum: Tensor
    num_updates: Tensor

    def __init__(
        self,
        *,
        num_embeddings: int = 16,
        embedding_dim: int = 128,
        commitment_cost: float = 0.25,
        decay: float = 0.99,
        restart_share: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__(
            num_embeddings=num_embeddings,
            embedding_dim=embedding_dim,
            commitment_cost=commitment_cost,
            seed=seed,
        )
        if not 0 <= decay < 1:
            raise ValueError(
                f"decay={decay} is not a share to keep; use 0 to below 1 (the original's is 0.99)"
            )
        if not 0 <= restart_share < 1:
            raise ValueError(f"restart_share={restart_share} is not a share of the mean; use 0 to below 1")
        self.decay = decay
        self.restart_share = restart_share
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("codebook", torch.randn(num_embeddings, embedding_dim, generator=generator))
        self.register_buffer("cluster_size", torch.ones(num_embeddings))
        self.register_buffer("cluster_sum", self.codebook.clone())
        self.register_buffer("num_updates", torch.tensor(0))

    def _set_codebook(self, codebook: Float[Tensor, "vocab dim"], *, vectors_per_code: float) -> None:
        self.codebook.copy_(codebook)
        self.cluster_size.fill_(vectors_per_code)
        self.cluster_sum.copy_(codebook * vectors_per_code)

    @torch.no_grad()
    def _learn(self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]) -> None:
        """Update the running means with a batch, restart dead codes, set the codebook to the means."""
        sums, sizes, candidates = self._count(vectors, codes, self._candidates(vectors, codes))
        new_share = 1 - ((1 + self.num_updates) / (_WARM_UP + self.num_updates)).clamp(max=self.decay)
        self.cluster_size.lerp_(sizes, new_share)
        self.cluster_sum.lerp_(sums, new_share)
        mean_size = self.cluster_size.mean()
        dead = self.cluster_size < self.restart_share * mean_size
        # A restarted code counts as much as the mean one, to have time to be chosen before it falls again.
        torch.where(dead, mean_size, self.cluster_size, out=self.cluster_size)
        fresh = candidates[(dead.cumsum(dim=0) - 1).clamp(min=0)]  # the first for the first dead code
        torch.where(dead[:, None], fresh * mean_size, self.cluster_sum, out=self.cluster_sum)
        # Without restarts the size of a code that is never chosen shrinks to 0: it keeps its place.
        alive = self.cluster_size[:, None] > _SMALLEST_SIZE
        torch.where(alive, self.cluster_sum / self.cluster_size[:, None], self.codebook, out=self.codebook)
        self.num_updates += 1

    def _count(
        self,
        vectors: Float[Tensor, "n dim"],
        codes: Int[Tensor, " n"],
        candidates: Float[Tensor, "vocab dim"],
    ) -> tuple[Float[Tensor, "vocab dim"], Float[Tensor, " vocab"], Float[Tensor, "vocab dim"]]:
        """Give the sum and the number of the latents of each code, and the candidates, over all ranks."""
        sums = torch.zeros_like(self.cluster_sum).index_add_(0, codes, vectors)
        sizes = count_codes(codes, num_embeddings=self.num_embeddings).to(sums)
        return _reduce_over_ranks(sums, sizes, candidates) if is_distributed() else (sums, sizes, candidates)

    def _candidates(
        self, vectors: Float[Tensor, "n dim"], codes: Int[Tensor, " n"]
    ) -> Float[Tensor, "vocab dim"]:
        """Draw as many latents as codes from the batch of all ranks; those of other ranks are 0 here.

        Each is drawn with a chance in proportion to its squared distance from its code, as k-means++ draws
        its second centre: most latents may be alike, and a code put on one of these would die again. Where
        fewer latents err than codes are dead, the surplus codes are copies.
        """
        errors = (vectors - self.codebook[codes]).square().sum(dim=1, keepdim=True)
        everywhere = gather_from_ranks(errors, positions=self._positions)[:, 0]
        count = min(self.num_embeddings, len(everywhere))
        drawn = (everywhere / self._noise(len(everywhere))).topk(count).indices
        drawn = drawn.repeat(-(-self.num_embeddings // count))[: self.num_embeddings]
        if not is_distributed():
            return vectors[drawn]
        ranks = dist.get_world_size()
        sample, position = drawn // self._positions, drawn % self._positions
        # Each rank takes every n-th sample, so all together draw what one process would.
        here = vectors[sample // ranks * self._positions + position]
        return torch.where((sample % ranks == dist.get_rank())[:, None], here, 0.0)

    def _noise(self, count: int) -> Float[Tensor, " count"]:
        """Draw exponential noise from a hash of seed, step and place.

        Without a generator's state a checkpoint resumes exactly, and nothing waits for the device.
        """
        places = torch.arange(count, device=self.codebook.device)
        mixed = (places + 1) * 0x9E3779B1 + (self.num_updates + 1) * 0x85EBCA77 + self.seed * 0xC2B2AE3D
        mixed = (mixed ^ (mixed >> 15)) * 0x2C1B3C6D & 0x7FFFFFFF
        noise = -(((mixed ^ (mixed >> 12)) + 0.5) / 2**31).log()
        return noise.clamp(min=_SMALLEST_SIZE)  # in float32 the largest places round to 0


def _reduce_over_ranks(sums: Tensor, sizes: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Add up sums, sizes and candidates over ranks, in one message."""
    packed = torch.cat([sums, sizes[:, None], candidates], dim=1)
    dist.all_reduce(packed)
    dim = sums.shape[1]
    return packed[:, :dim], packed[:, dim], packed[:, dim + 1 :]


def _forget_start(module: Codebook, incompatible_keys: object) -> None:
    """Look at `started` again after a state was loaded."""
    module._known_started = False
