"""Codebooks of vector-quantize-pytorch, so that its quantizers stand in the same table as ours."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.models.bottlenecks.base import (
    BottleneckOutput,
    DiscreteBottleneck,
    Vocabulary,
    as_grid,
    as_vectors,
    check_embedding_dim,
)

# Name: how the library names its number of codebooks, if it has one, and its way from codes to latents.
KINDS = {
    "VectorQuantize": (None, "get_output_from_indices"),
    "SimVQ": (None, "indices_to_codes"),
    "LFQ": ("num_codebooks", "indices_to_codes"),
    "ResidualVQ": ("num_quantizers", "get_output_from_indices"),
    "ResidualSimVQ": ("num_quantizers", "get_output_from_indices"),
}


class LibraryQuantizer(DiscreteBottleneck):
    """Hand latents to a quantizer of vector-quantize-pytorch.

    Args:
        kind: The library's class: VectorQuantize, SimVQ, LFQ, ResidualVQ or ResidualSimVQ.
        num_embeddings: Size of each codebook, 2 to 65536; a power of 2 for LFQ.
        embedding_dim: Channels of the latents, 1 or more.
        codebooks: Codes at each position; 1 for VectorQuantize and SimVQ.
        **options: Further arguments of the library's class, by its own names.

    Raises:
        ImportError: The library is not installed.
        ValueError: A setting is out of range, or the library refuses it.
    """

    def __init__(
        self,
        *,
        kind: str = "SimVQ",
        num_embeddings: int = 256,
        embedding_dim: int = 32,
        codebooks: int = 1,
        **options: Any,
    ) -> None:
        super().__init__()
        check_embedding_dim(embedding_dim)
        Vocabulary(positions=1, codebooks=codebooks, size=num_embeddings)
        if kind not in KINDS:
            raise ValueError(f"quantizer.kind={kind} is unknown; use {', '.join(KINDS)}")
        counted, self._decoder = KINDS[kind]
        self._keeps_codebooks = kind.startswith("Residual") or codebooks > 1  # else codes have no such axis
        if counted is None and codebooks != 1:
            raise ValueError(
                f"quantizer.codebooks={codebooks}: {kind} has one codebook; use ResidualVQ or LFQ"
            )
        try:
            import vector_quantize_pytorch as library
        except ImportError as error:
            raise ImportError(
                'quantizer=library needs an extra: pip install "musicgen-lab[quantizers]"'
            ) from error
        given = options | ({} if counted is None else {counted: codebooks})
        try:
            self.quantizer = getattr(library, kind)(dim=embedding_dim, codebook_size=num_embeddings, **given)
        except (AssertionError, TypeError) as error:
            raise ValueError(f"{kind} does not take {given}: {error}") from error
        self.embedding_dim, self.num_embeddings, self.codebooks = embedding_dim, num_embeddings, codebooks

    def vocabulary(self, *, positions: int) -> Vocabulary:
        """Describe the codes of a slice with so many latents."""
        return Vocabulary(positions=positions, codebooks=self.codebooks, size=self.num_embeddings)

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        """Quantize (batch, embedding_dim, h, w) in float32; in training mode, also train the codebooks."""
        with torch.autocast(device_type=latents.device.type, enabled=False):
            vectors = as_vectors(latents.float()).unflatten(0, (len(latents), -1))
            quantized, codes, loss = self.quantizer(vectors)[:3]
        return BottleneckOutput(
            latents=as_grid(quantized.flatten(0, 1), latents),
            codes=codes.long().view(len(latents), -1, self.codebooks),
            loss=loss.float().sum(),
        )

    @torch.no_grad()
    def encode(self, latents: Float[Tensor, "batch dim h w"]) -> Int[Tensor, "batch positions codebooks"]:
        """Find the codes of latents, row-major; nothing is trained."""
        was_training = self.quantizer.training
        self.quantizer.eval()
        try:
            codes = self.forward(latents).codes
        finally:
            self.quantizer.train(was_training)
        assert codes is not None
        return codes

    @torch.no_grad()
    def lookup(self, codes: Int[Tensor, "batch positions codebooks"]) -> Float[Tensor, "batch positions dim"]:
        """Turn codes into latents."""
        given = codes if self._keeps_codebooks else codes[..., 0]
        return getattr(self.quantizer, self._decoder)(given).view(*codes.shape[:2], self.embedding_dim)
