"""Any folder of MIDI files as a source of pieces."""

import logging
from pathlib import Path

from musicgen.config.build import Buildable
from musicgen.data.catalogue.content_hashes import content_hashes
from musicgen.data.catalogue.pieces import Piece, PieceTable
from musicgen.data.catalogue.shards import WHOLE, Shard
from musicgen.data.sources.composers import UNKNOWN, BirthYears, era_of, parse_file_name
from musicgen.data.sources.listing import MIDI_SUFFIXES, Listing

logger = logging.getLogger(__name__)


class Folder(Buildable):
    """Every MIDI file (``.mid``, ``.midi``, ``.rmi``, ``.kar``) below a folder, links followed.

    Composers are read from file names of the pattern ``Surname, Firstname, Title``; other files are by
    ``unknown`` and keep their name as title.

    Args:
        root: The folder.
        cache_dir: Where content hashes are remembered; None hashes every file each time.

    Raises:
        ValueError: No root is given, or it is not a folder.
    """

    name = "folder"

    def __init__(self, root: str | Path | None, *, cache_dir: str | Path | None = None):
        self.root = checked_root(root, source=self.name)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)

    def pieces(self, shard: Shard = WHOLE) -> PieceTable:
        """List every MIDI file below the root, sorted by file name; only those of a shard are read.

        Raises:
            ValueError: There is none.
        """
        return pieces_below(self.root, cache_dir=self.cache_dir, shard=shard)

    def names(self) -> PieceTable:
        """List every MIDI file below the root by its name alone.

        Raises:
            ValueError: There is none.
        """
        return names_below(self.root)


def checked_root(root: str | Path | None, *, source: str) -> Path:
    """Check that a source has a folder.

    Raises:
        ValueError: No root is given, or it is not a folder.
    """
    ways = "give data.root=DIR, or use data=corpus, which needs no files"
    if source == "giantmidi":
        ways = f"set GIANTMIDI_ROOT=DIR, or data.download=true to fetch the files; or {ways}"
    if root is None or not str(root):
        raise ValueError(f"data={source} has no folder to read: {ways}")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise ValueError(f"data.root={folder} is not a folder: {ways}")
    return folder.resolve()


def pieces_below(root: Path, *, cache_dir: Path | None, shard: Shard = WHOLE) -> PieceTable:
    """List the MIDI files below ``root`` with composer, title and era, sorted by file name.

    Files that are not of the shard have no content.

    Raises:
        ValueError: There is no MIDI file.
    """
    found = _listing(root)
    if found.num_written:
        logger.warning(
            "%d of %d MIDI files were written by musicgen, such as those in %s, and are read as pieces; "
            "name another data.root to leave them out",
            *(found.num_written, found.num_files, found.written[0]),
        )
    births = BirthYears(found.tables)
    with content_hashes(cache_dir) as hashes:
        pieces = PieceTable(
            _piece(path, hashes.of(path) if shard.holds(path) else "", births) for path in found
        )
    return pieces.by_name()


def names_below(root: Path) -> PieceTable:
    """List the MIDI files below ``root`` with composer, title and era, without their content.

    Raises:
        ValueError: There is no MIDI file.
    """
    found = _listing(root)
    births = BirthYears(found.tables)
    return PieceTable(_piece(path, "", births) for path in found)


def _listing(root: Path) -> Listing:
    found = Listing(root)
    if not found.num_files:
        raise ValueError(
            f"no {', '.join(MIDI_SUFFIXES[:-1])} or {MIDI_SUFFIXES[-1]} file below {root}; check data.root"
        )
    return found


def _piece(path: Path, content: str, births: BirthYears) -> Piece:
    parsed = parse_file_name(path)
    composer = parsed.composer or UNKNOWN
    return Piece(
        path=path,
        content=content,
        composer=composer,
        surname=parsed.surname,
        title=parsed.title,
        era=era_of(births.year(composer)),
    )
