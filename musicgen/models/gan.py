"""MuseGAN's idea in small: a generator and a critic of phrases, bar by bar, both convolutional."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

NUM_PITCHES = 88
STEPS_PER_BAR = 32  # eighths of a quarter
_LOW_PITCHES, _LOW_STEPS = 11, 4  # a bar after three halvings


class PhraseGenerator(nn.Module):
    """Turn noise into phrases of bars (Dong et al. 2018, section 3.3, for one instrument).

    One latent is shared by the phrase, one is the bar's own and comes from a small temporal network; a bar
    is made from both by transposed convolutions that all bars share.

    Args:
        num_bars: Bars a phrase.
        latent_dim: Numbers of each of the two latents.
        width: Channels of the first layer, a multiple of 4.
    """

    def __init__(self, *, num_bars: int = 4, latent_dim: int = 32, width: int = 64) -> None:
        super().__init__()
        _check_width(width)
        self.num_bars, self.latent_dim, self.width = num_bars, latent_dim, width
        self.temporal = nn.Sequential(
            nn.Linear(latent_dim, 4 * latent_dim), nn.ReLU(), nn.Linear(4 * latent_dim, num_bars * latent_dim)
        )
        self.seed = nn.Linear(2 * latent_dim, width * _LOW_PITCHES * _LOW_STEPS)
        self.grow = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width // 2, kernel_size=4, stride=2, padding=1),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.ConvTranspose2d(width // 2, width // 4, kernel_size=4, stride=2, padding=1),
            nn.BatchNorm2d(width // 4),
            nn.ReLU(),
            nn.ConvTranspose2d(width // 4, 1, kernel_size=4, stride=2, padding=1),
        )

    def forward(self, noise: Float[Tensor, "batch noise"]) -> Float[Tensor, "batch bars pitches steps"]:
        """Map noise (batch, 2 latent_dim) to the degree to which each cell sounds, 0 to 1."""
        shared, of_time = noise.chunk(2, dim=1)
        bars = self.temporal(of_time).view(len(noise), self.num_bars, self.latent_dim)
        latents = torch.cat([shared[:, None].expand_as(bars), bars], dim=2).flatten(0, 1)
        low = self.seed(latents).view(-1, self.width, _LOW_PITCHES, _LOW_STEPS)
        return self.grow(low).sigmoid().view(len(noise), self.num_bars, NUM_PITCHES, STEPS_PER_BAR)

    def noise(self, batch: int, *, generator: torch.Generator | None = None) -> Float[Tensor, "batch noise"]:
        """Draw what phrases are made of."""
        return torch.randn(batch, 2 * self.latent_dim, generator=generator).to(self.seed.weight.device)


class PhraseCritic(nn.Module):
    """Say how real phrases are: convolutions over each bar, then one layer over all bars. No normalisation.

    Batches must not mix in a critic with a gradient penalty (Gulrajani et al. 2017, section 4).

    Args:
        num_bars: Bars a phrase.
        width: Channels of the last convolution, a multiple of 4.
    """

    def __init__(self, *, num_bars: int = 4, width: int = 64) -> None:
        super().__init__()
        _check_width(width)
        self.num_bars = num_bars
        self.shrink = nn.Sequential(
            nn.Conv2d(1, width // 4, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width // 4, width // 2, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width // 2, width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        )
        self.bar = nn.Linear(width * _LOW_PITCHES * _LOW_STEPS, width)
        self.phrase = nn.Linear(num_bars * width, width)
        self.score = nn.Linear(width, 1)

    def forward(self, phrases: Float[Tensor, "batch bars pitches steps"]) -> Float[Tensor, " batch"]:
        """Map phrases to scores, the higher the more real."""
        features = self.shrink(phrases.reshape(-1, 1, NUM_PITCHES, STEPS_PER_BAR)).flatten(1)
        bars = functional.leaky_relu(self.bar(features), 0.2).view(len(phrases), -1)
        return self.score(functional.leaky_relu(self.phrase(bars), 0.2))[:, 0]


def gradient_penalty(
    critic: nn.Module,
    real: Float[Tensor, "batch bars pitches steps"],
    made: Float[Tensor, "batch bars pitches steps"],
    *,
    generator: torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Punish slopes of the critic other than 1 between real and made phrases.

    Gulrajani et al. 2017, equation 3.

    Args:
        critic: Gives a score a phrase.
        real: Real phrases.
        made: As many made ones.
        generator: Of the places between.

    Returns:
        Mean of (|slope| - 1)², with its graph.
    """
    share = torch.rand(len(real), 1, 1, 1, generator=generator).to(real.device)
    between = (share * real + (1 - share) * made).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()


def _check_width(width: int) -> None:
    if width < 4 or width % 4:
        raise ValueError(f"width={width} is not a multiple of 4; use {max(4, round(width / 4) * 4)}")
