"""The evaluation page: metrics, and every piece as score, roll, form and sound, in one offline file."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen import __version__
from musicgen.files.progress_bar import track
from musicgen.measure.generated import GeneratedMetrics
from musicgen.reports.pages.environment import TEMPLATES, page_environment, text_hash, write_page_text
from musicgen.reports.pages.metric_table import metric_tables
from musicgen.reports.pages.piece_views import PieceView, view_piece
from musicgen.reports.tables.render import to_html

PAGE_FILE = "evaluation.html"


@dataclass(frozen=True)
class PageExtent:
    """How much of the music is shown.

    Attributes:
        max_pieces: At most so many pieces; 0 for metrics alone.
        score_quarters: So many quarters of each as a score.
        audio_s: So many seconds of each as sound (2 MB a minute).

    Raises:
        ValueError: A number is out of range.
    """

    max_pieces: int = 8
    score_quarters: int = 64
    audio_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot be shown, before anything is measured."""
        for name, least in (("max_pieces", 0), ("score_quarters", 4), ("audio_s", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"page.{name}={getattr(self, name)}; give {least} or more")


def write_evaluation_page(
    path: str | Path,
    *,
    title: str,
    metrics: Mapping[str, float],
    generated_metrics: GeneratedMetrics,
    facts: Sequence[tuple[str, str]] = (),
    command: str = "",
    extent: PageExtent = PageExtent(),
    when: datetime.datetime | None = None,
) -> Path:
    """Write one self-contained HTML page; its content policy lets it run no script and load nothing.

    Args:
        path: The file.
        title: Its heading.
        metrics: All metrics.
        generated_metrics: The pieces as they were measured.
        facts: Labels and texts below the heading.
        command: The command that made it, to be shown.
        extent: How much of the music is shown.
        when: The time to be shown; None is now.

    Returns:
        The file.
    """
    from markupsafe import Markup

    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "evaluation.css"))
    text = (
        page_environment()
        .get_template("evaluation.html.j2")
        .render(
            version=__version__,
            title=title,
            facts=facts,
            command=command,
            when=when or datetime.datetime.now().astimezone(),
            tables=[(table.title, to_html(table, kind="metrics")) for table in metric_tables(metrics)],
            views=_views(generated_metrics, extent),
            num_pieces=len(generated_metrics.generated),
            style=Markup(style),  # ours: the only text that is not escaped
            style_hash=text_hash(style),
        )
    )
    path = Path(path)
    write_page_text(text, path)
    return path


def _views(generated_metrics: GeneratedMetrics, extent: PageExtent) -> list[PieceView]:
    """Draw the first pieces; a bar is shown where that takes time."""
    shown = generated_metrics.generated[: extent.max_pieces]
    size = {"score_quarters": extent.score_quarters, "audio_s": extent.audio_s}
    return [
        view_piece(piece, threshold=generated_metrics.threshold, **size)
        for piece in track(shown, description="Drawing pieces", total=len(shown))
    ]
