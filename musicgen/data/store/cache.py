"""The cache of cut pieces: one file per piece content and grid, written atomically and checked when read."""

import json
import logging
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt32

from musicgen.data.store.facts import PieceFacts
from musicgen.data.store.still import cut_still
from musicgen.files.atomic import write_atomically
from musicgen.files.hashing import hash_file
from musicgen.music.grid import Grid
from musicgen.music.midi import MidiError
from musicgen.music.packing import NUM_PITCHES

logger = logging.getLogger(__name__)

WORD = np.dtype("<u4")
BYTES_PER_QUARTER = NUM_PITCHES * WORD.itemsize
_VERSION = "c1"  # bump whenever the slices of a grid change
_CHECKSUM_BYTES = 4


class PieceCache:
    """Cut pieces on disk, by content and grid.

    An entry is a line of JSON with the facts, one bit per pitch and quarter that says whether anything
    sounds, the numbers of those (``<u4``) and a checksum of all: an eighth of what slices take when they are
    spread out.
    Entries are deterministic and take their name only when whole, so any number of processes may fill one
    cache at once. A file that is no music has an entry too, with the reason and no slices.

    Args:
        cache_dir: Folder of all caches.
        grid: How time becomes ticks.

    Attributes:
        key: Names the grid and the version of this class: a part of all paths.
    """

    def __init__(self, cache_dir: Path, grid: Grid):
        self.grid = grid
        self.cache_dir = Path(cache_dir)
        self.key = f"{grid.key}-{_VERSION}"
        self.folder = self.cache_dir / "entries" / self.key

    def path_of(self, content: str) -> Path:
        """Return the path of the entry of a content."""
        return self.folder / content[:2] / f"{content}.slices"

    def facts(self, content: str) -> PieceFacts | None:
        """Read the facts of an entry and check the whole of it; None if missing or damaged."""
        entry = self._checked(content)
        return None if entry is None else entry[0]

    def packed(self, content: str) -> UInt32[np.ndarray, "quarters pitches"] | None:
        """Read the packed slices of an entry and check them; None if missing or damaged."""
        entry = self._checked(content)
        if entry is None:
            return None
        facts, body = entry
        packed = np.zeros((facts.num_quarters, NUM_PITCHES), WORD)
        mask, values = np.split(body, [-(-packed.size // 8)])
        packed[np.unpackbits(mask, count=packed.size).reshape(packed.shape).view(bool)] = values.view(WORD)
        return packed

    def _checked(self, content: str) -> tuple[PieceFacts, UInt8[np.ndarray, " bytes"]] | None:
        path = self.path_of(content)
        try:
            return _read_entry(path)
        except FileNotFoundError:
            return None
        except ValueError as error:
            logger.warning("cache entry %s is damaged (%s) and is made again", path, error)
            return None

    def read_piece(self, path: Path, content: str) -> PieceFacts:
        """Read and cut a file, and keep the result unless the file is not the one that was listed."""
        try:
            if hash_file(path) != content:
                return PieceFacts(error="the file changed while it was read; run again", transient=True)
            drawn = self.grid.read(path)
        except OSError as error:
            return PieceFacts(error=f"cannot be read: {error.strerror or error}", transient=True)
        except MidiError as error:
            facts = PieceFacts(error=error.reason, transient=isinstance(error.__cause__, OSError))
            return facts if facts.transient else self._keep(content, facts, np.empty((0, NUM_PITCHES), WORD))
        except Exception as error:
            error.add_note(f"while reading {path}")
            raise
        packed, num_cut = cut_still(drawn.packed)
        error = "" if len(packed) else "no notes on the grid"
        facts = PieceFacts(len(packed), drawn.num_notes, drawn.counts, error, cut_quarters=num_cut)
        return self._keep(content, facts, packed)

    def _keep(self, content: str, facts: PieceFacts, packed: np.ndarray) -> PieceFacts:
        sounding = packed != 0
        values = np.ascontiguousarray(packed[sounding], dtype=WORD)
        head = json.dumps(facts.to_dict(), sort_keys=True).encode() + b"\n"
        data = head + np.packbits(sounding).tobytes() + values.tobytes()
        write_atomically(self.path_of(content), data + zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little"))
        return facts


def _read_entry(path: Path) -> tuple[PieceFacts, UInt8[np.ndarray, " bytes"]]:
    data = path.read_bytes()
    data, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if not data or zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little") != checksum:
        raise ValueError("its checksum does not fit")
    head, _, body = data.partition(b"\n")
    return PieceFacts.from_dict(json.loads(head)), np.frombuffer(body, np.uint8)
