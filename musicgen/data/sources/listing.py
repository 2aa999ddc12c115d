"""Which files of music lie below a folder, with the tables that may come with them."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

MIDI_SUFFIXES = (".mid", ".midi")
TABLE_SUFFIXES = (".csv", ".tsv")


class Listing:
    """The MIDI files below a folder; only the names of one folder are in memory at a time.

    Their last suffix is one of MIDI, in any case. Links to folders are not followed, so no file is met twice;
    a folder that cannot be read is told and passed over.

    Args:
        root: The folder.

    Attributes:
        folders: Those that hold MIDI files.
        tables: Files of comma- or tab-separated values, sorted.
        num_files: How many MIDI files there are.
    """

    def __init__(self, root: Path):
        self.folders: list[str] = []
        self.tables: list[Path] = []
        self.num_files = 0
        for folder, below, names in os.walk(root, onerror=_tell_of):
            below.sort()
            num_files = sum(map(_is_midi, names))
            if num_files:
                self.folders.append(folder)
                self.num_files += num_files
            self.tables += [Path(folder, name) for name in names if name.lower().endswith(TABLE_SUFFIXES)]
        self.tables.sort()

    def __iter__(self) -> Iterator[Path]:
        """Go through the MIDI files folder by folder, sorted by name in each."""
        for folder in self.folders:
            _, _, names = next(os.walk(folder, onerror=_tell_of), (folder, [], []))
            for name in sorted(filter(_is_midi, names), key=os.fsencode):
                yield Path(folder, name)


def _is_midi(name: str) -> bool:
    return name.lower().endswith(MIDI_SUFFIXES) and not name.startswith("._")


def _tell_of(error: OSError) -> None:
    logger.warning("folder skipped: %s", error)
