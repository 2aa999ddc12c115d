"""Start a network from the weights of another run, also where new names of composers come in."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from musicgen.checkpoint import read_checkpoint, state_of
from musicgen.files.run_folders import find_run
from musicgen.generation.asking.labelling import FieldValues
from musicgen.models.conditioners.labels import LabelConditioner

_CONDITIONER = "conditioner."


def start_from(module: nn.Module, run: str | Path, *, stage: str) -> None:
    """Fill a fresh network with the best weights of a run, to go on training from them.

    Labels that the run did not know start as "nothing known" does.

    Args:
        module: A network of the same shapes; the quantiser may be of another class that holds the same
            tensors, and a conditioner may know more names.
        run: A run folder or the name of a model.
        stage: `vq_vae` or `transformer`.

    Raises:
        FileNotFoundError: The folder has no such checkpoint.
        ValueError: The checkpoint is damaged, or the shapes differ; the message says where.
    """
    config, state = _read(run, stage=stage)
    conditioner = getattr(module, "conditioner", None)
    if isinstance(conditioner, LabelConditioner):
        if state.keys() == module.state_dict().keys() and _fields(config) != conditioner.fields:
            raise ValueError(_misfit(run, stage, f"fields={_fields(config)}, here {conditioner.fields}"))
        state = _with_new_names(state, conditioner, known=_values_in(config, conditioner.fields).names)
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(_misfit(run, stage, str(error).splitlines()[-1].strip())) from error


def check_start(network: nn.Module, run: str | Path, *, stage: str, settings: Mapping[str, Any]) -> None:
    """Check that `start_from` will find a network of the same shapes, before anything is trained.

    The number of names and levels of a label is left out: it is known once the pieces are.

    Args:
        network: Built by the settings; its weights need no memory.
        run: A run folder or the name of a model.
        stage: Name of the stage.
        settings: Of the network, as the stage has them.

    Raises:
        FileNotFoundError: The folder has no such checkpoint.
        ValueError: The checkpoint is damaged, or the shapes differ; the message says in which settings.
    """
    config, state = _read(run, stage=stage)
    start, now = _shapes(state), _shapes(network.state_dict())
    before, after = dict(_leaves(config)), dict(_leaves(settings))
    changed = [name for name in before if name in after and before[name] != after[name]]
    fields = [name for name in changed if name == f"{_CONDITIONER}fields"]
    differing = [name for name in (*start, *now) if start.get(name) != now.get(name)]
    if differing and not changed:
        name = differing[0]
        shapes = (start.get(name, "not there"), now.get(name, "not there"))
        raise ValueError(_misfit(run, stage, f"{name} is {shapes[0]}, here {shapes[1]}"))
    if differing or fields:
        reasons = [f"{name}={before[name]}, here {after[name]}" for name in changed[:3]]
        raise ValueError(_misfit(run, stage, "; ".join(reasons)))


def _misfit(run: str | Path, stage: str, reason: str) -> str:
    return (
        f"init_from={run}: its {stage} has another shape ({reason}); leave such settings out, so that "
        "its own are taken, or start anew with init_from=null"
    )


def _fields(config: Mapping[str, Any]) -> list[str]:
    return list((config.get("conditioner") or {}).get("fields") or [])


def _read(run: str | Path, *, stage: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the config and the tensors of a run's network."""
    content = read_checkpoint(find_run(run) / "checkpoints" / f"{stage}.ckpt")
    return content["musicgen"]["config"], state_of(content, stage)


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor, of those of labels without their number."""
    return {name: tuple(value.shape)[name.startswith(_CONDITIONER) :] for name, value in state.items()}


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted name and value of each setting."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        elif not name.startswith("_"):
            yield f"{prefix}{name}", value


def extended_values(
    values: FieldValues, run: str | Path, *, stage: str, fields: Sequence[str]
) -> FieldValues:
    """Put the names that a run knows before new ones, and keep its edges, so that its labels stay the same.

    Args:
        values: Of the training pieces.
        run: A run folder or the name of a model.
        stage: The stage whose network is told them.
        fields: What is labelled; a run that was told of other fields, or trained no such stage, adds nothing.

    Raises:
        FileNotFoundError: There is no such run.
        ValueError: The checkpoint is damaged.
    """
    path = find_run(run) / "checkpoints" / f"{stage}.ckpt"
    if not path.is_file():
        return values
    known = _values_in(read_checkpoint(path)["musicgen"]["config"], fields)
    names = [
        [*before, *(name for name in now if name not in before)]
        for before, now in zip(known.names, values.names, strict=True)
    ]
    edges = [before or now for before, now in zip(known.edges, values.edges, strict=True)]
    return FieldValues(names, edges)


def _values_in(config: Mapping[str, Any], fields: Sequence[str]) -> FieldValues:
    """Read names and edges of each field from the config of a network; none where it labels other fields."""
    conditioner = config.get("conditioner") or {}
    if _fields(config) != list(fields):
        conditioner = {}
    names, edges = (conditioner.get(name) or [[] for _ in fields] for name in ("names", "edges"))
    return FieldValues([list(known) for known in names], [list(between) for between in edges])


def _with_new_names(
    state: Mapping[str, Tensor], conditioner: LabelConditioner, *, known: Sequence[Sequence[str]]
) -> dict[str, Tensor]:
    """Add rows for the names that a state lacks, if the names that it has come first and in its order."""
    grown = dict(state)
    for number, (before, now) in enumerate(zip(known, conditioner.names, strict=True)):
        name = f"{_CONDITIONER}embeddings.{number}.weight"
        if name in state and now[: len(before)] == list(before):
            grown[name] = conditioner.with_rows(state[name], count=len(now) + 1)
    return grown
