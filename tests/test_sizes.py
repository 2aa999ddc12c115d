"""Every size that the config allows builds, trains a step and decodes; others are refused."""

import itertools

import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.models.losses import code_loss
from tests.composing import composed

WIDTHS, CODEBOOKS = (32, 512), (16, 1024)
VOCABULARY = {
    "_target_": "musicgen.models.bottlenecks.base.Vocabulary",
    "positions": 16,
    "codebooks": 1,
    "size": 16,
}


def trained_a_step(config: DictConfig) -> None:
    """Build both networks, train each by one update, decode what the prior may write."""
    torch.manual_seed(0)
    autoencoder = instantiate(config.vq_vae)
    prior = instantiate(config.transformer, _partial_=True)(vocabulary=autoencoder.vocabulary)
    shape = autoencoder.layout.shape
    slices = (torch.rand(2, autoencoder.channels, *shape) < 0.05).float()
    output = autoencoder(slices)
    codes = output.codes.flatten()[None]
    stream = torch.cat([torch.full((1, 1), prior.start_token), codes[:, :-1]], dim=1)
    prior_loss = code_loss(prior(stream), codes, mask=torch.ones_like(codes, dtype=torch.bool))
    before = [parameter.detach().clone() for parameter in (*autoencoder.parameters(), *prior.parameters())]
    optimizer = torch.optim.SGD([*autoencoder.parameters(), *prior.parameters()], lr=1.0)
    (autoencoder.cells.loss(output.maps, slices).total + output.loss + prior_loss).backward()
    optimizer.step()
    after = [*autoencoder.parameters(), *prior.parameters()]
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    codes = torch.randint(autoencoder.num_embeddings, (3, autoencoder.num_codes))
    probabilities = autoencoder.eval().decode(codes)
    assert probabilities.shape == (3, *shape)
    assert bool(((probabilities >= 0) & (probabilities <= 1)).all())


@pytest.mark.parametrize(("num_hiddens", "num_embeddings"), list(itertools.product(WIDTHS, CODEBOOKS)))
def test_the_corners_of_the_sweep_over_sizes(num_hiddens: int, num_embeddings: int):
    trained_a_step(
        composed("train", "experiment=sizes", f"vq_vae.num_hiddens={num_hiddens}",
                 f"quantizer.num_embeddings={num_embeddings}")
    )  # fmt: skip


@pytest.mark.parametrize("network", ["pitch", "bachsformer"])
@pytest.mark.parametrize(
    ("num_residual_layers", "num_residual_hiddens", "embedding_dim"), [(0, 1, 1), (1, 16, 32), (4, 64, 128)]
)
def test_residual_layers_and_embeddings_of_any_size(
    network: str, num_residual_layers: int, num_residual_hiddens: int, embedding_dim: int
):
    trained_a_step(
        composed(
            "train",
            f"vq_vae={network}",
            "vq_vae.num_hiddens=32",
            f"vq_vae.num_residual_layers={num_residual_layers}",
            f"vq_vae.num_residual_hiddens={num_residual_hiddens}",
            f"quantizer.embedding_dim={embedding_dim}",
        )
    )


@pytest.mark.parametrize("quantizer", ["ema", "gradient", "cold"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_quantizer_with_both_kinds_of_slices(quantizer: str, channels: int):
    trained_a_step(
        composed(
            "train", "vq_vae=bachsformer", f"quantizer={quantizer}", f"vq_vae.channels={channels}",
            "vq_vae.num_hiddens=4", "quantizer.num_embeddings=2", "transformer.width=8",
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("network", "setting", "nearest"),
    [
        ("vq_vae", "vq_vae=bachsformer vq_vae.num_hiddens=30", "use 32"),
        ("vq_vae", "vq_vae=bachsformer vq_vae.num_hiddens=0", "use 4"),
        ("vq_vae", "vq_vae.num_hiddens=0", "use 1"),
        ("vq_vae", "vq_vae.strides=[3]", "[4,2]"),
        ("vq_vae", "vq_vae.num_residual_layers=-1", "use 0"),
        ("vq_vae", "vq_vae.num_residual_hiddens=0", "use 1"),
        ("vq_vae", "vq_vae.channels=3", "use 1"),
        ("vq_vae", "quantizer.num_embeddings=1", "use 2"),
        ("vq_vae", "quantizer.num_embeddings=100000", "use 65536"),
        ("vq_vae", "quantizer.embedding_dim=0", "use 1"),
        ("transformer", "transformer.width=100", "use width=96"),
        ("transformer", "transformer.num_layers=0", "use 1"),
    ],
)
def test_a_size_that_cannot_be_is_refused_with_the_nearest(network: str, setting: str, nearest: str):
    config = composed("train", *setting.split())
    with pytest.raises(InstantiationException) as refused:
        instantiate(config[network], **({"vocabulary": VOCABULARY} if network == "transformer" else {}))
    error = refused.value
    while error.__cause__ is not None:
        error = error.__cause__
    assert isinstance(error, ValueError)
    assert nearest in str(error)
