"""Any folder of MIDI files as a source of pieces."""

import logging
import os
import sys
from pathlib import Path

from musicgen.data.catalogue import Piece, era_of
from musicgen.data.composers import UNKNOWN, BirthYears, parse_file_name
from musicgen.data.hashing import hash_files
from musicgen.data.sharding import WHOLE, Shard

logger = logging.getLogger(__name__)

MIDI_SUFFIXES = (".mid", ".midi")


class Folder:
    """Every ``.mid`` and ``.midi`` file below a folder.

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

    def pieces(self, shard: Shard = WHOLE) -> list[Piece]:
        """List every MIDI file below the root, sorted by file name; only those of a shard are read.

        Raises:
            ValueError: There is none.
        """
        return pieces_below(self.root, cache_dir=self.cache_dir, shard=shard)


def checked_root(root: str | Path | None, *, source: str) -> Path:
    """Make sure that a source has a folder, and say how to give it one.

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


def pieces_below(root: Path, *, cache_dir: Path | None, shard: Shard = WHOLE) -> list[Piece]:
    """List the MIDI files below ``root`` with composer, title and era, sorted by file name.

    Files that are not of the shard have no content.

    Raises:
        ValueError: There is no MIDI file.
    """
    paths = find_midi_files(root)
    if not paths:
        raise ValueError(f"no {' or '.join(MIDI_SUFFIXES)} file below {root}; check data.root")
    births = BirthYears.from_folder(root)
    own = [path for path in paths if shard.holds(path)]
    digests = dict(zip(own, hash_files(own, cache_dir=cache_dir, part=shard.name), strict=True))
    return [_piece(path, digests.get(path, ""), births) for path in paths]


def find_midi_files(root: Path) -> list[Path]:
    """Find files whose last suffix is one of MIDI, in any case, in all subfolders; sorted by file name."""
    found = []
    for folder, _, names in os.walk(root, onerror=lambda error: logger.warning("folder skipped: %s", error)):
        found += [Path(folder, name) for name in names if _is_midi(name)]
    return sorted(found, key=lambda path: (path.name, str(path)))


def _is_midi(name: str) -> bool:
    return name.lower().endswith(MIDI_SUFFIXES) and not name.startswith("._")


def _piece(path: Path, content: str, births: BirthYears) -> Piece:
    parsed = parse_file_name(path)
    composer = parsed.composer or UNKNOWN
    return Piece(
        path=Path(path),  # a fresh one: the listed path holds its text a second time
        content=content,
        composer=sys.intern(composer),
        surname=sys.intern(parsed.surname),
        title=parsed.title,
        era=era_of(births.year(composer)),
    )
