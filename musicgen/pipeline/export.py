"""Write a finished run as a model: a small folder to give to others, with weights in 16-bit numbers."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from musicgen.checkpoint import STATE_PREFIXES, fingerprint, load_autoencoder, read_checkpoint, state_of
from musicgen.config.tree import read_run_config
from musicgen.files.run_folders import find_run
from musicgen.measure.copying.index import CopyIndex
from musicgen.tensors import write_tensors

MAX_MB = 12.0
AUTOENCODERS = ("vq_vae", "kmeans")  # as trained, and with the codes of k-means
COPIES_FILE = "copies.npz"
CONFIG_FILE, CHOICES_FILE = ".hydra/config.yaml", ".hydra/hydra.yaml"
METRICS_FILE = "metrics.json"
_PLACES: dict[str, str | None] = {  # what stands for a folder of the machine that trained
    "data.cache_dir": "${oc.env:MUSICGEN_CACHE,outputs/cache}",
    "data.root": "${oc.env:GIANTMIDI_ROOT,null}",
}


@dataclass(frozen=True)
class ExportedModel:
    """A model folder.

    Attributes:
        folder: Where it lies.
        num_bytes: Size of all its files together.
        stages: Names of the networks in it.
    """

    folder: Path
    num_bytes: int
    stages: tuple[str, ...]


def export_run(
    run: str | Path, to: str | Path, *, max_mb: float = MAX_MB, copies: CopyIndex | None = None
) -> ExportedModel:
    """Write the networks, config and metrics of a run as a model folder, which is used as a run is.

    The best state of each network is kept, in 16-bit floating point numbers; networks compute in 32 bits as
    before. The prior is bound to the autoencoder as rounded. Paths of this machine are left out. The folder
    appears whole or not at all.

    Args:
        run: The run folder.
        to: The new folder.
        max_mb: Largest size of the folder without the index, in MB (10⁶ bytes).
        copies: Index of the training pieces to bring; None for none.

    Raises:
        FileNotFoundError: There is no such run, or it has trained no autoencoder.
        FileExistsError: There is something at `to` already.
        ValueError: A checkpoint is damaged, or the model would be larger than `max_mb`.
    """
    source, target = find_run(run), check_target(to)
    stages = _stages(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
        folder = Path(temporary) / "model"
        _write_networks(source, folder, stages)
        _write_config(source, folder)
        if copies is not None:
            copies.save(folder / COPIES_FILE, with_folders=False)
        if (source / METRICS_FILE).is_file():
            shutil.copyfile(source / METRICS_FILE, folder / METRICS_FILE)
        sizes = {str(path.relative_to(folder)): path.stat().st_size for path in _files(folder)}
        _check_size(sizes, source, max_mb=max_mb)
        if target.is_dir():
            target.rmdir()
        os.replace(folder, target)
    return ExportedModel(folder=target, num_bytes=sum(sizes.values()), stages=stages)


def check_target(to: str | Path) -> Path:
    """Refuse a place where there is something already, or can be nothing, before anything is read or written.

    Raises:
        FileExistsError: There is.
        NotADirectoryError: It would lie in a file, or in a folder that cannot be written.
    """
    target = Path(to)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"to={target}: there is something already; remove it, or name another folder")
    parent = next(place for place in target.absolute().parents if place.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise NotADirectoryError(
            f"to={target}: {parent} is no folder that can be written; name another folder"
        )
    return target


def in_16_bits(tensor: torch.Tensor) -> torch.Tensor:
    """Round floating point numbers to 16 bits; what holds numbers beyond their range stays as it is."""
    if not tensor.is_floating_point():
        return tensor
    rounded = tensor.to(torch.float16)
    return rounded if torch.equal(rounded.isfinite(), tensor.isfinite()) else tensor


def _stages(source: Path) -> tuple[str, ...]:
    """List the stages with a best checkpoint, the autoencoder first, of whose codes the others are."""
    names = {path.stem for path in (source / "checkpoints").glob("*.ckpt")}
    best = sorted(name for name in names if not name.endswith("-last"))
    if AUTOENCODERS[0] not in best:
        raise FileNotFoundError(f"{source} holds no trained autoencoder to export; name a finished run")
    return (
        *(name for name in AUTOENCODERS if name in best),
        *(name for name in best if name not in AUTOENCODERS),
    )


def _write_networks(source: Path, folder: Path, stages: tuple[str, ...]) -> None:
    (folder / "checkpoints").mkdir(parents=True)
    rounded_sha256 = ""
    for stage in stages:
        content = read_checkpoint(source / "checkpoints" / f"{stage}.ckpt")
        prefix = content["musicgen"].get("state_prefix") or STATE_PREFIXES.get(stage, "")
        state = {f"{prefix}{name}": in_16_bits(value) for name, value in state_of(content, stage).items()}
        description = dict(content["musicgen"]) | {"state_prefix": prefix}
        if description.get("autoencoder_sha256"):
            description["autoencoder_sha256"] = rounded_sha256
        path = folder / "checkpoints" / f"{stage}.ckpt"
        write_tensors({"state_dict": state, "musicgen": description}, path)
        if stage in AUTOENCODERS:
            rounded_sha256 = fingerprint(load_autoencoder(folder).module)


def _write_config(source: Path, folder: Path) -> None:
    """Write the config without the folders of this machine, and the choices that it was composed of."""
    (folder / ".hydra").mkdir()
    if not (source / CONFIG_FILE).is_file():  # weights without a config of their own
        return
    config = read_run_config(source / CONFIG_FILE)
    values: Any = OmegaConf.to_container(config, resolve=False)
    is_giantmidi = str(OmegaConf.select(config, "data.source._target_") or "").endswith(".GiantMidi")
    places = _PLACES if is_giantmidi else {**_PLACES, "data.root": None}
    OmegaConf.save(OmegaConf.create(_without_paths(values, places)), folder / CONFIG_FILE)
    if (source / CHOICES_FILE).is_file():
        hydra = read_run_config(source / CHOICES_FILE)
        kept = {
            "job": {"config_name": OmegaConf.select(hydra, "hydra.job.config_name")},
            "runtime": {"choices": _choices(hydra)},
        }
        OmegaConf.save(OmegaConf.create({"hydra": kept}), folder / CHOICES_FILE)


def _choices(hydra: DictConfig) -> dict[str, Any]:
    choices: Any = OmegaConf.to_container(OmegaConf.select(hydra, "hydra.runtime.choices"), resolve=False)
    return {name: choice for name, choice in choices.items() if not name.startswith("hydra/")}


def _without_paths(value: Any, places: dict[str, str | None], key: str = "") -> Any:
    """Replace absolute paths by what `places` has for their setting, or null."""
    if isinstance(value, dict):
        return {
            name: _without_paths(part, places, f"{key}.{name}" if key else str(name))
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_without_paths(part, places, key) for part in value]
    return places.get(key) if isinstance(value, str) and os.path.isabs(value) else value


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _check_size(sizes: dict[str, int], source: Path, *, max_mb: float) -> None:
    sizes = {name: size for name, size in sizes.items() if name != COPIES_FILE}
    total = sum(sizes.values())
    if total > max_mb * 1e6:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        parts = ", ".join(f"{name} {sizes[name] / 1e6:.1f}" for name in largest)
        raise ValueError(
            f"{source} would be a model of {total / 1e6:.1f} MB ({parts}), and max_mb={max_mb:g}; train "
            "smaller networks (transformer.width, vq_vae.num_hiddens), or allow more"
        )
