import pytest
import torch
from torch import nn

from musicgen.models.gan import PhraseCritic, PhraseGenerator, gradient_penalty


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_phrases_have_their_shape_and_are_degrees_of_sounding() -> None:
    network = PhraseGenerator(num_bars=3, latent_dim=4, width=8)
    phrases = network(network.noise(5, generator=seeded()))

    assert phrases.shape == (5, 3, 88, 32)
    assert 0 <= phrases.min() <= phrases.max() <= 1


def test_bars_of_a_phrase_differ_and_share_what_the_phrase_shares() -> None:
    network = PhraseGenerator(num_bars=2, latent_dim=4, width=8).eval()
    noise = network.noise(1, generator=seeded()).repeat(2, 1)
    noise[1, :4] += 1  # the phrase's own latent
    first, second = network(noise)

    assert not torch.allclose(first[0], first[1])
    assert all(not torch.allclose(one, other) for one, other in zip(first, second, strict=True))


def test_the_critic_judges_each_phrase_by_itself() -> None:
    critic = PhraseCritic(num_bars=2, width=8)
    phrases = torch.rand(3, 2, 88, 32, generator=seeded())

    together, alone = critic(phrases), torch.cat([critic(one[None]) for one in phrases])

    torch.testing.assert_close(together, alone)


def test_the_penalty_is_of_slopes_other_than_one() -> None:
    class Line(nn.Module):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, phrases: torch.Tensor) -> torch.Tensor:
            return self.slope * phrases.flatten(1)[:, 0]

    real, made = torch.rand(4, 2, 88, 32), torch.rand(4, 2, 88, 32)

    for slope in (0.0, 1.0, 3.0):
        assert gradient_penalty(Line(slope), real, made).item() == pytest.approx((slope - 1) ** 2)


def test_the_penalty_teaches_the_critic() -> None:
    critic = PhraseCritic(num_bars=1, width=4)
    gradient_penalty(critic, torch.rand(2, 1, 88, 32), torch.rand(2, 1, 88, 32)).backward()

    assert critic.shrink[0].weight.grad.abs().sum() > 0


def test_a_width_that_does_not_halve_is_refused() -> None:
    with pytest.raises(ValueError, match="width=10 is not a multiple of 4; use 8"):
        PhraseGenerator(width=10)
