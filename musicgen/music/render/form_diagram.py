"""Draw how a piece comes back to itself: which bars are alike, and which passages have the same harmony."""

from typing import TYPE_CHECKING

import numpy as np

from musicgen.music.metrics.selfsimilarity import bar_similarity_matrix, harmony_similarity_matrix
from musicgen.music.notes import Performance
from musicgen.music.render.piano_roll import Rgb, rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN = 9.0
_HEIGHT = 0.47  # of the width
_LEFT_IN, _BOTTOM_IN, _SCALE_IN = 0.52, 0.44, 0.62  # room for labels, and for a scale with its own
_DOTS_PER_INCH = 100
_LEFT_OUT = "#eeeeee"  # two empty bars


def form_image(performance: Performance, *, title: str = "", width_in: float = WIDTH_IN) -> Rgb:
    """Draw two self-similarity matrices side by side, bars from left to right and from top to bottom.

    Left: the share of notes that two bars have in common (`bar_similarity_matrix`), grey where both are
    empty. Right: how the pitch classes of two half bars correlate (`harmony_similarity_matrix`). A line
    beside the main diagonal is a passage that returns.

    Args:
        performance: The notes; silence gives two empty frames.
        title: Text above.
        width_in: Width in inches of 100 pixels.

    Returns:
        Red, green and blue, (height, width, 3).
    """
    from matplotlib.figure import Figure

    size = (width_in, width_in * _HEIGHT)
    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, facecolor="white")
    bars = bar_similarity_matrix(performance)
    halves = harmony_similarity_matrix(performance)
    _show(figure, 0, bars, "Same notes, bars", lowest=0.0, colours="Blues", per_bar=1)
    _show(figure, 1, halves, "Same harmony, half bars", lowest=-1.0, colours="RdBu_r", per_bar=2)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return rendered(figure)


def _show(
    figure: "Figure",
    place: int,
    matrix: np.ndarray,
    title: str,
    *,
    lowest: float,
    colours: str,
    per_bar: int,
) -> None:
    """Draw a matrix and its scale at fixed places: a layout that measures texts takes most of the time."""
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    width_in, height_in = figure.get_size_inches()
    side = width_in / 2 - _LEFT_IN - _SCALE_IN
    x = place * width_in / 2 + _LEFT_IN
    ax = figure.add_axes((x / width_in, _BOTTOM_IN / height_in, side / width_in, side / height_in))
    ax.set_title(title, fontsize=9, loc="left")
    ax.set_xlabel("bar", fontsize=8)
    ax.set_ylabel("bar", fontsize=8)
    ax.tick_params(length=2, labelsize=8)
    if len(matrix) == 0:
        ax.set(xticks=[], yticks=[])
        return
    end = len(matrix) / per_bar
    colormap = colormaps[colours].with_extremes(bad=_LEFT_OUT)
    image = ax.imshow(
        np.ma.masked_invalid(matrix),
        cmap=colormap,
        vmin=lowest,
        vmax=1.0,
        extent=(1, end + 1, end + 1, 1),
        interpolation="nearest",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    low, height = _BOTTOM_IN + side / 8, 0.75 * side
    scale = ((x + side + 0.06) / width_in, low / height_in, 0.1 / width_in, height / height_in)
    bar = figure.colorbar(image, cax=figure.add_axes(scale), ticks=MaxNLocator(4))
    bar.ax.tick_params(length=2, labelsize=8)
