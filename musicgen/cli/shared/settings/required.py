"""What a verb cannot do without: a run, a folder that is there, an installed package."""

import importlib.util
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.schema import stated_kind
from musicgen.files.run_folders import find_run

HOW = {  # what to type for a setting without a default
    "run": "musicgen {verb} run=DIR, where DIR is a run, such as outputs/train/2026-11-23_10-00-00, "
    "or a model, such as giantmidi-small",
    "to": "musicgen {verb} run=DIR to=models/NAME, where NAME is the model's name",
    "runs": "musicgen {verb} DIR, where DIR is a run, a sweep, or a folder of them, such as outputs/train",
    "weights": "musicgen {verb} weights=DIR, where DIR holds vq_vae.pt and transformer.pt",
    "composer": "musicgen {verb} composer=NAME against=NAME, such as composer=Bach against=Chopin",
    "against": "musicgen {verb} composer=NAME against=NAME, such as composer=Bach against=Chopin",
    "init_from": "musicgen {verb} init_from=DIR, where DIR is a run, a model such as giantmidi-small, "
    "or what `musicgen import weights=WEIGHTS` leaves",
}
EXTRAS = {  # part of a class's dotted name, or a verb -> package that must be there, and its extra
    "WandbLogger": ("wandb", "wandb"),
    "LibraryQuantizer": ("vector_quantize_pytorch", "quantizers"),
    "MLFlowLogger": ("mlflow", "mlflow"),
    "optuna.": ("optuna", "search"),
    "baselines.remi.": ("miditok", "baselines"),
    "JoblibLauncher": ("joblib", "joblib"),
}


def check_required(config: DictConfig, *, verb: str) -> None:
    """Refuse a verb that lacks a setting which has no default.

    Raises:
        UsageError: One is missing.
    """
    for key in map(str, config):
        if OmegaConf.is_missing(config, key):
            how = HOW.get(key, f"musicgen {verb} {key}=VALUE").format(verb=verb)
            raise UsageError(f"{key} is missing: type {how}")
    if verb == "evaluate" and not config.run and "source" not in config.data:
        raise UsageError("nothing to measure: type musicgen evaluate run=DIR, or data=folder data.root=DIR")
    if verb == "evaluate" and config.run and (config.against or config.beats):
        unread = f"against={config.against}" if config.against else "beats=true"
        raise UsageError(
            f"{unread} is for pieces of no run; leave it out, or measure data=folder data.root=DIR"
        )
    if verb == "evaluate" and not config.run and (config.distances or config.weights):
        unread = f"weights={config.weights}" if config.weights else "distances=true"
        raise UsageError(f"{unread} is for the pieces of a run; type run=DIR as well, or leave it out")
    if verb == "style" and config.composer == config.against:
        raise UsageError(f"composer={config.composer} against itself; name another one with against=NAME")
    if verb == "baseline" and "run" in config.baseline and not config.run:
        name = config.hydra.runtime.choices.baseline
        raise UsageError(f"baseline={name} uses the networks of a run: type run=DIR as well")


def check_extras(config: DictConfig, *, verb: str) -> None:
    """Refuse what needs a package that is not installed.

    Raises:
        UsageError: One is not; the message has the line that installs it.
    """
    plain = OmegaConf.to_container(config, resolve=False)
    for target in _targets(plain):
        for part, (package, extra) in EXTRAS.items():
            if part in target:
                _require(package, extra, what=f"{target.rpartition('.')[2]}")
    if "parquet" in (config.get("formats") or []):
        _require("pyarrow", "frames", what="formats=[parquet]")
    if "opus" in (config.get("formats") or []):
        _require("midirenderer", "sound", what="formats=[opus]")
    if verb == "studio":
        _require("starlette", "studio", what="the studio")
        _require("uvicorn", "studio", what="the studio")
    if verb == "classify" and config.forest and not config.weights:
        _require("sklearn", "baselines", what="forest=true", otherwise="forest=false leaves it out")


def _require(package: str, extra: str, *, what: str, otherwise: str = "") -> None:
    if importlib.util.find_spec(package) is None:
        more = f"; {otherwise}" if otherwise else ""
        raise UsageError(
            f'{what} needs a package that is not installed: pip install "musicgen-lab[{extra}]"{more}'
        )


def _targets(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("_target_"), str):
            yield value["_target_"]
        for part in value.values():
            yield from _targets(part)


def check_paths(config: DictConfig, *, verb: str) -> None:
    """Refuse files and folders that are to be read and are not there.

    Raises:
        UsageError: One is not there.
    """
    for key in map(str, config):
        kind = stated_kind(key, verb=verb)
        value = None if OmegaConf.is_missing(config, key) or kind is None else config[key]
        if kind is None or not kind.must_be or value is None:
            continue
        path = Path(value)
        if path.name == "DIR" and not path.exists():  # as an experiment's yaml asks for it
            raise UsageError(f"{key} is missing: type {HOW[key].format(verb=verb)}")
        if kind.must_be == "run":
            _check_found(key, str(value))
        elif not (path.is_dir() if kind.must_be == "folder" else path.is_file()):
            raise UsageError(f"{key}={value}: {_found(path, kind.must_be)}; name a {kind.must_be} to read")
    _check_run(config, verb=verb)
    _check_weights(config, verb=verb)
    data = config.get("data")
    if data is not None and "source" in data and "root" in data and not data.get("download"):
        _check_root(data.root, source=str(config.hydra.runtime.choices.get("data")))


def _found(path: Path, sought: str) -> str:
    if path.is_dir():
        return "this is a folder"
    if path.is_file():
        return "this is a file"
    return f"this is no {sought}" if path.exists() else f"there is no such {sought}"


def _check_found(key: str, name: str) -> None:
    if os.path.isfile(name):
        raise UsageError(
            f"{key}={name}: this is a file; name the folder of a run, such as {_run_around(name)}"
        )
    try:
        run = find_run(name)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"{key}={error}") from error
    for path in sorted(run.glob("checkpoints/*.ckpt")):
        if not path.stem.endswith("-last") and not zipfile.is_zipfile(path):
            raise UsageError(
                f"{key}={name}: {path.name} is not whole ({path.stat().st_size:,} bytes): it was cut, or is "
                f"no checkpoint; copy the run again, or put {path.stem}-last.ckpt in its place"
            )


def _run_around(file: str) -> Path:
    """Find the run that a file lies in; the folder of an imaginary one if it lies in none."""
    found = (folder for folder in Path(file).parents if (folder / "checkpoints").is_dir())
    return next(found, Path("outputs/train/2026-11-23_10-00-00"))


def _check_run(config: DictConfig, *, verb: str) -> None:
    run = config.get("run")
    if (
        verb in ("generate", "evaluate", "studio", "export")
        and run
        and not (Path(run) / "checkpoints").is_dir()
    ):
        raise UsageError(
            f"run={run}: this folder holds no run (it has no checkpoints); name one that musicgen train left"
        )


def _check_weights(config: DictConfig, *, verb: str) -> None:
    """Refuse a folder of weights that lacks the files which the verb reads."""
    names = {"import": ("vq_vae.pt", "transformer.pt")}.get(verb, ("checkpoints/style.ckpt",))
    folder = config.get("weights")
    missing = [name for name in names if folder and not Path(folder, name).is_file()]
    if missing:
        left = "Bachsformer's weights" if verb == "import" else "what `musicgen classify` left"
        raise UsageError(f"weights={folder}: {missing[0]} is not there; name the folder of {left}")


def _check_root(root: Any, *, source: str) -> None:
    from musicgen.data.sources.folder import checked_root

    try:
        checked_root(root, source=source)
    except ValueError as error:
        raise UsageError(str(error)) from error
