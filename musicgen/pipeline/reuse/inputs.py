"""The inputs of a stage; equal inputs give bitwise equal weights."""

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.files.hashing import hash_file
from musicgen.pipeline.reuse.imports import code_digest, is_ours, source_of
from musicgen.reports.runs.settings import flatten


@dataclass(frozen=True)
class StageInputs:
    """Everything that determines the weights of a stage.

    Attributes:
        settings: Pieces, network, optimizer, schedule, epochs, batches, seed.
        environment: Code, versions, processor, threads, precision.
    """

    settings: dict[str, Any]
    environment: dict[str, Any]

    @cached_property
    def key(self) -> str:
        """The first 32 hex digits of the SHA-256 of both."""
        return digest({"settings": self.settings, "environment": self.environment})[:32]


def with_threads(inputs: StageInputs, threads: int) -> StageInputs:
    """Return the inputs of the same stage, computed with another number of threads."""
    return replace(inputs, environment={**inputs.environment, "threads": threads})


def digest(values: Any) -> str:
    """Compute the SHA-256 of plain values, in hex."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """List the values that differ between two nested tables, as `name: first, second`."""
    one, two = flatten(plain_json(mine)), flatten(plain_json(other))
    return [
        f"{name}: {one.get(name, 'none')}, {two.get(name, 'none')}"
        for name in sorted(one.keys() | two.keys())
        if one.get(name) != two.get(name)
    ]


def plain_json(values: Any) -> Any:
    """Convert values as JSON does."""
    return json.loads(json.dumps(values, default=str))


def data_inputs(prepared: Prepared, *, grid: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the pieces by content hashes, order and grid.

    Args:
        prepared: The pieces, split; test pieces are ignored.
        grid: The grid's config.
    """
    used = {name: prepared.splits[name] for name in ("train", "val")}
    contents = {name: [piece.content for piece in pieces.pieces] for name, pieces in used.items()}
    return {
        "source": prepared.summary["source"],
        "grid": dict(grid),
        **{f"{name}_pieces": len(pieces.pieces) for name, pieces in used.items()},
        **{f"{name}_quarters": len(pieces) for name, pieces in used.items()},
        "contents_sha256": digest(contents),
        "slices_sha256": {name: _slices_digest(pieces) for name, pieces in used.items()},
    }


def _slices_digest(pieces: PackedPieces) -> str:
    """Compute the SHA-256 of slices and piece boundaries, in hex."""
    found = hashlib.sha256(pieces.starts.tobytes())
    for block in pieces.blocks():
        found.update(block.tobytes())
    return found.hexdigest()


def environment_of(
    configs: Mapping[str, Any],
    *,
    accelerator: str,
    settings: Mapping[str, Any],
    modules: Iterable[str] = (),
    threads: int | None = None,
) -> dict[str, Any]:
    """Describe the environment of a stage.

    Args:
        configs: Configs of trainer, callbacks and loggers in plain values, such as precision and clipping.
        accelerator: Device type, `cpu` or `cuda`.
        settings: Further configs, of which only the code they name counts.
        modules: Further modules of the package.
        threads: PyTorch threads; None for those of this process.
    """
    named = {target.rpartition(".")[0] for target in _targets([configs, settings])} | set(modules)
    device = (
        torch.cuda.get_device_name() if accelerator == "cuda" else torch.backends.cpu.get_cpu_capability()
    )
    return {
        **configs,
        "code": code_digest(named),
        "own_code": _own_code(named),
        "torch": torch.__version__,
        "machine": f"{platform.machine()} {device}",
        "threads": torch.get_num_threads() if threads is None else threads,
    }


def _own_code(modules: Iterable[str]) -> dict[str, str]:
    """Hash the files of modules outside of this package."""
    files = {module: source_of(module) for module in sorted(modules) if not is_ours(module)}
    return {module: hash_file(file)[:16] for module, file in files.items() if file}


def _targets(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        if "_target_" in config:
            yield str(config["_target_"])
        for value in config.values():
            yield from _targets(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _targets(value)
