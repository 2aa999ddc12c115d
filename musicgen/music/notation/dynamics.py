"""Find where a score's loudness changes, as the marks from ppp to fff say it."""

from collections.abc import Sequence

import numpy as np

from musicgen.music.metrics.bars import times_from_first_quarter
from musicgen.music.notes import Performance

DYNAMICS = {"ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 126}
"""Marks, and the velocity that notation programs play for each."""

_INERTIA = 16  # how far a bar must be from the mark in force, in velocity, to get another one


def mark_dynamics(performance: Performance, bar_starts: Sequence[float]) -> list[str]:
    """Choose the dynamic mark of each bar by the median velocity of the notes that begin in it.

    A mark stands where the loudness leaves that of the mark before by a whole step, so that it does not
    flicker. Music in which all notes are equally loud has no dynamics and gets no marks.

    Args:
        performance: The notes.
        bar_starts: Beginnings of the bars in quarters from the first onset's quarter, ascending.

    Returns:
        For each bar a mark of `DYNAMICS`, or nothing where the one before stays in force.
    """
    marks = [""] * len(bar_starts)
    velocity = performance.velocity.astype(np.int64)
    if len(velocity) == 0 or velocity.min() == velocity.max():
        return marks
    onset, _ = times_from_first_quarter(performance)
    bar = np.searchsorted(np.asarray(bar_starts), onset + 1e-6, side="right") - 1
    names, levels = list(DYNAMICS), np.array(list(DYNAMICS.values()))
    in_force = ""
    for number in np.unique(bar[bar >= 0]).tolist():
        loudness = float(np.median(velocity[bar == number]))
        if in_force and abs(loudness - DYNAMICS[in_force]) <= _INERTIA:
            continue
        nearest = names[int(np.abs(levels - loudness).argmin())]
        if nearest != in_force:
            marks[number] = in_force = nearest
    return marks
