"""The autoencoder: slices to latents, through a bottleneck, and back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from musicgen.config.build import Buildable
from musicgen.models.bottlenecks.base import Bottleneck, CodePattern, DiscreteBottleneck, Vocabulary
from musicgen.models.cells.base import CellModel
from musicgen.music.packing import SliceLayout, check_channels


@dataclass(frozen=True)
class AutoencoderOutput:
    """What the autoencoder makes of a batch.

    Attributes:
        maps: The decoder's output, (batch, maps, pitches, ticks), which the cell model reads.
        codes: int64, (batch, codes_per_slice), in the vocabulary's order; None without codes.
        loss: The bottleneck's own term of the loss, already weighted, a scalar.
        metrics: The bottleneck's metrics by name.
    """

    maps: Float[Tensor, "batch maps pitches ticks"]
    codes: Int[Tensor, "batch codes"] | None
    loss: Float[Tensor, ""]
    metrics: Mapping[str, Tensor]


class SliceDecoder(nn.Module, ABC):
    """Turn a grid of latents into the maps that a cell model reads."""

    @abstractmethod
    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "batch maps pitches ticks"]:
        """Map latents to output maps."""

    @abstractmethod
    def set_output_bias(self, bias: Float[Tensor, " maps"]) -> None:
        """Start each map at a value."""


class Autoencoder(Buildable, nn.Module):
    """Describe a quarter of music by a grid of latents, and reconstruct it from them.

    A subclass builds the two networks; what stands between them, how maps become cells and what a decoder
    learns without latents is the same for all. Works under bf16 autocast.

    Args:
        bottleneck: Between encoder and decoder; its embedding_dim is the latents'.
        encoder: Slices (batch, channels, pitches, ticks) to latents (batch, embedding_dim, *grid).
        decoder: Latents to `cells.maps` maps per pitch and tick.
        grid: Height and width of the grid of latents.
        cells: How the decoder's maps become cells.
        layout: Pitches and ticks of a slice.
        channels: Channels of the slices, 1 (sounding) or 2 (sounding, onset).
        noise: Put on the encoder's input in training; none if not given.
        null_share: Share of training slices that the decoder reconstructs without their latents, 0 to below
            1, so that `maps_without_latents` can tell what the latents save.
        pattern: The order of the codes of a slice; position by position if not given.

    Raises:
        ValueError: A setting is out of range.
    """

    order: Tensor | None

    def __init__(
        self,
        bottleneck: Bottleneck,
        *,
        encoder: nn.Module,
        decoder: SliceDecoder,
        grid: tuple[int, int],
        cells: CellModel,
        layout: SliceLayout,
        channels: int,
        noise: nn.Module | None,
        null_share: float,
        pattern: CodePattern | None,
    ) -> None:
        super().__init__()
        check_channels(channels)
        if cells.channels > channels:
            raise ValueError(
                f"{type(cells).__name__} compares {cells.channels} channels, but slices have "
                f"channels={channels}; use channels={cells.channels}"
            )
        if not 0 <= null_share < 1:
            raise ValueError(f"null_share={null_share} is not a share; use 0 to below 1, for example 0.1")
        self.bottleneck, self.cells = bottleneck, cells
        bottleneck.cells = layout.cells
        self.layout, self.channels, self.grid = layout, channels, grid
        self.encoder, self.decoder = encoder, decoder
        self.noise, self.null_share = noise, null_share
        # Ones, because a decoder may rectify latents: at 0 nothing would be learnt.
        self.null_latent = nn.Parameter(torch.ones(bottleneck.embedding_dim)) if null_share else None
        self.pattern = pattern
        order = self.vocabulary.order if self.vocabulary else ()
        # Saved with the weights, so that codes in another order are never taken for the same.
        self.register_buffer("order", torch.tensor(order) if order else None)

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The codes of a slice, for a prior; None for a bottleneck without codes."""
        codes = self.bottleneck.vocabulary(positions=self.grid[0] * self.grid[1])
        if codes is None or self.pattern is None:
            return codes
        order = self.pattern.order(positions=codes.positions, codebooks=codes.codebooks)
        return replace(codes, order=tuple(order))

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
        codes = None if output.codes is None else self._in_order(output.codes)
        return AutoencoderOutput(
            maps=self.decoder(self._some_null(output.latents)),
            codes=codes,
            loss=output.loss,
            metrics=output.metrics,
        )

    @torch.no_grad()
    def encode(self, slices: Shaped[Tensor, "batch *channels pitches ticks"]) -> Int[Tensor, "batch codes"]:
        """Find the codes of slices, in the vocabulary's order; nothing is trained.

        Args:
            slices: 0 and 1 in any dtype, (batch, channels, pitches, ticks), or (batch, pitches, ticks) with
                one channel.

        Raises:
            ValueError: The slices have another shape, or the bottleneck has no codes.
        """
        return self._in_order(self._discrete().encode(self.encoder(self._as_input(slices))))

    @torch.no_grad()
    def latents(
        self, slices: Shaped[Tensor, "batch *channels pitches ticks"]
    ) -> Float[Tensor, "batch dim h w"]:
        """Compute the latents of slices: what the decoder gets, or with codes what these are chosen for.

        Args:
            slices: 0 and 1 in any dtype, (batch, channels, pitches, ticks), or (batch, pitches, ticks) with
                one channel.

        Raises:
            ValueError: The slices have another shape.
        """
        encoded = self.encoder(self._as_input(slices))
        return (
            encoded if isinstance(self.bottleneck, DiscreteBottleneck) else self.bottleneck(encoded).latents
        )

    @torch.no_grad()
    def decode_latents(
        self, latents: Float[Tensor, "batch dim h w"]
    ) -> Float[Tensor, "batch maps pitches ticks"]:
        """Decode latents, as `latents` returns them, to the maps that the cell model reads."""
        if isinstance(self.bottleneck, DiscreteBottleneck):
            latents = self.bottleneck(latents).latents
        return self.decoder(latents)

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
        if self.order is not None:
            codes = codes[:, self.order.argsort()]
        latents = bottleneck.lookup(codes.long().reshape(len(codes), height * width, -1))
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
        self.decoder.set_output_bias(self.cells.output_bias(densities))

    def _in_order(self, codes: Int[Tensor, "batch positions codebooks"]) -> Int[Tensor, "batch codes"]:
        return codes.flatten(1) if self.order is None else codes.flatten(1)[:, self.order]

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
        return slices.to(next(self.encoder.parameters()).dtype)
