"""Leave what an evaluation found: metrics, a table of pieces, the page, and a TensorBoard of all that."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath

from musicgen.files.atomic import write_atomically
from musicgen.measure.evaluate import METRICS_FILE, write_metrics
from musicgen.measure.generated import GeneratedMetrics
from musicgen.measure.music import table_of
from musicgen.music.notation.engrave import engrave
from musicgen.music.notation.on_beats import on_its_beats
from musicgen.music.notation.raster import can_rasterise, rasterise
from musicgen.reports.pages.evaluation_page import PAGE_FILE, PageExtent, write_evaluation_page
from musicgen.reports.pages.metric_table import metrics_text
from musicgen.reports.pages.shown_command import as_typed
from musicgen.training.pictures import show_piece

__all__ = ["PageExtent", "write_evaluation"]

log = logging.getLogger(__name__)
_PAGE_QUARTERS = 48


def write_evaluation(
    folder: Path,
    *,
    metrics: Mapping[str, float],
    generated_metrics: GeneratedMetrics,
    measured: str,
    extent: PageExtent,
) -> list[Path]:
    """Write `metrics.json`, `pieces.csv`, `evaluation.html` and `tensorboard/` into a folder.

    Args:
        folder: Where to.
        metrics: All metrics.
        generated_metrics: The pieces as they were measured.
        measured: What was measured, for the heading.
        extent: How much of the music is shown, on the page and in TensorBoard.

    Returns:
        The files to look at.

    Raises:
        OSError: The folder cannot be written.
    """
    flat, pieces, page = folder / METRICS_FILE, folder / "pieces.csv", folder / PAGE_FILE
    write_metrics(metrics, flat)
    write_atomically(pieces, table_of(generated_metrics.generated).encode("utf-8", "surrogateescape"))
    write_evaluation_page(
        page,
        title=f"Evaluation of {PurePath(measured).name}",
        metrics=metrics,
        generated_metrics=generated_metrics,
        facts=[("measured", measured), *_facts(generated_metrics)],
        command=as_typed("musicgen", sys.argv[1:]),
        extent=extent,
    )
    _write_board(folder / "tensorboard", metrics, generated_metrics, extent)
    return [flat, pieces, page]


def _facts(generated_metrics: GeneratedMetrics) -> list[tuple[str, str]]:
    facts = [("pieces", f"{len(generated_metrics.generated)}")]
    if generated_metrics.skipped:
        facts.append(
            ("skipped", f"{len(generated_metrics.skipped)}, such as {generated_metrics.skipped[0].path.name}")
        )
    facts.append(
        (
            "held-out real pieces",
            f"{len(generated_metrics.real)}" if generated_metrics.real else "none to compare with",
        )
    )
    if generated_metrics.num_indexed:
        facts.append(("searched for copies", f"{generated_metrics.num_indexed} pieces"))
    return facts


def _write_board(
    folder: Path, metrics: Mapping[str, float], generated_metrics: GeneratedMetrics, extent: PageExtent
) -> None:
    from torch.utils.tensorboard.writer import SummaryWriter

    with_scores = can_rasterise()
    if not with_scores and extent.max_pieces:
        log.warning('No scores in TensorBoard: for these, python -m pip install "musicgen-lab[scores]"')
    with SummaryWriter(str(folder)) as board:
        board.add_text("metrics", metrics_text(metrics))  # as scalars, each would be a chart of one dot
        for number, piece in enumerate(generated_metrics.generated[: extent.max_pieces]):
            name, performance = f"generated/{number:03d}", piece.performance
            show_piece(board, name, performance, audio_s=extent.audio_s)
            if with_scores and len(performance):
                written, quarters = on_its_beats(performance), min(extent.score_quarters, _PAGE_QUARTERS)
                page = engrave(
                    written.performance,
                    metre=written.metre,
                    tempo_bpm=written.tempo_bpm,
                    max_quarters=quarters,
                )
                board.add_image(f"{name}/score", rasterise(page), dataformats="HWC")
