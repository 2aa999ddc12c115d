"""Start a network from the weights of another run, also where new names of composers come in."""

from collections.abc import Mapping, Sequence
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
        ValueError: The checkpoint is damaged, or the shapes differ; says which settings it was made with.
    """
    content = read_checkpoint(find_run(run) / "checkpoints" / f"{stage}.ckpt")
    config = content["musicgen"]["config"]
    state = state_of(content, stage)
    conditioner = getattr(module, "conditioner", None)
    if isinstance(conditioner, LabelConditioner):
        state = _with_new_names(state, conditioner, known=_values_in(config, conditioner.fields).names)
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(
            f"init_from={run}: its {stage} has another shape ({str(error).splitlines()[-1].strip()}); "
            f"it was made with {config}: set the same, or init_from=null"
        ) from error


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
    if list(conditioner.get("fields") or []) != list(fields):
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
