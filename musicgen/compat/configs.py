"""Configs of imported networks in plain values, as stored in checkpoints."""

from typing import Any

from torch import nn

from musicgen.models.bottlenecks.codebook import Codebook, VectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer


def autoencoder_config(autoencoder: ConvolutionalAutoencoder) -> dict[str, Any]:
    """Return the class and arguments that build an autoencoder of these shapes.

    Args:
        autoencoder: An autoencoder of `load_weights`.

    Returns:
        `_target_` and plain arguments, the bottleneck's nested.
    """
    codebook = autoencoder.bottleneck
    assert isinstance(codebook, Codebook), f"Bachsformer's bottleneck is no {type(codebook).__name__}"
    arguments: dict[str, Any] = {
        "num_embeddings": codebook.num_embeddings,
        "embedding_dim": codebook.embedding_dim,
        "commitment_cost": codebook.commitment_cost,
    }
    if isinstance(codebook, VectorQuantizer):
        arguments["decay"] = codebook.decay
    blocks = list(autoencoder.encoder.residual_stack.blocks)
    return {
        "_target_": _target(autoencoder),
        "bottleneck": {"_target_": _target(codebook), **arguments},
        "num_hiddens": autoencoder.encoder.conv_4.out_channels,
        "num_residual_layers": len(blocks),
        "num_residual_hiddens": len(blocks[0].get_parameter("spread.weight")) if blocks else 1,
        "channels": autoencoder.channels,
    }


def transformer_config(transformer: Transformer) -> dict[str, Any]:
    """Return the class and arguments that build a transformer of these shapes.

    Args:
        transformer: A transformer of `load_weights`.

    Returns:
        `_target_` and plain arguments.
    """
    return {
        "_target_": _target(transformer),
        "vocabulary": transformer.vocabulary.config(),
        "num_layers": len(transformer.blocks),
        "num_heads": transformer.num_heads,
        "width": transformer.code_embedding.embedding_dim,
        "max_positions": transformer.max_positions,
        "dropout": transformer.dropout.p,
        "start_token": transformer.start_token is not None,
    }


def _target(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"
