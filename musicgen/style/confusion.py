"""Confusion matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int


def confusion_matrix(
    true: Int[np.ndarray, " pieces"], predicted: Int[np.ndarray, " pieces"], *, classes: int
) -> Int[np.ndarray, "true predicted"]:
    """Count pieces by true class (rows) and predicted class (columns)."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def draw_confusion(
    counts: Int[np.ndarray, "true predicted"], path: Path, *, names: Sequence[str], title: str
) -> None:
    """Draw a confusion matrix: row shares as shades, counts as text.

    Args:
        counts: Rows are the true classes.
        path: The image file.
        names: Class names.
        title: Title of the plot.

    Raises:
        OSError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    size = 2.2 + 0.5 * len(names)
    figure = Figure(figsize=(size + 0.6, size), dpi=110, layout="constrained", facecolor="white")
    ax = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "#222222"
        ax.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=colour)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_xlabel("taken for", fontsize=9)
    ax.set_ylabel("is by", fontsize=9)
    ax.set_title(title, fontsize=10, loc="left")
    figure.savefig(path)
