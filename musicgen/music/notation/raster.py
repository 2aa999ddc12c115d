"""Turn an engraved score into pixels, where the extra `scores` is installed."""

import importlib.util
import io
import re
from pathlib import Path

import numpy as np

from musicgen.music.render.piano_roll import Rgb

# Verovio writes signs among words in a font that it embeds as WOFF2, which resvg does not read.
_SIGNS = str.maketrans(
    {"\uea63": "♭♭", "\uea64": "♭", "\uea65": "♮", "\uea66": "♯", "\uea67": "×", "\ueca5": "♩"}
)
_SIGN = re.compile(r'font-family="Leipzig" font-size="(\d+)px"')
_SIGN_SIZE = 0.62  # of the embedded font's, to be as tall as the words
_WORDS = "DejaVu Serif"  # comes with matplotlib, so that a page looks alike on every machine


def can_rasterise() -> bool:
    """Whether resvg is installed."""
    return importlib.util.find_spec("resvg_py") is not None


def rasterise(svg: str, *, width: int = 1200) -> Rgb:
    """Draw a page of `engrave` in pixels, black on white.

    Args:
        svg: The page.
        width: In pixels.

    Raises:
        ValueError: resvg is not installed, or the page is no SVG.
    """
    try:
        import resvg_py  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(
            'pictures of scores need resvg: python -m pip install "musicgen-lab[scores]"'
        ) from error
    from matplotlib import get_data_path
    from matplotlib.image import imread

    picture = resvg_py.svg_to_bytes(
        svg_string=_SIGN.sub(_as_words, svg.translate(_SIGNS)),
        width=width,
        background="#ffffff",
        font_dirs=[str(Path(get_data_path()) / "fonts" / "ttf")],
        skip_system_fonts=True,
        font_family=_WORDS,
        serif_family=_WORDS,
    )
    pixels = imread(io.BytesIO(bytes(picture)), format="png")[:, :, :3]
    return np.round(255 * pixels).astype(np.uint8)


def _as_words(sign: re.Match[str]) -> str:
    return f'font-family="{_WORDS}" font-size="{_SIGN_SIZE * int(sign[1]):.0f}px"'
