"""Bachsformer's autoencoder: convolutions over pitches and ticks."""

from collections.abc import Sequence

from torch import nn

from musicgen.models.autoencoder import Autoencoder
from musicgen.models.bottlenecks.base import Bottleneck, CodePattern
from musicgen.models.cells.base import CellModel
from musicgen.models.cells.independent import IndependentCells
from musicgen.models.convolutions import Decoder, Encoder, Strides
from musicgen.music.packing import PIANO, SliceLayout

HIDDENS_DIVISOR = 4


class ConvolutionalAutoencoder(Autoencoder):
    """Convolve slices over pitches and ticks (with a codebook: VQ-VAE, van den Oord et al. 2017).

    The convolutions are those of Bachsformer, so that its weights load; its layout gives 8 x 2 latents. Works
    with `to(memory_format=torch.channels_last)` and under bf16 autocast, and is fastest with both.

    Args:
        bottleneck: Between encoder and decoder; its embedding_dim is the latents'.
        cells: How the decoder's maps become cells; `IndependentCells` with as many channels as slices.
        layout: Pitches and ticks of a slice.
        num_hiddens: Width of the widest layers, a multiple of 4.
        num_residual_layers: Residual blocks on each side, 0 or more.
        num_residual_hiddens: Channels inside a residual block.
        channels: Channels of the slices, 1 (sounding) or 2 (sounding, onset); as many as the cells compare
            if not given.
        noise: As in `Autoencoder`.
        null_share: As in `Autoencoder`.
        pattern: As in `Autoencoder`.
        strides: Strides of the three outer convolutions over pitches and ticks; smaller ones give more
            latents. Those that give 8 x 2 latents if not given.

    Raises:
        ValueError: A setting is out of range, or strides do not meet the layout; the message names what does.
    """

    encoder: Encoder
    decoder: Decoder

    def __init__(
        self,
        bottleneck: Bottleneck,
        *,
        cells: CellModel | None = None,
        layout: SliceLayout = PIANO,
        num_hiddens: int = 128,
        num_residual_layers: int = 2,
        num_residual_hiddens: int = 32,
        channels: int | None = None,
        noise: nn.Module | None = None,
        null_share: float = 0.0,
        pattern: CodePattern | None = None,
        strides: Sequence[Sequence[int]] | None = None,
    ) -> None:
        _check_sizes(num_hiddens, num_residual_layers, num_residual_hiddens)
        cells = IndependentCells(channels=channels or 1) if cells is None else cells
        channels = cells.channels if channels is None else channels
        steps = Strides.of(strides) if strides else Strides.for_ticks(layout.ticks)
        sizes = {
            "num_hiddens": num_hiddens,
            "num_residual_layers": num_residual_layers,
            "num_residual_hiddens": num_residual_hiddens,
            "embedding_dim": bottleneck.embedding_dim,
            "strides": steps,
        }
        super().__init__(
            bottleneck,
            encoder=Encoder(channels=channels, **sizes),
            decoder=Decoder(maps=cells.maps, **sizes),
            grid=steps.latent_grid(layout.shape),
            cells=cells,
            layout=layout,
            channels=channels,
            noise=noise,
            null_share=null_share,
            pattern=pattern,
        )


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
