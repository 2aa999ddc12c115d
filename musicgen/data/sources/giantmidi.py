"""GiantMIDI-Piano as a source of pieces (Kong et al. 2020, CC BY 4.0)."""

from pathlib import Path

from musicgen.config.build import Buildable
from musicgen.data.catalogue.pieces import PieceTable
from musicgen.data.catalogue.shards import WHOLE, Shard
from musicgen.data.sources.folder import checked_root, names_below, pieces_below
from musicgen.data.sources.giantmidi_download import download_full, download_report


class GiantMidi(Buildable):
    """The files of GiantMIDI-Piano, in the layout of the full data set or flat in one folder.

    File names are ``Surname, Firstname, Title, YouTubeId.mid``. Birth years come from the data set's own
    tables where they lie in the folder, otherwise from the table that comes with the package.

    Args:
        root: The folder of the data set; with ``download`` it may be missing or None, which takes a folder
            in the cache.
        download: False uses what is there; True fetches the 857 files of the original report; ``full``
            fetches the whole set (193 MB, 10,855 files).
        cache_dir: Where content hashes are remembered; None hashes every file each time.
        progress: Show bars while downloading.

    Raises:
        ValueError: No root is given, it is not a folder, or ``download`` is something else.
    """

    name = "giantmidi"

    def __init__(
        self,
        root: str | Path | None,
        *,
        download: bool | str = False,
        cache_dir: str | Path | None = None,
        progress: bool = True,
    ):
        if download not in (False, True, "full"):
            raise ValueError(
                f"data.download={download}: false, true (the report's 857 files) or full (10,855 files)"
            )
        self.download, self.progress = download, progress
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        if download and not root and self.cache_dir is not None:
            root = (
                self.cache_dir / "downloads" / ("giantmidi-full" if download == "full" else "giantmidi-857")
            )
        if download and not root:
            raise ValueError("data.download has no folder to write to: give data.root=DIR, or a cache_dir")
        if download:
            Path(str(root)).expanduser().mkdir(parents=True, exist_ok=True)
        self.root = checked_root(root, source=self.name)

    def pieces(self, shard: Shard = WHOLE) -> PieceTable:
        """List every MIDI file below the root, sorted by file name; downloads what is missing first.

        Only files of the shard are read.

        Raises:
            ValueError: There is none.
            OSError: The download did not succeed; says what to do.
        """
        if self.download == "full":
            download_full(self.root, progress=self.progress)
        elif self.download:
            download_report(self.root, progress=self.progress)
        return pieces_below(self.root, cache_dir=self.cache_dir, shard=shard)

    def names(self) -> PieceTable:
        """List the files that are there by their names alone; what is to be downloaded is not known yet.

        Raises:
            ValueError: There is none.
        """
        return names_below(self.root)
