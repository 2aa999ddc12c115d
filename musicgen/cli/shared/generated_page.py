"""The page that shows generated pieces: score, roll, sound and MIDI, with their metrics."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicgen.music.notes import Performance
    from musicgen.reports.pages.evaluation_page import PageExtent

PAGE_FILE = "index.html"


def write_generated_page(
    folder: Path,
    pieces: Sequence[tuple[str, "Performance"]],
    *,
    facts: Sequence[tuple[str, str]],
    extent: "PageExtent",
) -> Path:
    """Write `index.html` beside generated pieces.

    Args:
        folder: Where the pieces are.
        pieces: File name and notes of each.
        facts: Labels and texts below the heading: the run, the seed, the prompt.
        extent: How much of the music is shown.

    Returns:
        The page.

    Raises:
        OSError: The folder cannot be written.
    """
    from musicgen.measure.generated import measure_generated
    from musicgen.music.passages import behind_seam
    from musicgen.reports.pages.evaluation_page import write_evaluation_page
    from musicgen.reports.pages.shown_command import as_typed

    measured = measure_generated(pieces)
    metrics = measured.metrics()
    if any(performance.score and performance.score.seam_quarters for _, performance in pieces):
        metrics = measure_generated([(name, behind_seam(one)) for name, one in pieces]).metrics()
        facts = [*facts, ("metrics", "of what is new")]
    return write_evaluation_page(
        folder / PAGE_FILE,
        title=f"{len(pieces)} new piece{'' if len(pieces) == 1 else 's'}",
        metrics=metrics,
        generated_metrics=measured,
        facts=facts,
        command=as_typed("musicgen", sys.argv[1:]),
        extent=extent,
    )
