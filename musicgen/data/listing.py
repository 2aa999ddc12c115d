"""Which files of music lie below a folder, with the tables that may come with them."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

MIDI_SUFFIXES = (".mid", ".midi")
TABLE_SUFFIXES = (".csv", ".tsv")
_NUMBER_BYTES = 4


class Listing:
    """The MIDI files below a folder; each takes little more than its name until it is taken.

    Their last suffix is one of MIDI, in any case. Links to folders are not followed, so no file is met twice;
    a folder that cannot be read is told and passed over.

    Args:
        root: The folder.

    Attributes:
        folders: Those that hold MIDI files.
        tables: Files of comma- or tab-separated values, sorted.
    """

    def __init__(self, root: Path):
        self.folders: list[str] = []
        self.tables: list[Path] = []
        self._names: list[bytes] = []
        for folder, below, names in os.walk(root, onerror=_tell_of):
            below.sort()
            music = [name for name in names if _is_midi(name)]
            if music:
                number = len(self.folders).to_bytes(_NUMBER_BYTES, "big")
                self._names += [os.fsencode(name) + b"\0" + number for name in music]
                self.folders.append(folder)
            self.tables += [Path(folder, name) for name in names if name.lower().endswith(TABLE_SUFFIXES)]
        self._names.sort(reverse=True)
        self.tables.sort()

    def __len__(self) -> int:
        return len(self._names)

    def take(self) -> Iterator[Path]:
        """Take the MIDI files out of the listing one by one, sorted by file name, then folder."""
        while self._names:
            key = self._names.pop()
            name, number = key[: -_NUMBER_BYTES - 1], int.from_bytes(key[-_NUMBER_BYTES:], "big")
            yield Path(self.folders[number], os.fsdecode(name))


def _is_midi(name: str) -> bool:
    return name.lower().endswith(MIDI_SUFFIXES) and not name.startswith("._")


def _tell_of(error: OSError) -> None:
    logger.warning("folder skipped: %s", error)
