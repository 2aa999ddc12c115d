"""Convolutional encoder and decoder between a slice and a grid of latents."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from musicgen.models.autoencoder import SliceDecoder

_PADDING = 1
_INNER_KERNEL = 3  # of the innermost convolution, which has neither stride nor padding
_STRIDES = {  # over ticks: those that leave two latents
    4: (1, 1, 1),
    8: (2, 1, 1),
    12: (3, 1, 1),
    16: (2, 2, 1),
    24: (3, 2, 1),
    32: (2, 2, 2),
}


@dataclass(frozen=True)
class Strides:
    """Strides of the outer convolutions, and the kernels that fit them without a remainder.

    A kernel that is wider than its stride by twice the padding divides the size by the stride. Over pitches
    the third kernel is wider by two more, as Bachsformer's is: 88 pitches become 44, 22, 10, then 8 latents.

    Attributes:
        steps: (pitches, ticks) of each of the three convolutions.
    """

    steps: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, strides: Sequence[Sequence[int]]) -> "Strides":
        """Check strides as they stand in a config.

        Raises:
            ValueError: There are not three pairs, or one is below 1.
        """
        pairs = tuple(tuple(int(step) for step in pair) for pair in strides)
        if len(pairs) != 3 or any(len(pair) != 2 or min(pair) < 1 for pair in pairs):
            raise ValueError(
                f"strides={[list(pair) for pair in pairs]}; use three pairs (pitches, ticks) of 1 or more, "
                "for example [[2,2],[2,2],[2,2]]"
            )
        return cls(pairs)  # pyright: ignore[reportArgumentType] (their lengths were checked)

    @classmethod
    def for_ticks(cls, ticks: int) -> "Strides":
        """Choose the strides that take a quarter of so many ticks to two latents, 88 pitches to eight.

        Raises:
            ValueError: No strides do.
        """
        if ticks not in _STRIDES:
            raise ValueError(
                f"no strides take ticks={ticks} to two latents, only {', '.join(map(str, _STRIDES))}; give "
                "vq_vae.strides, or use vq_vae=pitch, which takes all ticks"
            )
        return cls.of([(2, step) for step in _STRIDES[ticks]])

    @property
    def kernels(self) -> tuple[tuple[int, int], ...]:
        """Kernel of each convolution, (pitches, ticks)."""
        wider = 2 * _PADDING
        sizes = [(pitches + wider, ticks + wider) for pitches, ticks in self.steps]
        last = sizes[-1]
        return (*sizes[:-1], (last[0] + 2, last[1]))

    def latent_grid(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Compute the height and width of the grid of latents.

        Args:
            shape: Pitches and ticks of a slice.

        Raises:
            ValueError: The strides leave a remainder, or no latent.
        """
        grid = []
        for axis, name in enumerate(("pitches", "ticks")):
            size, sizes = shape[axis], [shape[axis]]
            for step, kernel in zip(self.steps, self.kernels, strict=True):
                size, remainder = divmod(size + 2 * _PADDING - kernel[axis], step[axis])
                size += 1
                sizes.append(size)
                if remainder or size < _INNER_KERNEL:
                    strides = [step[axis] for step in self.steps]
                    raise ValueError(
                        f"strides of {strides} do not meet {shape[axis]} {name}: {sizes} "
                        f"(at least {_INNER_KERNEL} must be left, without a remainder); {_advice(name)}"
                    )
            grid.append(size - _INNER_KERNEL + 1)
        return grid[0], grid[1]


def _advice(name: str) -> str:
    if name == "pitches":
        return "use 2, 2, 2 for 88 pitches"
    return "use " + ", ".join(f"{a}, {b}, {c} for {ticks} ticks" for ticks, (a, b, c) in _STRIDES.items())


class ResidualBlock(nn.Module):
    """Add a 3×3 and 1×1 convolution of the rectified input to the rectified input.

    The skip carries the rectified input, as in every descendant of the VQ-VAE of van den Oord
    et al. 2017 (section 4.1) whose first ReLU works in place.

    Args:
        num_hiddens: Channels in and out.
        num_residual_hiddens: Channels between the two convolutions.
    """

    def __init__(self, num_hiddens: int, *, num_residual_hiddens: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(num_hiddens, num_residual_hiddens, kernel_size=3, padding=1, bias=False)
        self.mix = nn.Conv2d(num_residual_hiddens, num_hiddens, kernel_size=1, bias=False)

    def forward(self, hidden: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch channels h w"]:
        """Map (batch, num_hiddens, h, w) to the same shape."""
        rectified = functional.relu(hidden)
        return rectified + self.mix(functional.relu_(self.spread(rectified)))


class ResidualStack(nn.Module):
    """Chain residual blocks and rectify what comes out; without blocks, a ReLU.

    Args:
        num_hiddens: Channels in and out.
        num_layers: Number of blocks, 0 or more.
        num_residual_hiddens: Channels inside a block.
    """

    def __init__(self, num_hiddens: int, *, num_layers: int, num_residual_hiddens: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                ResidualBlock(num_hiddens, num_residual_hiddens=num_residual_hiddens)
                for _ in range(num_layers)
            )
        )

    def forward(self, hidden: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch channels h w"]:
        """Map (batch, num_hiddens, h, w) to the same shape."""
        return functional.relu(self.blocks(hidden))


class Encoder(nn.Module):
    """Turn slices into a grid of latents: (batch, channels, pitches, ticks) to (batch, embedding_dim, h, w).

    With Bachsformer's strides pitches go 88, 44, 22, 10, 8 and ticks 32, 16, 8, 4, 2. Four convolutions,
    residual layers, then a 1×1 convolution to the embedding's size.

    Args:
        channels: Channels of the slices.
        num_hiddens: Width of the last layers, a multiple of 4; the first two have a quarter and a half.
        num_residual_layers: Residual blocks after the convolutions.
        num_residual_hiddens: Channels inside a residual block.
        embedding_dim: Channels of a latent.
        strides: Of the first three convolutions.
    """

    def __init__(
        self,
        *,
        channels: int,
        num_hiddens: int,
        num_residual_layers: int,
        num_residual_hiddens: int,
        embedding_dim: int,
        strides: Strides,
    ) -> None:
        super().__init__()
        widths = (channels, num_hiddens // 4, num_hiddens // 2, num_hiddens)
        layers = [
            nn.Conv2d(widths[n], widths[n + 1], kernel_size=kernel, stride=step, padding=_PADDING)
            for n, (kernel, step) in enumerate(zip(strides.kernels, strides.steps, strict=True))
        ]
        self.conv_1, self.conv_2, self.conv_3 = layers
        self.conv_4 = nn.Conv2d(num_hiddens, num_hiddens, kernel_size=_INNER_KERNEL)
        self.residual_stack = ResidualStack(
            num_hiddens, num_layers=num_residual_layers, num_residual_hiddens=num_residual_hiddens
        )
        self.to_latent = nn.Conv2d(num_hiddens, embedding_dim, kernel_size=1)

    def forward(
        self, slices: Float[Tensor, "batch channels pitches ticks"]
    ) -> Float[Tensor, "batch dim h w"]:
        """Map slices to a grid of latents."""
        hidden = functional.relu_(self.conv_1(slices))
        hidden = functional.relu_(self.conv_2(hidden))
        hidden = functional.relu_(self.conv_3(hidden))
        return self.to_latent(self.residual_stack(self.conv_4(hidden)))


class Decoder(SliceDecoder):
    """Turn a grid of latents into maps: (batch, embedding_dim, h, w) to (batch, maps, pitches, ticks).

    The encoder's mirror image. A 1×1 convolution comes first where the latents are not as wide as the hidden
    layers; where they are, the residual layers take them as they are.

    Args:
        maps: Output maps per pitch and tick.
        num_hiddens: Width of the first layers, a multiple of 4.
        num_residual_layers: Residual blocks before the transposed convolutions.
        num_residual_hiddens: Channels inside a residual block.
        embedding_dim: Channels of a latent.
        strides: Of the encoder's convolutions.
    """

    def __init__(
        self,
        *,
        maps: int,
        num_hiddens: int,
        num_residual_layers: int,
        num_residual_hiddens: int,
        embedding_dim: int,
        strides: Strides,
    ) -> None:
        super().__init__()
        same_width = embedding_dim == num_hiddens
        self.from_latent = (
            nn.Identity() if same_width else nn.Conv2d(embedding_dim, num_hiddens, kernel_size=1)
        )
        self.residual_stack = ResidualStack(
            num_hiddens, num_layers=num_residual_layers, num_residual_hiddens=num_residual_hiddens
        )
        self.conv_1 = nn.ConvTranspose2d(num_hiddens, num_hiddens, kernel_size=_INNER_KERNEL)
        widths = (num_hiddens, num_hiddens // 2, num_hiddens // 4, maps)
        mirrored = zip(strides.kernels[::-1], strides.steps[::-1], strict=True)
        layers = [
            nn.ConvTranspose2d(widths[n], widths[n + 1], kernel_size=kernel, stride=step, padding=_PADDING)
            for n, (kernel, step) in enumerate(mirrored)
        ]
        self.conv_2, self.conv_3, self.conv_4 = layers

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> Float[Tensor, "batch maps pitches ticks"]:
        """Map latents to the decoder's output maps."""
        hidden = self.residual_stack(self.from_latent(latents))
        hidden = functional.relu_(self.conv_1(hidden))
        hidden = functional.relu_(self.conv_2(hidden))
        hidden = functional.relu_(self.conv_3(hidden))
        return self.conv_4(hidden)

    @torch.no_grad()
    def set_output_bias(self, bias: Float[Tensor, " maps"]) -> None:
        """Start each map at a value."""
        assert self.conv_4.bias is not None
        self.conv_4.bias.copy_(bias)
