"""What all pages share: the templates, and the digests that a content policy names."""

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.reports.tables.render import breakable

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def page_environment() -> "Environment":
    """Make what renders the templates of pages: everything is escaped, nothing may be missing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = breakable
    return environment


def write_page_text(text: str, path: Path) -> None:
    """Write a page, the user's folder as `~`: pages are given away.

    Raises:
        OSError: The file cannot be written.
    """
    path.write_text(text.replace(f"{Path.home()}/", "~/"), encoding="utf-8")


def text_hash(text: str) -> str:
    """Write the SHA-256 of a text as a content policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
