"""The autoencoder: slices to latents, through a bottleneck, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from musicgen.config.build import Buildable
from musicgen.models.blocks import Decoder, Encoder, Strides
from musicgen.models.bottlenecks.base import Bottleneck, DiscreteBottleneck, Vocabulary
from musicgen.models.cells.base import CellModel, check_channels
from musicgen.models.cells.independent import IndependentCells
from musicgen.music.layout import PIANO, SliceLayout

HIDDENS_DIVISOR = 4


@dataclass(frozen=True)
class AutoencoderOutput:
    """What the autoencoder makes of a batch.

    Attributes:
        maps: The decoder's output, (batch, maps, pitches, ticks), which the cell model reads.
        codes: int64, (batch, codes_per_slice), row-major over the grid, then by codebook; None without codes.
        loss: The bottleneck's own term of the loss, already weighted, a scalar.
        metrics: The bottleneck's metrics by name.
    """

    maps: Float[Tensor, "batch maps pitches ticks"]
    codes: Int[Tensor, "batch codes"] | None
    loss: Float[Tensor, ""]
    metrics: Mapping[str, Tensor]


class Autoencoder(Buildable, nn.Module):
    """Describe a quarter of music by a grid of latents (with a codebook: VQ-VAE, van den Oord et al. 2017).

    The convolutions are those of Bachsformer, so that its weights load; its layout gives 8 x 2 latents. Works
    with `to(memory_format=torch.channels_last)` and under bf16 autocast, and is fastest with both.

    Args:
        bottleneck: Between encoder and decoder; its embedding_dim is the latents'.
        cells: How the decoder's maps become cells; `IndependentCells` with as many channels as slices.
        layout: Pitches and ticks of a slice.
        num_hiddens: Width of the widest layers, a multiple of 4.
        num_residual_layers: Residual blocks on each side, 0 or more.
        num_residual_hiddens: Channels inside a residual block.
        channels: Channels of the slices, 1 (sounding) or 2 (sounding, onset).
        noise: Put on the encoder's input in training; none if not given.
        null_share: Share of training slices that the decoder reconstructs without their latents, 0 to below
            1, so that `maps_without_latents` can tell what the latents save.
        strides: Strides of the three outer convolutions over pitches and ticks; smaller ones give more
            latents. Those that give 8 x 2 latents if not given.

    Raises:
        ValueError: A setting is out of range, or strides do not meet the layout; the message names what does.
    """

    def __init__(
        self,
        bottleneck: Bottleneck,
        *,
        cells: CellModel | None = None,
        layout: SliceLayout = PIANO,
        num_hiddens: int = 128,
        num_residual_layers: int = 2,
        num_residual_hiddens: int = 32,
        channels: int = 1,
        noise: nn.Module | None = None,
        null_share: float = 0.0,
        strides: Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        _check_sizes(num_hiddens, num_residual_layers, num_residual_hiddens)
        check_channels(channels)
        self.bottleneck = bottleneck
        self.channels = channels
        self.cells = IndependentCells(channels=channels) if cells is None else cells
        if self.cells.channels > channels:
            raise ValueError(
                f"{type(self.cells).__name__} compares {self.cells.channels} channels, but slices have "
                f"channels={channels}; use channels={self.cells.channels}"
            )
        self.layout = layout
        steps = Strides.of(strides) if strides else Strides.for_ticks(layout.ticks)
        self.grid = steps.latent_grid(layout.shape)
        sizes = {
            "num_hiddens": num_hiddens,
            "num_residual_layers": num_residual_layers,
            "num_residual_hiddens": num_residual_hiddens,
            "embedding_dim": bottleneck.embedding_dim,
            "strides": steps,
        }
        self.encoder = Encoder(channels=channels, **sizes)
        self.decoder = Decoder(maps=self.cells.maps, **sizes)
        if not 0 <= null_share < 1:
            raise ValueError(f"null_share={null_share} is not a share; use 0 to below 1, for example 0.1")
        self.noise, self.null_share = noise, null_share
        # Ones, because the decoder rectifies latents: at 0 nothing would be learnt.
        self.null_latent = nn.Parameter(torch.ones(bottleneck.embedding_dim)) if null_share else None

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The codes of a slice, for a prior; None for a bottleneck without codes."""
        return self.bottleneck.vocabulary(positions=self.grid[0] * self.grid[1])

    @property
    def num_codes(self) -> int:
        """Number of codes that describe a slice; 0 without codes."""
        return self.vocabulary.codes_per_slice if self.vocabulary else 0

    @property
    def num_embeddings(self) -> int:
        """Number of codes in a codebook; 0 without codes."""
        return self.vocabulary.size if self.vocabulary else 0

    def forward(self, slices: Shaped[Tensor, "batch *channels pitches ticks"]) -> AutoencoderOutput:
        """Reconstruct slices through the bottleneck; in training mode the bottleneck learns from them.

        Args:
            slices: 0 and 1 in any dtype, (batch, channels, pitches, ticks), or (batch, pitches, ticks) with
                one channel.

        Raises:
            ValueError: The slices have another shape.
        """
        inputs = self._as_input(slices)
        output = self.bottleneck(self.encoder(inputs if self.noise is None else self.noise(inputs)))
        codes = None if output.codes is None else output.codes.flatten(1)
        return AutoencoderOutput(
            maps=self.decoder(self._some_null(output.latents)),
            codes=codes,
            loss=output.loss,
            metrics=output.metrics,
        )

    @torch.no_grad()
    def encode(self, slices: Shaped[Tensor, "batch *channels pitches ticks"]) -> Int[Tensor, "batch codes"]:
        """Find the codes of slices, row-major over the grid, then by codebook; nothing is trained.

        Args:
            slices: 0 and 1 in any dtype, (batch, channels, pitches, ticks), or (batch, pitches, ticks) with
                one channel.

        Raises:
            ValueError: The slices have another shape, or the bottleneck has no codes.
        """
        return self._discrete().encode(self.encoder(self._as_input(slices))).flatten(1)

    def maps_without_latents(self) -> Float[Tensor, "1 maps pitches ticks"] | None:
        """Decode what stands for no latents at all; None unless training showed it to the decoder."""
        if self.null_latent is None:
            return None
        return self.decoder(self.null_latent.view(1, -1, 1, 1).expand(1, -1, *self.grid))

    def _some_null(self, latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "batch dim h w"]:
        if self.null_latent is None or not self.training:
            return latents
        is_null = torch.rand(len(latents), 1, 1, 1, device=latents.device) < self.null_share
        return torch.where(is_null, self.null_latent.view(1, -1, 1, 1).to(latents.dtype), latents)

    def decode_maps(self, codes: Int[Tensor, "batch codes"]) -> Float[Tensor, "batch maps pitches ticks"]:
        """Decode codes (batch, codes_per_slice) to the maps that the cell model reads.

        Raises:
            ValueError: There are not so many codes per slice, or the bottleneck has no codes.
        """
        bottleneck = self._discrete()
        if codes.ndim != 2 or codes.shape[1] != self.num_codes:
            raise ValueError(f"codes have shape {tuple(codes.shape)}; use (batch, {self.num_codes})")
        height, width = self.grid
        latents = bottleneck.lookup(codes.long().view(len(codes), height * width, -1))
        return self.decoder(latents.view(len(codes), height, width, -1).permute(0, 3, 1, 2))

    @torch.no_grad()
    def decode(self, codes: Int[Tensor, "batch codes"]) -> Float[Tensor, "batch pitches ticks"]:
        """Compute the probability that each cell sounds, float32, after silence.

        Args:
            codes: (batch, codes_per_slice), as `encode` returns them.

        Raises:
            ValueError: There are not so many codes per slice, or the bottleneck has no codes.
        """
        return self.cells.marginals(self.decode_maps(codes))

    @torch.no_grad()
    def set_output_bias(self, density: float | Sequence[float]) -> None:
        """Start the output at the data's density, which would take hundreds of updates to learn.

        Args:
            density: Share of cells that sound, between 0 and 1, and share of cells where a note begins.

        Raises:
            ValueError: A density is not between 0 and 1, or the cell model needs more of them.
        """
        densities = [density] * self.channels if isinstance(density, int | float) else list(density)
        bias = self.decoder.conv_4.bias
        assert bias is not None
        bias.copy_(self.cells.output_bias(densities))

    def _discrete(self) -> DiscreteBottleneck:
        if not isinstance(self.bottleneck, DiscreteBottleneck):
            raise ValueError(
                f"{type(self.bottleneck).__name__} has no codes; use a bottleneck with codes, "
                "for example quantizer=ema"
            )
        return self.bottleneck

    def _as_input(
        self, slices: Shaped[Tensor, "batch *channels pitches ticks"]
    ) -> Float[Tensor, "batch channels pitches ticks"]:
        """Bring slices to the weights' dtype and four axes, in channels_last memory where the weights are."""
        if slices.ndim == 3 and self.channels == 1:
            slices = slices[:, None]
        if slices.ndim != 4 or slices.shape[1:] != (self.channels, *self.layout.shape):
            allowed = f"(batch, {self.channels}, {self.layout.pitches}, {self.layout.ticks})"
            raise ValueError(f"slices have shape {tuple(slices.shape)}; this autoencoder takes {allowed}")
        return slices.to(self.encoder.conv_1.weight.dtype)


def _check_sizes(num_hiddens: int, num_residual_layers: int, num_residual_hiddens: int) -> None:
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
