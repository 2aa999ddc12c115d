"""Which files of music lie below a folder, with the tables that may come with them."""

import heapq
import logging
import os
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

logger = logging.getLogger(__name__)

MIDI_SUFFIXES = (".mid", ".midi")
TABLE_SUFFIXES = (".csv", ".tsv")
_BETWEEN_NAMES = b"\0"  # no file's name has it


class Listing:
    """The MIDI files below a folder; each takes little more than its name.

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
        self._names: list[bytes] = []  # of each folder's files, sorted and joined
        self._num_files = 0
        for folder, below, names in os.walk(root, onerror=_tell_of):
            below.sort()
            music = [name for name in names if _is_midi(name)]
            if music:
                self.folders.append(folder)
                self._names.append(_BETWEEN_NAMES.join(sorted(map(os.fsencode, music))))
                self._num_files += len(music)
            self.tables += [Path(folder, name) for name in names if name.lower().endswith(TABLE_SUFFIXES)]
        self.tables.sort()

    def __len__(self) -> int:
        return self._num_files

    def __iter__(self) -> Iterator[Path]:
        """Go through the MIDI files, sorted by file name, then folder."""
        by_folder = (zip(_split(names), repeat(number)) for number, names in enumerate(self._names))
        for name, number in heapq.merge(*by_folder):
            yield Path(self.folders[number], os.fsdecode(name))


def _split(names: bytes) -> Iterator[bytes]:
    """Give joined names one by one."""
    start = 0
    while start <= len(names):
        end = names.find(_BETWEEN_NAMES, start)
        end = len(names) if end < 0 else end
        yield names[start:end]
        start = end + 1


def _is_midi(name: str) -> bool:
    return name.lower().endswith(MIDI_SUFFIXES) and not name.startswith("._")


def _tell_of(error: OSError) -> None:
    logger.warning("folder skipped: %s", error)
