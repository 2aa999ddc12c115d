"""What decides the outcome of a stage: equal inputs give equal weights, bit for bit."""

import hashlib
import importlib.util
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch

from musicgen.data.prepare import Prepared
from musicgen.files.hashing import hash_file
from musicgen.reports.runs.settings import flatten

PACKAGE = Path(__file__).resolve().parents[2]
NOT_TRAINING = ("cli", "sweeps", "reports", "generation")  # rooms that no weight depends on


@dataclass(frozen=True)
class StageInputs:
    """All that the weights of a stage follow from.

    Attributes:
        settings: What is asked for: pieces, network, optimizer, schedule, epochs, batches, seed.
        environment: What computes it: code, versions, processor, threads, precision.
    """

    settings: dict[str, Any]
    environment: dict[str, Any]

    @cached_property
    def key(self) -> str:
        """Give the SHA-256 of both, in hex, cut to 32 digits."""
        return digest({"settings": self.settings, "environment": self.environment})[:32]


def digest(values: Any) -> str:
    """Compute the SHA-256 of plain values, in hex."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name the values that two nested tables do not share, as `name: one, other`."""
    one, two = flatten(plain_json(mine)), flatten(plain_json(other))
    return [
        f"{name}: {one.get(name, 'none')}, {two.get(name, 'none')}"
        for name in sorted(one.keys() | two.keys())
        if one.get(name) != two.get(name)
    ]


def plain_json(values: Any) -> Any:
    """Give values as they come back from a JSON file."""
    return json.loads(json.dumps(values, default=str))


def data_inputs(prepared: Prepared, *, grid: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the pieces by their contents, in their order, and how they were cut.

    Args:
        prepared: The pieces, split; those that are held out for tests decide nothing.
        grid: The grid's config.
    """
    used = {name: prepared.splits[name] for name in ("train", "val")}
    contents = {name: [piece.content for piece in pieces.pieces] for name, pieces in used.items()}
    passages = {content: [str(one) for one in spans] for content, spans in (prepared.spans or {}).items()}
    return {
        "source": prepared.summary["source"],
        "grid": dict(grid),
        **{f"{name}_pieces": len(pieces.pieces) for name, pieces in used.items()},
        **{f"{name}_quarters": len(pieces) for name, pieces in used.items()},
        "contents_sha256": digest(contents),
        **({"passages_sha256": digest(passages)} if passages else {}),
    }


def environment_of(
    configs: Mapping[str, Any], *, accelerator: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe what computes a stage.

    Args:
        configs: Trainer, callbacks and loggers in plain values: precision and clipping are among them, and
            what a user adds.
        settings: Further configs; of these only the code that they name is looked at.
        accelerator: The kind of device that is used, `cpu` or `cuda`.
    """
    device = (
        torch.cuda.get_device_name() if accelerator == "cuda" else torch.backends.cpu.get_cpu_capability()
    )
    return {
        **configs,
        "code": code_digest(),
        "own_code": _own_code([configs, settings]),
        "torch": torch.__version__,
        "machine": f"{platform.machine()} {device}",
        "threads": torch.get_num_threads(),
    }


@cache
def code_digest() -> str:
    """Compute the SHA-256 of the package's sources that training passes through, in hex."""
    sources = sorted(path for path in PACKAGE.rglob("*.py") if not _is_beside(path.relative_to(PACKAGE)))
    return digest([[str(path.relative_to(PACKAGE)), hash_file(path)] for path in sources])[:16]


def _is_beside(path: Path) -> bool:
    return path.parts[0] in NOT_TRAINING


def _own_code(configs: Any) -> dict[str, str]:
    """Give the digests of the files of all classes that a config names outside of this package."""
    found = {}
    for target in _targets(configs):
        module = target.rpartition(".")[0]
        if not module.startswith("musicgen."):
            spec = importlib.util.find_spec(module.split(".")[0]) and importlib.util.find_spec(module)
            if spec and spec.origin and Path(spec.origin).is_file():
                found[module] = hash_file(Path(spec.origin))[:16]
    return found


def _targets(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        if "_target_" in config:
            yield str(config["_target_"])
        for value in config.values():
            yield from _targets(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _targets(value)
