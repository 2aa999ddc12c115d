"""Engrave a performance as pages of SVG (verovio), without a network."""

from musicgen.music.notation.score import make_score
from musicgen.music.notes import Performance

_PAGE_WIDTH = 2100  # tenths of a millimetre at verovio's scale of 100
_SCALE = 40  # per cent


def engrave(
    performance: Performance,
    *,
    tempo_bpm: float = 120.0,
    title: str = "",
    chord_names: bool = True,
    max_quarters: int | None = None,
) -> str:
    """Draw a performance as one tall page of SVG, two staves a system, chord names above.

    Args:
        performance: The notes.
        tempo_bpm: Quarters a minute of the mark above, above 0.
        title: What stands above the score.
        chord_names: Name the chords above the staves.
        max_quarters: Draw so many quarters from the beginning only.

    Returns:
        SVG that stands for itself: glyphs are outlines, words are in the reader's serif.

    Raises:
        ValueError: The tempo is not above 0.
    """
    import verovio

    from musicgen.music.notation.musicxml import to_musicxml

    score = make_score(performance, chord_names=chord_names, max_quarters=max_quarters)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            "pageWidth": _PAGE_WIDTH,
            "pageHeight": 60000,
            "adjustPageHeight": True,
            "scale": _SCALE,
            "breaks": "auto",
            "footer": "none",
            "header": "auto" if title else "none",
            "svgViewBox": True,
        }
    )
    loaded = toolkit.loadData(to_musicxml(score, tempo_bpm=tempo_bpm, title=title))
    assert loaded, "verovio did not read our own MusicXML"
    return toolkit.renderToSVG(1)
