"""The page of renderings: each held-out piece flat, rendered and as it was played, to listen to."""

import datetime
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from musicgen import __version__
from musicgen.files.progress_bar import track
from musicgen.measure.rendering import Rendered
from musicgen.measure.spec import metric
from musicgen.music.metrics.touch import pedal_share
from musicgen.music.notes import Performance
from musicgen.reports.pages.environment import TEMPLATES, page_environment, text_hash, write_page_text
from musicgen.reports.pages.evaluation_page import PageExtent
from musicgen.reports.pages.piece_views import start_sound
from musicgen.reports.pages.shown_command import as_typed
from musicgen.reports.tables.numbers import decimals_for, format_number
from musicgen.reports.tables.render import to_html
from musicgen.reports.tables.table import Cell, Column, Line, Table

PAGE_FILE = "rendering.html"
PREFIXES = {"flat": "baseline/flat/", "rendered": "rendered/", "real": "real/"}
_AUDIO_S = 40.0


@dataclass(frozen=True)
class Player:
    """One of the three ways in which a piece is heard.

    Attributes:
        title: Flat, rendered or as it was played.
        audio: Sound as a `data:` address.
        facts: Velocities and pedal in a few words.
    """

    title: str
    audio: str
    facts: str


def rendering_table(metrics: Mapping[str, float]) -> Table:
    """Lay out the metrics of renderings: a line a metric, with flat and real beside rendered.

    Args:
        metrics: Name to number, as in `metrics.json`; others are left out.
    """
    lines = []
    for name in metrics:
        leaf = name.removeprefix("rendered/")
        if leaf == name or leaf.endswith(("/low", "/high")):
            continue
        values = {title: metrics.get(prefix + leaf, float("nan")) for title, prefix in PREFIXES.items()}
        decimals = decimals_for([value for value in values.values() if value == value])
        described = metric(name)
        texts = [
            _with_ends(metrics, PREFIXES[title] + leaf, value, decimals) for title, value in values.items()
        ]
        lines.append(
            Line(
                (
                    Cell(f"{described.title} {described.arrow}".strip(), name),
                    *(Cell(text, value) for text, value in zip(texts, values.values(), strict=True)),
                    Cell(described.spec.meaning),
                ),
                explanation=described.explanation,
            )
        )
    columns = (
        Column("metric", numeric=False),
        *(Column(title) for title in PREFIXES),
        Column("meaning", numeric=False, mark="dim"),
    )
    return Table(columns, tuple(lines), title="Flat, rendered and real")


def write_rendering_page(
    folder: Path, pieces: Rendered, *, metrics: Mapping[str, float], measured: str, extent: PageExtent
) -> Path:
    """Write `rendering.html`, one self-contained page with three players a piece.

    Args:
        folder: Where to.
        pieces: The same pieces flat, rendered and real.
        metrics: From `rendering_metrics`.
        measured: What was measured, for the heading.
        extent: How many pieces, and how much of each is heard (40 seconds at most).

    Raises:
        OSError: The folder cannot be written.
    """
    from markupsafe import Markup

    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "evaluation.css"))
    number = min(extent.max_pieces, len(pieces.names))
    audio_s = min(extent.audio_s, _AUDIO_S)
    views = [
        (pieces.names[place], _players(pieces, place, audio_s=audio_s))
        for place in track(range(number), description="Playing pieces", total=number)
    ]
    text = (
        page_environment()
        .get_template("rendering.html.j2")
        .render(
            version=__version__,
            title=f"Renderings of {measured}",
            command=as_typed("musicgen", sys.argv[1:]),
            when=datetime.datetime.now().astimezone(),
            table=to_html(rendering_table(metrics), kind="metrics"),
            views=views,
            num_pieces=len(pieces.names),
            audio_s=audio_s,
            style=Markup(style),  # ours: the only text that is not escaped
            style_hash=text_hash(style),
        )
    )
    path = Path(folder) / PAGE_FILE
    write_page_text(text, path)
    return path


def _players(pieces: Rendered, place: int, *, audio_s: float) -> list[Player]:
    heard = {"flat": pieces.flat, "rendered": pieces.rendered, "as it was played": pieces.real}
    sounds = [start_sound(each[place], audio_s=audio_s) for each in heard.values()]
    return [
        Player(title, sound(), _facts(each[place]))
        for (title, each), sound in zip(heard.items(), sounds, strict=True)
    ]


def _facts(performance: Performance) -> str:
    mean, spread = performance.velocity.mean(), performance.velocity.std()
    return f"velocity {mean:.0f} ± {spread:.0f}, pedal down {pedal_share(performance):.0%} of the time"


def _with_ends(metrics: Mapping[str, float], name: str, value: float, decimals: int) -> str:
    if value != value:
        return ""
    ends = [metrics[f"{name}/{end}"] for end in ("low", "high") if f"{name}/{end}" in metrics]
    text = format_number(value, decimals)
    return f"{text} [{', '.join(format_number(end, decimals) for end in ends)}]" if ends else text
