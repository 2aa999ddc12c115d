"""GiantMIDI-Piano as a source of pieces (Kong et al. 2020, CC BY 4.0)."""

from pathlib import Path

from musicgen.data.catalogue import Piece
from musicgen.data.folder import checked_root, pieces_below


class GiantMidi:
    """The files of GiantMIDI-Piano, in the layout of the full data set or flat in one folder.

    File names are ``Surname, Firstname, Title, YouTubeId.mid``. Birth years come from the data set's own
    tables where they lie in the folder, otherwise from the table that comes with the package.

    Args:
        root: The folder of the data set.
        cache_dir: Where content hashes are remembered; None hashes every file each time.

    Raises:
        ValueError: No root is given, or it is not a folder.
    """

    name = "giantmidi"

    def __init__(self, root: str | Path | None, *, cache_dir: str | Path | None = None):
        self.root = checked_root(root, source=self.name)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)

    def pieces(self) -> list[Piece]:
        """List every MIDI file below the root, sorted by file name.

        Raises:
            ValueError: There is none.
        """
        return pieces_below(self.root, cache_dir=self.cache_dir)
