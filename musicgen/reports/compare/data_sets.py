"""Which runs were measured on the same held-out pieces."""

from collections.abc import Sequence

from musicgen.reports.compare.comparison import DataSet
from musicgen.reports.runs.differences import Setting
from musicgen.reports.runs.runs import Run
from musicgen.reports.runs.settings import MISSING, settings_of, value_text

_DECIDING = ("data", "grid")  # config groups that decide which pieces are held out, and as what they are read

Key = tuple[frozenset[tuple[str, str]], str]  # settings, hash of the contents


def data_sets(runs: Sequence[Run], settings: Sequence[Setting] = ()) -> tuple[DataSet, ...]:
    """Part runs by the pieces that they were measured on.

    Runs with the same settings of data and grid and the same pieces, where their records name them, have
    the same held-out pieces, since pieces are split by their contents.

    Args:
        runs: The runs, in the order of the comparison.
        settings: Their differing settings, for the labels.

    Returns:
        Data sets in the order of their first run.
    """
    members: dict[Key, list[int]] = {}
    for index, key in enumerate(_keys(runs)):
        members.setdefault(key, []).append(index)
    deciding = [setting for setting in settings if _is_deciding(setting.key)]
    labels = [_label(deciding, indices[0]) for indices in members.values()]
    for place, (_, content) in enumerate(members):
        if labels.count(labels[place]) > 1 or not labels[place]:
            count = (runs[next(iter(list(members.values())[place]))].record.get("data") or {}).get(
                "pieces", "?"
            )
            labels[place] = f"{labels[place]} {count} pieces {content[:6]}".strip()
    if len(members) == 1:
        labels = [""]
    return tuple(
        DataSet(label, tuple(indices)) for label, indices in zip(labels, members.values(), strict=True)
    )


def _keys(runs: Sequence[Run]) -> list[Key]:
    """Name the pieces of each run; one that ended before its record was written takes another's contents."""
    tables = [
        frozenset((name, value_text(value)) for name, value in settings_of(run).items() if _is_deciding(name))
        for run in runs
    ]
    contents = [str((run.record.get("data") or {}).get("contents_sha256", "")) for run in runs]
    first: dict[frozenset[tuple[str, str]], str] = {}
    for table, content in zip(tables, contents, strict=True):
        if content:
            first.setdefault(table, content)
    return [(table, content or first.get(table, "")) for table, content in zip(tables, contents, strict=True)]


def _is_deciding(name: str) -> bool:
    return name.split(".")[0] in _DECIDING and not name.startswith("data.source")


def _label(settings: Sequence[Setting], run: int) -> str:
    empty = (MISSING, "none")
    return " ".join(f"{one.label}={one.texts[run]}" for one in settings if one.texts[run] not in empty)
