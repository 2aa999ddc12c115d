"""MIDI files and tables below a folder."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

MIDI_SUFFIXES = (".mid", ".midi", ".rmi", ".kar")
TABLE_SUFFIXES = (".csv", ".tsv")
_OUTPUT_MARK = ".hydra"  # what every verb leaves in its output folder


class Listing:
    """The MIDI files below a folder; only the names of one folder are in memory at a time.

    Their last suffix is one of MIDI, in any case. Links to folders are followed, and every folder is listed
    once, however many links lead to it; one that cannot be read is logged and passed over.

    Args:
        root: The folder.

    Attributes:
        folders: Those that hold MIDI files.
        tables: Files of comma- or tab-separated values, sorted.
        num_files: Number of MIDI files.
        written: Folders below the root that a verb of musicgen left and that hold MIDI files, such as runs.
        num_written: Number of MIDI files in them.
    """

    def __init__(self, root: Path):
        self.folders: list[str] = []
        self.tables: list[Path] = []
        self.num_files = 0
        self.written: list[str] = []
        self.num_written = 0
        outputs: tuple[str, ...] = ()
        listed: set[tuple[int, int]] = set()
        for folder, below, names in os.walk(root, onerror=_tell_of, followlinks=True):
            if _is_among(listed, folder):
                below.clear()
                continue
            below.sort(key=lambda name: (os.path.islink(os.path.join(folder, name)), name))
            if _OUTPUT_MARK in below and folder != str(root):
                outputs = (*outputs, os.path.join(folder, ""))
            num_files = sum(map(_is_midi, names))
            if num_files:
                self.folders.append(folder)
                self.num_files += num_files
                if os.path.join(folder, "").startswith(outputs):
                    self.written.append(folder)
                    self.num_written += num_files
            self.tables += [Path(folder, name) for name in names if name.lower().endswith(TABLE_SUFFIXES)]
        self.tables.sort()

    def __iter__(self) -> Iterator[Path]:
        """Go through the MIDI files folder by folder, sorted by name in each."""
        for folder in self.folders:
            _, _, names = next(os.walk(folder, onerror=_tell_of), (folder, [], []))
            for name in sorted(filter(_is_midi, names), key=os.fsencode):
                yield Path(folder, name)


def _is_among(listed: set[tuple[int, int]], folder: str) -> bool:
    """Return whether a folder was listed under another name, and remember it; one that is gone counts so."""
    try:
        status = os.stat(folder)
    except OSError as error:
        _tell_of(error)
        return True
    identity = (status.st_dev, status.st_ino)
    if identity in listed:
        return True
    listed.add(identity)
    return False


def _is_midi(name: str) -> bool:
    return name.lower().endswith(MIDI_SUFFIXES) and not name.startswith("._")


def _tell_of(error: OSError) -> None:
    logger.warning("folder skipped: %s", error)
