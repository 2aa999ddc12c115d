"""Our weights under the names that Bachsformer gives them."""

import torch

from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer


def published(model: ConvolutionalAutoencoder | Transformer) -> dict[str, torch.Tensor]:
    """Give a model's state dict as Bachsformer would have saved it."""
    names = {
        "encoder.to_latent": "_pre_vq_conv",
        "bottleneck.codebook": "_vq_vae._embedding.weight",
        "bottleneck.cluster_sum": "_vq_vae._ema_w",
        "bottleneck.cluster_size": "_vq_vae._ema_cluster_size",
        "encoder.conv_": "_encoder._conv_",
        "decoder.conv_": "_decoder._conv_trans_",
        "encoder.residual_stack.blocks": "_encoder._residual_stack._layers",
        "decoder.residual_stack.blocks": "_decoder._residual_stack._layers",
        "spread": "_block.1",
        "mix": "_block.3",
        "code_embedding": "transformer.wte",
        "position_embedding": "transformer.wpe",
        "blocks": "transformer.h",
        "attention_norm": "ln_1",
        "feed_forward_norm": "ln_2",
        "attention.qkv": "attn.c_attn",
        "attention.output": "attn.c_proj",
        "feed_forward.widen": "mlp.c_fc",
        "feed_forward.output": "mlp.c_proj",
        "final_norm": "transformer.ln_f",
        "head": "lm_head",
    }
    state = {}
    for name, tensor in model.state_dict().items():
        if name in ("bottleneck.started", "bottleneck.num_updates"):
            continue
        for ours, theirs in names.items():
            if ours != "blocks" or name.startswith("blocks"):
                name = name.replace(ours, theirs)
        state[name] = tensor
    return state
