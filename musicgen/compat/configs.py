"""Say in plain values how an imported network is built again, as checkpoints keep it."""

from typing import Any

from torch import nn

from musicgen.models.autoencoder import Autoencoder
from musicgen.models.bottlenecks.vq import VectorQuantizer
from musicgen.models.priors.transformer import Transformer


def autoencoder_config(autoencoder: Autoencoder) -> dict[str, Any]:
    """Give the class and arguments that build an autoencoder of these shapes.

    Args:
        autoencoder: As `load_weights` gives it.

    Returns:
        `_target_` and plain arguments, the quantiser's nested.
    """
    quantizer = autoencoder.quantizer
    arguments: dict[str, Any] = {
        "num_embeddings": quantizer.num_embeddings,
        "embedding_dim": quantizer.embedding_dim,
        "commitment_cost": quantizer.commitment_cost,
    }
    if isinstance(quantizer, VectorQuantizer):
        arguments["decay"] = quantizer.decay
    blocks = list(autoencoder.encoder.residual_stack.blocks)
    return {
        "_target_": _target(autoencoder),
        "quantizer": {"_target_": _target(quantizer), **arguments},
        "num_hiddens": autoencoder.encoder.conv_4.out_channels,
        "num_residual_layers": len(blocks),
        "num_residual_hiddens": len(blocks[0].get_parameter("spread.weight")) if blocks else 1,
        "channels": autoencoder.channels,
    }


def transformer_config(transformer: Transformer) -> dict[str, Any]:
    """Give the class and arguments that build a transformer of these shapes.

    Args:
        transformer: As `load_weights` gives it.

    Returns:
        `_target_` and plain arguments.
    """
    return {
        "_target_": _target(transformer),
        "num_embeddings": transformer.num_embeddings,
        "num_layers": len(transformer.blocks),
        "num_heads": transformer.num_heads,
        "width": transformer.code_embedding.embedding_dim,
        "max_positions": transformer.max_positions,
        "dropout": transformer.dropout.p,
        "start_token": transformer.start_token is not None,
    }


def _target(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"
