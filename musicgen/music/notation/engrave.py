"""Engrave a performance as SVG (verovio), without a network."""

import re
from collections.abc import Sequence

from musicgen.music.notation.metre import Metre
from musicgen.music.notation.score import make_score, typical_tempo_bpm
from musicgen.music.notes import Performance

_PAGE_WIDTH = 2100  # tenths of a millimetre at verovio's scale of 100
_PAGE_HEIGHT = 60000  # the most that verovio allows
_SCALE = 40  # per cent
_OPTIONS = {
    "pageWidth": _PAGE_WIDTH,
    "pageHeight": _PAGE_HEIGHT,
    "adjustPageHeight": True,
    "scale": _SCALE,
    "breaks": "auto",
    "footer": "none",
    "svgViewBox": True,
}
_ROOM_FOR_NAMES = {"spacingLinear": 0.3, "spacingNonLinear": 0.68}  # verovio's own let chord names overlap
_VIEW_BOX = re.compile(r'<svg viewBox="0 0 (\d+) (\d+)"')


def engrave(
    performance: Performance,
    *,
    tempo_bpm: float | None = None,
    title: str = "",
    metre: Metre | None = None,
    chord_names: bool = True,
    max_quarters: int | None = None,
) -> str:
    """Draw a performance as one tall page of SVG, two staves a system, chord names above.

    All bars are drawn, however long the piece is: what verovio breaks into several pages stands one below
    the other.

    Args:
        performance: The notes.
        tempo_bpm: Quarters a minute of the mark above, above 0; None: the performance's typical one.
        title: What stands above the score.
        metre: Of the whole piece; None takes what the performance's file says.
        chord_names: Name the chords above the staves.
        max_quarters: Draw so many quarters from the beginning only.

    Returns:
        SVG that stands for itself: glyphs are outlines, words are in the reader's serif.

    Raises:
        ValueError: The tempo is not above 0.
    """
    import verovio

    from musicgen.music.notation.musicxml import to_musicxml

    score = make_score(performance, metre=metre, chord_names=chord_names, max_quarters=max_quarters)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    options = {"header": "auto" if title else "none", **(_ROOM_FOR_NAMES if chord_names else {})}
    toolkit.setOptions(_OPTIONS | options)
    tempo_bpm = typical_tempo_bpm(performance) if tempo_bpm is None else tempo_bpm
    loaded = toolkit.loadData(to_musicxml(score, tempo_bpm=tempo_bpm, title=title))
    assert loaded, "verovio did not read our own MusicXML"
    return _stacked([toolkit.renderToSVG(number + 1) for number in range(toolkit.getPageCount())])


def _stacked(pages: Sequence[str]) -> str:
    """Put pages of one width below each other."""
    if len(pages) == 1:
        return pages[0]
    sizes = [(int(box[1]), int(box[2])) for page in pages if (box := _VIEW_BOX.search(page))]
    assert len(sizes) == len(pages), "verovio writes pages without a size"
    inner, top = [], 0
    for page, (width, height) in zip(pages, sizes, strict=True):
        place = f'<svg x="0" y="{top}" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        inner.append(_VIEW_BOX.sub(place, page, count=1))
        top += height
    size = f'viewBox="0 0 {max(width for width, _ in sizes)} {top}"'
    return f'<svg {size} version="1.1" xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(inner) + "\n</svg>"
