"""The pictures of the page: curves over epochs with their bands, and piano rolls of five above ten."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musicgen.music.grid import ClockGrid
from musicgen.music.packing import NUM_PITCHES, unpack
from musicgen.music.render.piano_roll import draw_roll, sounding_range
from reproduction.claims import Interval, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_QUARTERS = 64
_BLUE, _GREY = "#1f5fa8", "#777777"
_WIDTH_IN, _PANEL_IN, _ROLL_IN, _DOTS_PER_INCH = 11.0, 2.6, 2.2, 90


def draw_curves(
    path: Path,
    curves: Mapping[str, Mapping[int, Sequence[float]]],
    *,
    references: Mapping[str, Mapping[str, float]],
) -> None:
    """Draw figures against epochs: each seed a dot, the mean a line, its 95 % interval a band.

    Args:
        path: The picture.
        curves: Name of the figure -> epochs -> a value a seed.
        references: Name of the figure -> name of a line -> its height.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(curves) // 3)
    figure = Figure(figsize=(_WIDTH_IN, _PANEL_IN * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, 3, squeeze=False).flatten()
    for panel, (name, curve) in zip(panels, curves.items(), strict=False):
        _draw_curve(panel, name, curve, references.get(name, {}))
    for panel in panels[len(curves) :]:
        panel.set_axis_off()
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def draw_rolls(path: Path, pieces: Mapping[str, Path]) -> None:
    """Draw the beginnings of pieces one above the other, on one range of pitches.

    Args:
        path: The picture.
        pieces: Title -> MIDI file, from the top down.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rolls = {title: _roll(file) for title, file in pieces.items()}
    lows, highs = zip(*(sounding_range(roll) for roll in rolls.values()), strict=True)
    figure = Figure(figsize=(_WIDTH_IN, _ROLL_IN * len(rolls)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(rolls), 1, squeeze=False)[:, 0]
    for panel, (title, roll) in zip(panels, rolls.items(), strict=True):
        draw_roll(roll, panel, pitch_range=(min(lows), max(highs)), title=title)
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def _draw_curve(
    panel: "Axes", name: str, curve: Mapping[int, Sequence[float]], references: Mapping[str, float]
) -> None:
    epochs = sorted(curve)
    means: list[Interval] = [interval(curve[one]) for one in epochs]
    panel.plot(epochs, [one.mean for one in means], color=_BLUE)
    panel.fill_between(
        epochs, [one.low for one in means], [one.high for one in means], color=_BLUE, alpha=0.2, linewidth=0
    )
    for one in epochs:
        panel.plot([one] * len(curve[one]), curve[one], ".", color=_BLUE, alpha=0.6)
    for style, (title, height) in zip(("--", ":", "-."), references.items(), strict=False):
        panel.axhline(height, color=_GREY, linestyle=style, linewidth=1, label=title)
    values = [value for seeds in curve.values() for value in seeds] + list(references.values())
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.08 * (high - low) or 0.05
    panel.set_ylim(low - room, high + room)  # the band of two seeds would make the rest a line
    panel.set_xscale("log")
    panel.set_xticks(epochs, [str(one) for one in epochs])
    panel.minorticks_off()
    panel.set_title(name, fontsize=9)
    panel.tick_params(labelsize=8)
    panel.set_xlabel("epochs", fontsize=8)
    if references:
        panel.legend(fontsize=7, frameon=False)


def _roll(path: Path) -> np.ndarray:
    """Read the beginning of a piece as one long roll; silence is an empty one."""
    from musicgen.music.midi import SilentMidiError

    try:
        slices = unpack(ClockGrid().read(path).packed[:SHOWN_QUARTERS])
    except SilentMidiError:
        slices = np.zeros((SHOWN_QUARTERS, NUM_PITCHES, 32), dtype=bool)
    return slices.transpose(1, 0, 2).reshape(NUM_PITCHES, -1)
