"""A progress bar for work that takes longer than a second."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import repeat
from typing import TypeVar

Item = TypeVar("Item")

_MOMENT_S = 1.0


def track(
    items: Iterable[Item],
    *,
    description: str,
    total: int,
    weights: Sequence[float] | None = None,
    shown: bool = True,
) -> Iterator[Item]:
    """Yield items, and show a bar on stderr after a second.

    Args:
        items: The items.
        description: Label of the bar.
        total: Number of items.
        weights: How long each item takes, in any unit; None for items that take equally long.
        shown: Show the bar.
    """
    if not shown:
        yield from items
        return
    start, whole = time.monotonic(), float(total if weights is None else sum(weights))
    counted = enumerate(zip(items, repeat(1.0) if weights is None else weights, strict=False), start=1)
    done = 0.0
    for _, (item, weight) in counted:
        yield item
        done += weight
        if time.monotonic() - start > _MOMENT_S:
            break
    else:
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=Console(stderr=True, force_jupyter=False)) as bar:
        task = bar.add_task(description, total=whole, told="")
        for number, (item, weight) in counted:
            yield item
            done += weight
            left = time_left(time.monotonic() - start, done=done, whole=whole)
            bar.update(task, completed=done, told=f"{number}/{total} {left}")


def time_left(elapsed_s: float, *, done: float, whole: float) -> str:
    """Write the time that is left, if the rest goes as fast as all so far did: `0:01:40`.

    Args:
        elapsed_s: Since the start.
        done: Weight of what is done.
        whole: Weight of everything.
    """
    if not done:
        return "-:--:--"
    return str(timedelta(seconds=round(elapsed_s * max(0.0, whole - done) / done)))
