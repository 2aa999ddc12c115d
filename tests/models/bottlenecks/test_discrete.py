"""Discrete bottlenecks beside the plain codebook: round trips, gradients, use of codes."""

import pytest
import torch

from musicgen.models.bottlenecks.base import DiscreteBottleneck
from musicgen.models.bottlenecks.cosine import CosineQuantizer
from musicgen.models.bottlenecks.fsq import FiniteScalarQuantizer
from musicgen.models.bottlenecks.residual import ResidualQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer


def made(kind: type[DiscreteBottleneck]) -> DiscreteBottleneck:
    torch.manual_seed(0)
    if kind is FiniteScalarQuantizer:
        return FiniteScalarQuantizer(levels=[4, 3], embedding_dim=6)
    if kind is ResidualQuantizer:
        return ResidualQuantizer(levels=3, num_embeddings=12, embedding_dim=6)
    return CosineQuantizer(num_embeddings=12, embedding_dim=6)


@pytest.fixture(params=[FiniteScalarQuantizer, ResidualQuantizer, CosineQuantizer])
def bottleneck(request: pytest.FixtureRequest) -> DiscreteBottleneck:
    return made(request.param)


def test_encode_and_lookup_are_what_forward_gives(bottleneck: DiscreteBottleneck) -> None:
    latents = torch.randn(4, 6, 8, 2)
    bottleneck.train()(latents)
    output = bottleneck.eval()(latents)
    vocabulary = bottleneck.vocabulary(positions=16)
    assert output.codes is not None
    assert output.codes.shape == (4, vocabulary.positions, vocabulary.codebooks)
    assert torch.equal(bottleneck.encode(latents), output.codes)
    assert 0 <= output.codes.min() <= output.codes.max() < vocabulary.size
    vectors = bottleneck.lookup(output.codes).view(4, 8, 2, 6).permute(0, 3, 1, 2)
    torch.testing.assert_close(vectors, output.latents, rtol=1e-4, atol=1e-5)


def test_the_gradient_reaches_the_latents(bottleneck: DiscreteBottleneck) -> None:
    latents = torch.randn(4, 6, 8, 2, requires_grad=True)
    (bottleneck.train()(latents).latents * torch.randn(4, 6, 8, 2)).sum().backward()
    assert latents.grad is not None
    assert (latents.grad.abs().sum(dim=1) > 0).all()


def test_evaluation_changes_nothing(bottleneck: DiscreteBottleneck) -> None:
    before = {name: tensor.clone() for name, tensor in bottleneck.state_dict().items()}
    bottleneck.eval()(torch.randn(2, 6, 8, 2))
    assert all(torch.equal(before[name], tensor) for name, tensor in bottleneck.state_dict().items())


def test_each_level_leaves_less_over() -> None:
    bottleneck, latents = made(ResidualQuantizer), torch.randn(32, 6, 8, 2)
    for _ in range(10):
        bottleneck.train()(latents)
    codes = bottleneck.eval().encode(latents)
    vectors = latents.permute(0, 2, 3, 1).flatten(1, 2)
    errors = []
    for levels in (1, 2, 3):
        sums = sum(level.lookup(codes[..., n : n + 1]) for n, level in enumerate(bottleneck.levels[:levels]))
        errors.append((vectors - sums).square().mean().item())
    assert errors[2] < errors[1] < errors[0] < latents.square().mean()


def test_every_code_of_every_codebook_is_used_after_the_start() -> None:
    bottleneck = made(ResidualQuantizer)
    codes = bottleneck.train()(torch.randn(64, 6, 8, 2)).codes
    assert all(len(codes[..., level].unique()) == 12 for level in range(3))


def test_every_code_of_the_grid_can_be_reached_and_is_its_own_latent() -> None:
    bottleneck = made(FiniteScalarQuantizer)
    bottleneck.to_numbers.weight.data.copy_(torch.eye(2, 6))
    bottleneck.to_numbers.bias.data.zero_()
    latents = torch.zeros(1, 6, 40, 40)
    latents[0, :2] = torch.stack(torch.meshgrid(*[torch.linspace(-3, 3, 40)] * 2, indexing="ij"))
    assert bottleneck.encode(latents).unique().tolist() == list(range(12))
    assert len(bottleneck.lookup(torch.arange(12).view(1, 12, 1))[0].unique(dim=0)) == 12


def test_directions_do_not_depend_on_length() -> None:
    bottleneck, latents = made(CosineQuantizer), torch.randn(4, 6, 8, 2)
    bottleneck.train()(latents)
    assert torch.equal(bottleneck.encode(latents), bottleneck.encode(100 * latents))
    torch.testing.assert_close(bottleneck.codebook.norm(dim=1), torch.ones(12))


def test_a_prior_tells_codebooks_apart() -> None:
    """The same code means another input in another codebook, cached or not."""
    model = ConvolutionalAutoencoder(
        ResidualQuantizer(levels=2, num_embeddings=5, embedding_dim=8), num_hiddens=8
    )
    vocabulary = model.vocabulary
    assert vocabulary is not None
    assert (vocabulary.codes_per_slice, model.num_codes) == (32, 32)
    prior = Transformer(vocabulary=vocabulary, num_layers=1, num_heads=2, width=8, context_quarters=2).eval()
    stream = torch.tensor([[5, 3, 3, 3, 3]])  # the start, then the first codes of two positions
    assert prior.input_numbers(stream, past=0).tolist() == [[10, 3, 8, 3, 8]]
    assert prior.input_numbers(stream[:, 3:], past=3).tolist() == [[3, 8]]
    cache = prior.new_cache(1)
    parts = torch.cat([prior(stream[:, :3], cache), prior(stream[:, 3:], cache)], dim=1)
    torch.testing.assert_close(parts, prior(stream), rtol=1e-4, atol=1e-5)
    without_start = Transformer(vocabulary=vocabulary, num_layers=1, num_heads=2, width=8, start_token=False)
    assert without_start.input_numbers(torch.tensor([[3, 3]]), past=0).tolist() == [[3, 8]]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ResidualQuantizer(levels=0), "levels=0 leaves no codebook"),
        (lambda: FiniteScalarQuantizer(levels=[4, 1]), "use numbers of 2 or more"),
        (lambda: FiniteScalarQuantizer(levels=[300, 300]), "use 2 to 65536"),
    ],
)
def test_settings_out_of_range_are_refused(make, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
