"""The vector-quantised autoencoder: slices to codes and back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from musicgen.models.blocks import (
    HIDDENS_DIVISOR,
    LATENT_HEIGHT,
    LATENT_WIDTH,
    NUM_PITCHES,
    NUM_TICKS,
    Decoder,
    Encoder,
)
from musicgen.models.bottlenecks.codebook import Quantizer


@dataclass(frozen=True)
class AutoencoderOutput:
    """What the autoencoder makes of a batch.

    Attributes:
        logits: Log odds of each cell, (batch, channels, 88, 32).
        codes: int64, (batch, 16), row-major over the 8×2 grid.
        quantizer_loss: The quantizer's own term of the loss, already weighted, a scalar.
    """

    logits: Tensor
    codes: Tensor
    quantizer_loss: Tensor


class Autoencoder(nn.Module):
    """Describe a quarter of music by 16 codes (VQ-VAE, van den Oord et al. 2017).

    The convolutions are those of Bachsformer, so that its weights load. Works with
    `to(memory_format=torch.channels_last)` and under bf16 autocast, and is fastest with both.

    Args:
        quantizer: The bottleneck; its embedding_dim is the latents'.
        num_hiddens: Width of the widest layers, a multiple of 4.
        num_residual_layers: Residual blocks on each side, 0 or more.
        num_residual_hiddens: Channels inside a residual block.
        channels: 1 (sounding) or 2 (sounding, onset).

    Raises:
        ValueError: A setting is out of range; the message names the nearest one that is not.
    """

    def __init__(
        self,
        quantizer: Quantizer,
        *,
        num_hiddens: int = 128,
        num_residual_layers: int = 2,
        num_residual_hiddens: int = 32,
        channels: int = 1,
    ) -> None:
        super().__init__()
        _check_shape(num_hiddens, num_residual_layers, num_residual_hiddens, channels)
        self.quantizer = quantizer
        self.channels = channels
        self.num_codes = LATENT_HEIGHT * LATENT_WIDTH
        sizes = {
            "channels": channels,
            "num_hiddens": num_hiddens,
            "num_residual_layers": num_residual_layers,
            "num_residual_hiddens": num_residual_hiddens,
            "embedding_dim": quantizer.embedding_dim,
        }
        self.encoder = Encoder(**sizes)
        self.decoder = Decoder(**sizes)

    @property
    def num_embeddings(self) -> int:
        """Number of codes in the codebook."""
        return self.quantizer.num_embeddings

    def forward(self, slices: Shaped[Tensor, "batch channels 88 32"]) -> AutoencoderOutput:
        """Reconstruct slices through the bottleneck; in training mode the codebook learns from them.

        Args:
            slices: 0 and 1 in any dtype, (batch, channels, 88, 32), or (batch, 88, 32) with one channel.

        Raises:
            ValueError: The slices have another shape.
        """
        output = self.quantizer(self.encoder(self._as_input(slices)))
        return AutoencoderOutput(
            logits=self.decoder(output.quantized), codes=output.codes, quantizer_loss=output.loss
        )

    @torch.no_grad()
    def encode(self, slices: Shaped[Tensor, "batch *channels 88 32"]) -> Int[Tensor, "batch positions"]:
        """Give the codes of slices, (batch, 16), row-major over the 8×2 grid; nothing is trained.

        Args:
            slices: 0 and 1 in any dtype, (batch, channels, 88, 32), or (batch, 88, 32) with one channel.

        Raises:
            ValueError: The slices have another shape.
        """
        return self.quantizer.encode(self.encoder(self._as_input(slices)))

    def decode_logits(self, codes: Int[Tensor, "batch positions"]) -> Float[Tensor, "batch channels 88 32"]:
        """Give the log odds of each cell for codes (batch, 16).

        Raises:
            ValueError: There are not 16 codes a slice.
        """
        if codes.ndim != 2 or codes.shape[1] != self.num_codes:
            raise ValueError(f"codes have shape {tuple(codes.shape)}; use (batch, {self.num_codes})")
        embeddings = self.quantizer.lookup(codes.long())
        grid = embeddings.view(len(codes), LATENT_HEIGHT, LATENT_WIDTH, -1).permute(0, 3, 1, 2)
        return self.decoder(grid)

    @torch.no_grad()
    def decode(self, codes: Int[Tensor, "batch positions"]) -> Float[Tensor, "batch 88 32"]:
        """Give the probability that each cell sounds, float32, (batch, 88, 32), for codes (batch, 16).

        Raises:
            ValueError: There are not 16 codes a slice.
        """
        return self.decode_logits(codes)[:, 0].float().sigmoid()

    @torch.no_grad()
    def set_output_bias(self, density: float | Sequence[float]) -> None:
        """Start the output at the data's density, which else takes the first hundreds of updates to learn.

        Args:
            density: Share of cells that are on, between 0 and 1; one number, or one a channel.

        Raises:
            ValueError: A density is not between 0 and 1, or there are not as many as channels.
        """
        densities = [density] * self.channels if isinstance(density, int | float) else list(density)
        if len(densities) != self.channels or not all(0 < share < 1 for share in densities):
            raise ValueError(
                f"density={density} is not a share of cells for {self.channels} channel(s); "
                f"use one number between 0 and 1 (both excluded) or one a channel"
            )
        logits = torch.tensor([math.log(share / (1 - share)) for share in densities])
        bias = self.decoder.conv_4.bias
        assert bias is not None
        bias.copy_(logits)

    def _as_input(
        self, slices: Shaped[Tensor, "batch *channels 88 32"]
    ) -> Float[Tensor, "batch channels 88 32"]:
        """Bring slices to the weights' dtype and four axes, in channels_last memory where the weights are."""
        if slices.ndim == 3 and self.channels == 1:
            slices = slices[:, None]
        if slices.ndim != 4 or slices.shape[1:] != (self.channels, NUM_PITCHES, NUM_TICKS):
            allowed = f"(batch, {self.channels}, {NUM_PITCHES}, {NUM_TICKS})"
            raise ValueError(f"slices have shape {tuple(slices.shape)}; this autoencoder takes {allowed}")
        return slices.to(self.encoder.conv_1.weight.dtype)


def _check_shape(
    num_hiddens: int, num_residual_layers: int, num_residual_hiddens: int, channels: int
) -> None:
    """Refuse what cannot be built, and name the nearest that can."""
    if num_hiddens < HIDDENS_DIVISOR or num_hiddens % HIDDENS_DIVISOR:
        nearest = max(HIDDENS_DIVISOR, round(num_hiddens / HIDDENS_DIVISOR) * HIDDENS_DIVISOR)
        raise ValueError(
            f"num_hiddens={num_hiddens} is not a positive multiple of {HIDDENS_DIVISOR} "
            f"(the outer layers have a quarter and a half of it); use {nearest}"
        )
    if num_residual_layers < 0:
        raise ValueError(f"num_residual_layers={num_residual_layers} is negative; use 0 or more")
    if num_residual_hiddens < 1:
        raise ValueError(f"num_residual_hiddens={num_residual_hiddens} is not a width; use 1 or more")
    if channels not in (1, 2):
        raise ValueError(f"channels={channels}; use 1 (sounding) or 2 (sounding, onset)")
