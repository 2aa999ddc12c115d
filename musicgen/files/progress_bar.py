"""A progress bar for work that takes longer than a second."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_MOMENT_S = 1.0


def track(items: Iterable[Item], *, description: str, total: int, shown: bool = True) -> Iterator[Item]:
    """Yield items, and show a bar on stderr after a second.

    Args:
        items: The items.
        description: Label of the bar.
        total: Number of items.
        shown: Show the bar.
    """
    if not shown:
        yield from items
        return
    iterator, start, done = iter(items), time.monotonic(), 0
    for item in iterator:
        yield item
        done += 1
        if time.monotonic() - start > _MOMENT_S:
            break
    else:
        return
    yield from _with_bar(iterator, description, done, total)


def _with_bar(items: Iterator[Item], description: str, done: int, total: int) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, force_jupyter=False)) as bar:
        task = bar.add_task(description, total=total, completed=done)
        for item in items:
            yield item
            bar.advance(task)
