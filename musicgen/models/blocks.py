"""Convolutional encoder and decoder between an 88×32 slice and an 8×2 grid of latents."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from musicgen.models.convolution import Conv2d, ConvTranspose2d

NUM_PITCHES = 88
NUM_TICKS = 32
LATENT_HEIGHT = 8
LATENT_WIDTH = 2
HIDDENS_DIVISOR = 4


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
        self.spread = Conv2d(num_hiddens, num_residual_hiddens, kernel_size=3, padding=1, bias=False)
        self.mix = Conv2d(num_residual_hiddens, num_hiddens, kernel_size=1, bias=False)

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
    """Turn slices into a grid of latents: (batch, channels, 88, 32) to (batch, embedding_dim, 8, 2).

    Pitches go 88, 44, 22, 10, 8 and ticks 32, 16, 8, 4, 2. Four convolutions, residual layers, then
    a 1×1 convolution to the embedding's size.

    Args:
        channels: 1 (sounding) or 2 (sounding, onset).
        num_hiddens: Width of the last layers, a multiple of 4; the first two have a quarter and a half.
        num_residual_layers: Residual blocks after the convolutions.
        num_residual_hiddens: Channels inside a residual block.
        embedding_dim: Channels of a latent.
    """

    def __init__(
        self,
        *,
        channels: int,
        num_hiddens: int,
        num_residual_layers: int,
        num_residual_hiddens: int,
        embedding_dim: int,
    ) -> None:
        super().__init__()
        quarter, half = num_hiddens // 4, num_hiddens // 2
        self.conv_1 = Conv2d(channels, quarter, kernel_size=4, stride=2, padding=1)
        self.conv_2 = Conv2d(quarter, half, kernel_size=4, stride=2, padding=1)
        self.conv_3 = Conv2d(half, num_hiddens, kernel_size=(6, 4), stride=2, padding=1)
        self.conv_4 = Conv2d(num_hiddens, num_hiddens, kernel_size=3)
        self.residual_stack = ResidualStack(
            num_hiddens, num_layers=num_residual_layers, num_residual_hiddens=num_residual_hiddens
        )
        self.to_latent = Conv2d(num_hiddens, embedding_dim, kernel_size=1)

    def forward(
        self, slices: Float[Tensor, "batch channels pitches ticks"]
    ) -> Float[Tensor, "batch dim 8 2"]:
        """Map (batch, channels, 88, 32) to latents (batch, embedding_dim, 8, 2)."""
        hidden = functional.relu_(self.conv_1(slices))
        hidden = functional.relu_(self.conv_2(hidden))
        hidden = functional.relu_(self.conv_3(hidden))
        return self.to_latent(self.residual_stack(self.conv_4(hidden)))


class Decoder(nn.Module):
    """Turn a grid of embeddings into logits: (batch, embedding_dim, 8, 2) to (batch, channels, 88, 32).

    The encoder's mirror image. A 1×1 convolution comes first where the embedding is not as wide as the
    hidden layers; where it is, the residual layers take it as it is.

    Args:
        channels: 1 (sounding) or 2 (sounding, onset).
        num_hiddens: Width of the first layers, a multiple of 4.
        num_residual_layers: Residual blocks before the transposed convolutions.
        num_residual_hiddens: Channels inside a residual block.
        embedding_dim: Channels of an embedding.
    """

    def __init__(
        self,
        *,
        channels: int,
        num_hiddens: int,
        num_residual_layers: int,
        num_residual_hiddens: int,
        embedding_dim: int,
    ) -> None:
        super().__init__()
        quarter, half = num_hiddens // 4, num_hiddens // 2
        same_width = embedding_dim == num_hiddens
        self.from_latent = nn.Identity() if same_width else Conv2d(embedding_dim, num_hiddens, kernel_size=1)
        self.residual_stack = ResidualStack(
            num_hiddens, num_layers=num_residual_layers, num_residual_hiddens=num_residual_hiddens
        )
        self.conv_1 = ConvTranspose2d(num_hiddens, num_hiddens, kernel_size=3)
        self.conv_2 = ConvTranspose2d(num_hiddens, half, kernel_size=(6, 4), stride=2, padding=1)
        self.conv_3 = ConvTranspose2d(half, quarter, kernel_size=4, stride=2, padding=1)
        self.conv_4 = ConvTranspose2d(quarter, channels, kernel_size=4, stride=2, padding=1)

    def forward(
        self, embeddings: Float[Tensor, "batch dim 8 2"]
    ) -> Float[Tensor, "batch channels pitches ticks"]:
        """Map (batch, embedding_dim, 8, 2) to logits (batch, channels, 88, 32)."""
        hidden = self.residual_stack(self.from_latent(embeddings))
        hidden = functional.relu_(self.conv_1(hidden))
        hidden = functional.relu_(self.conv_2(hidden))
        hidden = functional.relu_(self.conv_3(hidden))
        return self.conv_4(hidden)
