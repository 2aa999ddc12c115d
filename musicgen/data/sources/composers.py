"""Composers: names in file names, birth years and eras."""

import csv
import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from musicgen.files.hashing import regular_status

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
ERAS = ("baroque", "classical", "romantic", "modern", UNKNOWN)
_ERA_ENDS = (("baroque", 1710), ("classical", 1795), ("romantic", 1885))
_NO_DECOMPOSITION = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})
_MAX_HEADER_CHARACTERS = 10_000  # a file without line ends may be of any size
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")


def normalise(name: str) -> str:
    """Normalise a name for comparison: no accents, no case, no punctuation.

    Letters of any script stay, so that ``Чайковский`` matches itself.
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_NO_DECOMPOSITION))
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return " ".join(letters.split())


@dataclass(frozen=True)
class ParsedName:
    """The parts of a file name of the pattern ``Surname, Firstname, Title, YouTubeId``."""

    surname: str
    first_name: str
    title: str

    @property
    def composer(self) -> str:
        """The full name, first name first."""
        return f"{self.first_name} {self.surname}".strip()


def parse_file_name(path: Path) -> ParsedName:
    """Read surname, first name and title from a file name.

    A title may hold commas and dots, and an id may begin with ``-`` or ``_``; the last part is taken for an
    id only where it looks like one and follows a title. A name without the pattern is all title, by
    ``unknown``.
    """
    parts = unicodedata.normalize("NFC", path.stem).split(", ")
    if len(parts) < 3 or not parts[0].strip():
        return ParsedName(surname=UNKNOWN, first_name="", title=path.stem)
    title_parts = parts[2:]
    if len(title_parts) > 1 and _YOUTUBE_ID.fullmatch(title_parts[-1]):
        title_parts = title_parts[:-1]
    return ParsedName(parts[0].strip(), parts[1].strip(), ", ".join(title_parts).strip())


class BirthYears:
    """Birth years by composer: the tables of a data set first, then the table that comes with the package.

    Args:
        tables: Those of a data set, such as GiantMIDI-Piano's own ``composers.csv`` and
            ``full_music_pieces_youtube_similarity_pianosoloprob*.csv``; files without a column of births
            add nothing.
    """

    def __init__(self, tables: Iterable[Path] = ()):
        self._years = dict(_shipped_years())
        for table in tables:
            self._years.update(_read_years(table))

    def year(self, composer: str) -> int | None:
        """Look up the birth year of a full name, or None where no table knows it."""
        return self._years.get(normalise(composer))


def era_of(birth_year: int | None) -> str:
    """Name the era by birth year: before 1710, before 1795, before 1885, or later; None is ``unknown``."""
    if birth_year is None:
        return UNKNOWN
    return next((era for era, end in _ERA_ENDS if birth_year < end), "modern")


def _read_years(table: Path) -> dict[str, int]:
    """Read name → birth from a table with a ``birth`` column; other tables and unknown years give nothing."""
    try:
        regular_status(table)
        with table.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            header = lines.readline(_MAX_HEADER_CHARACTERS)
            delimiter = "\t" if "\t" in header else ","
            columns = [column.strip().strip('"').lower() for column in header.rstrip("\r\n").split(delimiter)]
            if "birth" not in columns:
                return {}
            quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
            rows = csv.DictReader(lines, columns, delimiter=delimiter, quoting=quoting)
            return dict(_years_of_rows(rows))
    except (OSError, csv.Error) as error:
        logger.warning(
            "composer table %s could not be read (%s); birth years fall back to the shipped table",
            table,
            error,
        )
        return {}


def _years_of_rows(rows: Iterable[dict[str, str]]) -> Iterable[tuple[str, int]]:
    for row in rows:
        name = row.get("name") or row.get("composer_name") or f"{row.get('firstname')} {row.get('surname')}"
        birth = (row.get("birth") or "").strip()
        if birth.isdecimal():
            yield normalise(name), int(birth)


@lru_cache(maxsize=1)
def _shipped_years() -> dict[str, int]:
    text = resources.files("musicgen.data.sources").joinpath("composers.csv").read_text(encoding="utf-8")
    return dict(_years_of_rows(csv.DictReader(text.splitlines())))
