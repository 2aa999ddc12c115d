"""Bachsformer's released weights, read into our modules without running pickled code."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from musicgen.config.build import build
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.bottlenecks.gradient import GradientVectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer
from musicgen.tensors import DamagedFileError, read_tensors

logger = logging.getLogger(__name__)
Imported = TypeVar("Imported", bound=nn.Module)


@dataclass(frozen=True)
class ImportedNetwork(Generic[Imported]):
    """A network with weights from elsewhere.

    Attributes:
        module: In evaluation mode, on the CPU.
        config: Class and arguments that build it, in plain values, as stored in checkpoints.
    """

    module: Imported
    config: dict[str, Any]


def load_weights(
    folder: str | Path, *, num_heads: int | None = None
) -> tuple[ConvolutionalAutoencoder, Transformer]:
    """Load Bachsformer's weights into our modules, on the CPU.

    Args:
        folder: Holds `vq_vae.pt` and `transformer.pt`, or is a checkout of Bachsformer or of a fork, where
            the files are recognised by their content. Of several, the one named `last` is used.
        num_heads: Heads of the transformer, not stored in the weights; 8 for Bachsformer's width of 128.

    Returns:
        The autoencoder, whose codebook can be trained further, and the transformer; both in eval mode.

    Raises:
        FileNotFoundError: The folder does not exist, or has no such weights.
        ValueError: Several files have such weights, or one does not fit the architecture.
    """
    autoencoder, transformer = import_networks(folder, num_heads=num_heads)
    return autoencoder.module, transformer.module


def import_networks(
    folder: str | Path, *, num_heads: int | None = None
) -> tuple[ImportedNetwork[ConvolutionalAutoencoder], ImportedNetwork[Transformer]]:
    """Do as `load_weights`, and return the configs as well."""
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder; give one that holds Bachsformer's weights")
    path, state = _choose(root, kind="vq_vae")
    autoencoder = _filled(_autoencoder_config(state), _rename(state, _VQ_VAE_NAMES), path=path)
    path, state = _choose(root, kind="transformer")
    prior = _filled(
        _transformer_config(state, num_heads, path), _rename(state, _TRANSFORMER_NAMES), path=path
    )
    if autoencoder.module.num_embeddings != prior.module.num_embeddings:
        raise ValueError(
            f"the VQ-VAE in {root} has {autoencoder.module.num_embeddings} codes and the transformer "
            f"{prior.module.num_embeddings}; give a pair that was trained together"
        )
    return autoencoder, prior


_SIGN = {
    "vq_vae": ("_encoder._conv_1.weight", "_encoder._conv_4.weight", "_vq_vae._embedding.weight"),
    "transformer": ("transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"),
}
_LAYER = r"^_(encoder|decoder)\._residual_stack\._layers\.(\d+)\._block"
_VQ_VAE_NAMES = {
    r"^_pre_vq_conv\.": "encoder.to_latent.",
    r"^_vq_vae\._embedding\.weight$": "bottleneck.codebook",
    r"^_vq_vae\._ema_w$": "bottleneck.cluster_sum",
    r"^_vq_vae\._ema_cluster_size$": "bottleneck.cluster_size",
    r"^_(encoder|decoder)\._conv(?:_trans)?_(\d)\.": r"\1.conv_\2.",
    _LAYER + r"\.1\.": r"\1.residual_stack.blocks.\2.spread.",
    _LAYER + r"\.3\.": r"\1.residual_stack.blocks.\2.mix.",
}
_TRANSFORMER_NAMES = {
    r"^transformer\.h\.\d+\.attn\.(bias|masked_bias)$": "",  # the causal mask
    r"^transformer\.wte\.": "code_embedding.",
    r"^transformer\.wpe\.": "position_embedding.",
    r"^transformer\.h\.(\d+)\.ln_1\.": r"blocks.\1.attention_norm.",
    r"^transformer\.h\.(\d+)\.ln_2\.": r"blocks.\1.feed_forward_norm.",
    r"^transformer\.h\.(\d+)\.attn\.c_attn\.": r"blocks.\1.attention.qkv.",
    r"^transformer\.h\.(\d+)\.attn\.c_proj\.": r"blocks.\1.attention.output.",
    r"^transformer\.h\.(\d+)\.mlp\.c_fc\.": r"blocks.\1.feed_forward.widen.",
    r"^transformer\.h\.(\d+)\.mlp\.c_proj\.": r"blocks.\1.feed_forward.output.",
    r"^transformer\.ln_f\.": "final_norm.",
    r"^lm_head\.": "head.",
}
_TORCH_MAGIC = (b"PK\x03\x04", b"\x80\x02\x8a\x0a")  # its zip format, and the one before


def _choose(root: Path, *, kind: str) -> tuple[Path, dict[str, Tensor]]:
    """Find the file with such weights, by name or else by content."""
    named = root / f"{kind}.pt"
    read = {path: _read_state(path) for path in ([named] if named.is_file() else _weight_files(root))}
    found = [path for path, (state, _) in read.items() if all(name in state for name in _SIGN[kind])]
    if not found:
        refused = "".join(
            f"; {path.relative_to(root)} {reason}" for path, (_, reason) in read.items() if reason
        )
        raise FileNotFoundError(f"no {kind} of Bachsformer in {root}; put one there as {kind}.pt{refused}")
    last = [path for path in found if path.stem == "last"]
    if len(found) > 1 and len(last) != 1:
        names = ", ".join(str(path.relative_to(root)) for path in found)
        raise ValueError(f"several files in {root} hold a {kind}: {names}; copy the right one to {kind}.pt")
    path = last[0] if len(found) > 1 else found[0]
    logger.info("taking the %s from %s", kind, path)
    return path, read[path][0]


def _weight_files(root: Path) -> list[Path]:
    """List the files that torch may have written, by content."""
    files = []
    for path in sorted(root.rglob("[!.]*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            with path.open("rb") as stream:
                files += [path] if stream.read(4) in _TORCH_MAGIC else []
    return files


def _read_state(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read only the tensors of a file; if there are none, also return the reason."""
    try:
        content = read_tensors(path)
    except DamagedFileError as error:
        return {}, str(error)
    return _tensors(content), ""


def _tensors(content: Any) -> dict[str, Tensor]:
    """Extract the state dict of a checkpoint, without prefixes of wrappers."""
    if not isinstance(content, Mapping):
        return {}
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            return _tensors(content[wrapper])
    named = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    return {re.sub(r"^(module\.|_orig_mod\.)+", "", name): tensor.float() for name, tensor in named.items()}


def _rename(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Rename the tensors to our names; those renamed to an empty name are dropped."""
    renamed = {}
    for name, tensor in state.items():
        fitting = [pattern for pattern in names if re.match(pattern, name)]
        renamed[re.sub(fitting[0], names[fitting[0]], name) if fitting else name] = tensor
    renamed.pop("", None)
    return renamed


def _autoencoder_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Describe the autoencoder that has the weights' shapes."""
    num_embeddings, embedding_dim = state["_vq_vae._embedding.weight"].shape
    codebook = {"num_embeddings": num_embeddings, "embedding_dim": embedding_dim, "commitment_cost": 0.25}
    kind = GradientVectorQuantizer
    if "_vq_vae._ema_w" in state:
        kind, codebook = VectorQuantizer, codebook | {"decay": 0.99}
    spreads = [
        tensor for name, tensor in state.items() if re.match(r"_encoder\..*\._block\.1\.weight$", name)
    ]
    return {
        "_target_": _target(ConvolutionalAutoencoder),
        "bottleneck": {"_target_": _target(kind), **codebook},
        "num_hiddens": len(state["_encoder._conv_4.weight"]),
        "num_residual_layers": len(spreads),
        "num_residual_hiddens": len(spreads[0]) if spreads else 1,
        "channels": state["_encoder._conv_1.weight"].shape[1],
    }


def _transformer_config(state: Mapping[str, Tensor], num_heads: int | None, path: Path) -> dict[str, Any]:
    """Describe the transformer that has the weights' shapes."""
    num_embeddings, width = state["transformer.wte.weight"].shape
    heads = num_heads or (8 if width == 128 else 0)
    if not heads:
        raise ValueError(f"{path} has width {width} and does not tell its heads; say num_heads=...")
    return {
        "_target_": _target(Transformer),
        "vocabulary": Vocabulary(positions=16, codebooks=1, size=num_embeddings).config(),
        "num_layers": len([name for name in state if name.endswith(".ln_1.weight")]),
        "num_heads": heads,
        "width": width,
        "max_positions": len(state["transformer.wpe.weight"]),
        "start_token": False,
    }


def _target(kind: type[nn.Module]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _filled(config: dict[str, Any], state: dict[str, Tensor], *, path: Path) -> ImportedNetwork[Any]:
    """Build a network and load renamed weights strictly."""
    module = build(config)
    own = module.state_dict().keys()
    # Many updates, so that the codebook's running means continue unchanged.
    settled = {"bottleneck.started": torch.tensor(True), "bottleneck.num_updates": torch.tensor(1_000_000)}
    counters = {name: value for name, value in settled.items() if name in own}
    try:
        module.load_state_dict(counters | state)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit Bachsformer's architecture: {error}") from error
    return ImportedNetwork(module.eval(), config)
