"""Make a comparison: choose, sort and group runs, and test whether groups differ."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from musicgen.measure.spec import Better, Metric, all_metrics, best_of
from musicgen.measure.statistics import Contrast, Summary, all_contrasts, summarize
from musicgen.reports.compare.comparison import Comparison, DataSet, Row
from musicgen.reports.compare.data_sets import data_sets
from musicgen.reports.runs.differences import Setting, differing_settings, run_names, shared_settings
from musicgen.reports.runs.runs import Run, natural
from musicgen.reports.runs.settings import SEED, flatten, settings_of, value_of, value_text

MAX_PAIRED = 6  # groups: of more, each is tested against the best only


class Choices(TypedDict, total=False):
    """What `aggregate` can be asked for, for those who hand it on."""

    sort: str | None
    where: Mapping[str, Any] | None
    group_by: Sequence[str] | None
    significance: Sequence[str]
    better: Mapping[str, Better] | None


def aggregate(
    runs: Sequence[Run],
    *,
    sort: str | None = None,
    where: Mapping[str, Any] | None = None,
    group_by: Sequence[str] | None = None,
    significance: Sequence[str] = (),
    better: Mapping[str, Better] | None = None,
) -> Comparison:
    """Choose, sort and group runs, and find out which is better at what.

    Args:
        runs: The runs.
        sort: A metric (the better first) or a setting to sort by; "-" before it turns the order.
            None sorts by the settings that differ.
        where: Setting to value, or to a list of values: only such runs are kept. `status` works too.
        group_by: Settings; runs that agree in them are averaged. None averages runs that differ by
            their seed only.
        significance: Metrics on which every pair of groups is tested; of more than six groups, each
            against the best.
        better: Directions that override the table of metrics, by metric.

    Returns:
        The comparison.

    Raises:
        ValueError: No run is left, or a name is neither a metric nor a setting.
    """
    runs = _filter(runs, where or {})
    metrics = all_metrics((name for run in runs for name in run.metrics), better)
    runs = _by_data_set(_sorted(runs, sort, metrics))
    settings = differing_settings(runs)
    sets = data_sets(runs, settings)
    rows = _rows(runs, settings, metrics, sets)
    keys, group_settings = _group_keys(runs, settings, group_by)
    groups = _in_order(_groups(runs, keys, group_settings, metrics, rows), sort, metrics)
    groups, rows = _numbered(groups, rows)
    return Comparison(
        runs=tuple(runs),
        names=tuple(row.name for row in rows),
        settings=settings,
        metrics=metrics,
        rows=rows,
        groups=groups,
        group_settings=group_settings,
        data_sets=sets,
        contrasts=tuple(_contrasts(significance, metrics, groups, runs)),
        shared=shared_settings(runs),
    )


def _rows(
    runs: Sequence[Run], settings: Sequence[Setting], metrics: Sequence[Metric], sets: Sequence[DataSet]
) -> list[Row]:
    """Make a row of each run; `_numbered` gives it its short name."""
    place = {run: number for number, one in enumerate(sets) for run in one.runs}
    return [
        Row(
            number="",
            name=name,
            members=(index,),
            settings=tuple(setting.texts[index] for setting in settings),
            cells=_cells(metrics, [run]),
            data=place[index],
            status=run.status,
            reason=run.reason,
        )
        for index, (name, run) in enumerate(zip(run_names(runs, settings), runs, strict=True))
    ]


def _by_data_set(runs: Sequence[Run]) -> list[Run]:
    """Keep runs together that were measured on the same pieces, in the order in which they come."""
    return [runs[index] for one in data_sets(runs) for index in one.runs]


def _numbered(groups: Sequence[Row], rows: Sequence[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Count groups from 1, and the runs of a group of several as 1.1, 1.2."""
    numbers = {}
    for number, group in enumerate(groups, start=1):
        for place, member in enumerate(group.members, start=1):
            numbers[member] = f"{number}.{place}" if len(group.members) > 1 else str(number)
    return (
        tuple(replace(group, number=str(number)) for number, group in enumerate(groups, start=1)),
        tuple(replace(row, number=numbers[row.members[0]]) for row in rows),
    )


def _filter(runs: Sequence[Run], where: Mapping[str, Any]) -> list[Run]:
    """Keep the runs that have the asked values."""
    kept = list(runs)
    for name, wanted in flatten(where).items():
        texts = {value_text(value) for value in (wanted if isinstance(wanted, list | tuple) else [wanted])}
        if name == "status":
            found = [run.status for run in kept]
        else:
            key = _resolve("where", name, runs)
            found = [value_text(value_of(settings_of(run), key)) for run in kept]
        remaining = [run for run, text in zip(kept, found, strict=True) if text in texts]
        if not remaining:
            present = ", ".join(sorted(set(found), key=natural))
            raise ValueError(f"no run has {name}={' or '.join(sorted(texts))}; there is {present}")
        kept = remaining
    return kept


def _sorted(runs: Sequence[Run], sort: str | None, metrics: Sequence[Metric]) -> list[Run]:
    """Sort by a metric, a setting, or by all settings that differ; what has no value comes last."""
    if sort is None:
        settings = differing_settings(runs)
        order = sorted(range(len(runs)), key=lambda i: [natural(setting.texts[i]) for setting in settings])
        return [runs[index] for index in order]
    name, turned = sort.lstrip("-"), sort.startswith("-")
    by_name = {metric.name: metric for metric in metrics}
    if name in by_name:
        return sorted(runs, key=lambda run: _metric_key(by_name[name], _cells(metrics, [run]), turned=turned))
    key = _resolve("sort", name, runs, list(by_name))
    return sorted(runs, key=lambda run: natural(value_text(value_of(settings_of(run), key))), reverse=turned)


def _metric_key(metric: Metric, cells: Mapping[str, Summary], *, turned: bool) -> tuple[bool, float]:
    """Give a key that puts the better first, and what has no value last either way."""
    value = cells[metric.name].mean
    target = cells[metric.target].mean if metric.target in cells else math.nan
    badness = value if metric.better == "none" else metric.badness(value, target)
    return math.isnan(badness), -badness if turned else badness


def _group_keys(
    runs: Sequence[Run], settings: Sequence[Setting], group_by: Sequence[str] | None
) -> tuple[list[str], tuple[str, ...]]:
    """Find the settings in which the runs of a group agree, and what they are called."""
    keys = [setting.key for setting in settings if setting.key != SEED]
    if group_by is not None:
        keys = [_resolve("group_by", name, runs) for name in group_by]
    labels = {setting.key: setting.label for setting in settings}
    return keys, tuple(labels.get(key, key) for key in keys)


def _in_order(groups: list[Row], sort: str | None, metrics: Sequence[Metric]) -> list[Row]:
    """Sort groups by a metric inside their data set; as they are, where it is none."""
    sorted_by = next((one for one in metrics if sort and one.name == sort.lstrip("-")), None)
    if sorted_by is None:
        return groups
    turned = str(sort).startswith("-")
    return sorted(groups, key=lambda group: (group.data, _metric_key(sorted_by, group.cells, turned=turned)))


def _groups(
    runs: Sequence[Run],
    keys: Sequence[str],
    labels: Sequence[str],
    metrics: Sequence[Metric],
    rows: Sequence[Row],
) -> list[Row]:
    """Average the runs of a data set that agree in all keys, in the order in which they first come."""
    members: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for index, run in enumerate(runs):
        table = settings_of(run)
        values = tuple(value_text(value_of(table, key)) for key in keys)
        members.setdefault((rows[index].data, values), []).append(index)
    groups = []
    for (data, values), indices in members.items():
        name = " ".join(f"{label}={value}" for label, value in zip(labels, values, strict=True))
        if len(indices) == 1 and not name:
            name = rows[indices[0]].name
        unfinished = [rows[index] for index in indices if rows[index].status != "done"]
        groups.append(
            Row(
                number="",
                name=name or f"all {len(indices)} runs",
                members=tuple(indices),
                settings=values,
                cells=_cells(metrics, [runs[index] for index in indices]),
                data=data,
                status=unfinished[0].status if unfinished else "done",
                reason=f"{len(unfinished)} of {len(indices)} not done" if unfinished else "",
            )
        )
    return groups


def _cells(metrics: Sequence[Metric], runs: Sequence[Run]) -> dict[str, Summary]:
    return {
        metric.name: summarize([run.metrics.get(metric.name, math.nan) for run in runs]) for metric in metrics
    }


def _contrasts(
    asked: Sequence[str], metrics: Sequence[Metric], groups: Sequence[Row], runs: Sequence[Run]
) -> list[Contrast]:
    """Test every pair of groups, or where they are many each group against the best."""
    by_name = {metric.name: metric for metric in metrics}
    contrasts = []
    for name in asked:
        if name not in by_name:
            raise _unknown("significance", name, list(by_name))
        values = {
            group.name: [runs[index].metrics.get(name, math.nan) for index in group.members]
            for group in groups
        }
        best = best_of(by_name[name], [summarize(each).mean for each in values.values()])
        reference = list(values)[min(best)] if best and len(values) > MAX_PAIRED else None
        contrasts.extend(all_contrasts(name, values, reference=reference))
    return contrasts


def _resolve(option: str, name: str, runs: Sequence[Run], others: Sequence[str] = ()) -> str:
    """Find the setting that a name means: in full, or its last part where only one ends so."""
    known = list(dict.fromkeys(key for run in runs for key in settings_of(run)))
    if name in known:
        return name
    ending = [key for key in known if key.endswith(f".{name}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise ValueError(f"{option}: {name!r} may mean {', '.join(ending)}; write it in full")
    raise _unknown(option, name, [*known, *others])


def _unknown(option: str, name: str, known: Sequence[str]) -> ValueError:
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
    return ValueError(f"{option}={name!r} is neither a setting nor a metric of these runs{hint}")
