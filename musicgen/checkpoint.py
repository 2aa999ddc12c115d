"""Save what a network needs to be built again, and build it again from a run folder."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from musicgen import __version__
from musicgen.config.build import build
from musicgen.files.run_folders import find_run
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.base import Prior
from musicgen.provenance import git_commit
from musicgen.tensors import DamagedFileError, SizeLimit, TooLargeError, read_tensors, write_tensors

FORMAT = 2
STATE_PREFIXES = {
    "vq_vae": "autoencoder.",
    "kmeans": "autoencoder.",
    "transformer": "transformer.",
    "style": "classifier.",
}
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Network(Generic[Module]):
    """Hold a network read from a checkpoint and what came with it.

    Attributes:
        module: In evaluation mode, on the CPU.
        description: What `describe` wrote.
        metrics: What was logged at the epoch that the checkpoint is of, by name.
        path: The file.
    """

    module: Module
    description: dict[str, Any]
    metrics: dict[str, float]
    path: Path


def fingerprint(module: nn.Module) -> str:
    """Compute the SHA-256 of a module's tensors, in hex, by name and value.

    A bottleneck goes by its first name, "quantizer": priors of the first version hold that hash.
    """
    digest = hashlib.sha256()
    state = {
        name.replace("bottleneck.", "quantizer.", 1): value for name, value in module.state_dict().items()
    }
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def describe(
    stage: str,
    *,
    config: dict[str, Any],
    grid: dict[str, Any],
    data: dict[str, Any],
    autoencoder_sha256: str | None = None,
) -> dict[str, Any]:
    """Write down, in plain values, what a checkpoint of a stage needs beside its tensors.

    Args:
        stage: `vq_vae` or `transformer`.
        config: The network's config, `_target_` and arguments, resolved.
        grid: The grid's config, so that a prompt is read as the training pieces were.
        data: What the pieces were: their number and a hash of their contents.
        autoencoder_sha256: For a transformer, whose codes it speaks.

    Returns:
        A dictionary of plain values, loadable with `weights_only=True`.
    """
    return {
        "format": FORMAT,
        "stage": stage,
        "config": config,
        "grid": grid,
        "data": data,
        "version": __version__,
        "git_commit": git_commit(),
        "autoencoder_sha256": autoencoder_sha256,
    }


def save_network(module: nn.Module, run: str | Path, *, description: dict[str, Any]) -> Path:
    """Write a network that was not trained here as the best and the last checkpoint of a stage.

    Args:
        module: An autoencoder or a transformer.
        run: The run folder.
        description: What `describe` gave.

    Returns:
        The file of the best one, as `load_autoencoder` and `load_transformer` read it.

    Raises:
        OSError: The folder cannot be written.
    """
    stage = description["stage"]
    folder = Path(run) / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"{STATE_PREFIXES[stage]}{name}": tensor for name, tensor in module.state_dict().items()}
    content = {"state_dict": state, "musicgen": {**description, "metrics": {}}}
    for name in (f"{stage}-last.ckpt", f"{stage}.ckpt"):
        write_tensors(content, folder / name)
    return folder / f"{stage}.ckpt"


def load_autoencoder(run: str | Path) -> Network[Autoencoder]:
    """Build the autoencoder of a run folder from its best checkpoint, with its codes of k-means if any.

    Args:
        run: The run folder.

    Returns:
        The network in evaluation mode on the CPU, and its description.

    Raises:
        FileNotFoundError: The folder has no such checkpoint.
        ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
    """
    has_found_codes = (find_run(run) / "checkpoints" / "kmeans.ckpt").is_file()
    return load_network(Path(run), "kmeans" if has_found_codes else "vq_vae", Autoencoder)


def load_transformer(run: str | Path, *, autoencoder: Autoencoder) -> Network[Prior]:
    """Build the transformer of a run folder from its best checkpoint.

    Args:
        run: The run folder.
        autoencoder: Whose codes are to be used; must be the one that the transformer was trained on.

    Returns:
        The network in evaluation mode on the CPU, and its description.

    Raises:
        FileNotFoundError: The folder has no such checkpoint.
        ValueError: The checkpoint is damaged, of a newer format, names classes it may not, or belongs to
            another autoencoder.
    """
    network = load_network(Path(run), "transformer", Prior)
    expected, found = network.description["autoencoder_sha256"], fingerprint(autoencoder)
    if expected != found:
        raise ValueError(
            f"{network.path} was trained on the codes of another autoencoder "
            f"({expected[:12]}…, here {found[:12]}…); "
            "use the two checkpoints of one run, or train the transformer again: stages=[transformer]"
        )
    return network


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of ours, tensors and plain values only, and bring it to the present format.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, not ours, or of a newer format.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}; a finished stage leaves it there: musicgen train …")
    stage = path.stem.removesuffix("-last")
    other = f"{stage}.ckpt" if path.stem.endswith("-last") else f"{stage}-last.ckpt"
    try:
        content = read_tensors(path)
    except DamagedFileError as error:
        raise ValueError(
            f"{path} {error}. Copy it again, or put {other} in its place, or "
            f"remove both to train the stage again: stages=[{stage},…] ckpt_path=last"
        ) from error
    if not isinstance(content, dict) or not {"musicgen", "state_dict"} <= content.keys():
        raise ValueError(
            f"{path} is no checkpoint of musicgen-lab; for Bachsformer's weights: musicgen import weights=DIR"
        )
    return migrate(content, path)


def migrate(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Bring the content of an older checkpoint to the present format; refuse a newer one.

    Raises:
        ValueError: The format is unknown.
    """
    facts = content["musicgen"]
    found = facts.get("format")
    if found not in (1, FORMAT):
        raise ValueError(
            f"{path} has format {found}, version {__version__} reads 1 to {FORMAT}; update musicgen-lab"
        )
    if "figures" in facts:  # their name before version 0.2
        facts["metrics"] = facts.pop("figures")
    if found == 1:
        config = facts.get("config", {})
        if "quantizer" in config:  # the one kind of bottleneck that there was
            config["bottleneck"] = config.pop("quantizer")
        if "num_embeddings" in config and "vocabulary" not in config:
            config["vocabulary"] = Vocabulary(16, 1, config.pop("num_embeddings")).config()
        content["state_dict"] = {
            name.replace("autoencoder.quantizer.", "autoencoder.bottleneck."): value
            for name, value in content["state_dict"].items()
        }
        facts["format"] = FORMAT
    return content


def load_network(run: Path, stage: str, kind: type[Module]) -> Network[Module]:
    """Build the network of a stage from its best checkpoint.

    Args:
        run: The run folder.
        stage: Name of the stage, as in the file's name.
        kind: The base class that the network must have.

    Returns:
        The network in evaluation mode on the CPU, and its description.

    Raises:
        FileNotFoundError: The folder has no such checkpoint.
        ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
    """
    path = find_run(run) / "checkpoints" / f"{stage}.ckpt"
    content = read_checkpoint(path)
    state = state_of(content, stage)
    try:
        with SizeLimit(state.values()):
            module = build(content["musicgen"]["config"])
    except TooLargeError as error:
        raise ValueError(f"the config in {path} {error}; take the file from where it was made") from error
    if not isinstance(module, kind):
        raise ValueError(f"{path} describes a {type(module).__name__} where a {kind.__name__} belongs")
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"the tensors of {path} do not fit its config: {error}") from error
    description = dict(content["musicgen"])
    metrics = description.pop("metrics")
    return Network(module=module.eval(), description=description, metrics=metrics, path=path)


def state_of(content: dict[str, Any], stage: str) -> dict[str, torch.Tensor]:
    """Take the tensors of a stage's network out of those of its Lightning module."""
    prefix = content["musicgen"].get("state_prefix") or STATE_PREFIXES.get(stage, "")
    named = content["state_dict"].items()
    return {name.removeprefix(prefix): value for name, value in named if name.startswith(prefix)}
