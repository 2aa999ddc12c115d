"""Where GiantMIDI-Piano comes from: the report's 857 files, and the full set."""

import json
import logging
import stat
import zipfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from musicgen.data.sources.download import DownloadError, fetch, fetch_file, file_md5, git_blob_id
from musicgen.data.sources.folder import MIDI_SUFFIXES
from musicgen.files.atomic import write_atomically
from musicgen.files.progress_bar import track

logger = logging.getLogger(__name__)

FOLDER_URL = "https://drive.google.com/drive/folders/1Stz3CAvMoplo79LR5I3onMWRelCugBYS"
_LISTING = ".musicgen-download.json"
_CONNECTIONS = 8
_MAX_MIDI_BYTES = 32 * 2**20
_MAX_LISTING_BYTES = 64 * 2**20
_MAX_UNPACKED_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Report:
    """Where the report's files are: a folder of a repository at a pinned commit.

    Attributes:
        api: GitHub's interface to the repository.
        raw: Where its files are served.
        commit: Beginning of the commit's id.
        folders: Folders with the files; a file's name is unique over them.
    """

    api: str = "https://api.github.com/repos/LittleD3092/creative-musician"
    raw: str = "https://raw.githubusercontent.com/LittleD3092/creative-musician"
    commit: str = "db0654b"
    folders: tuple[str, ...] = ("dataset/baroq", "dataset/classical", "dataset/romance")


@dataclass(frozen=True)
class FullSet:
    """Where the full set is: an archive in the official folder, and a table of composers.

    Attributes:
        archive: Address of the archive.
        name: Its file name; a copy that lies in the folder already is used.
        size: Its size in bytes.
        md5: Its MD5.
        table: Address of the data set's table of pieces, with birth years.
    """

    archive: str = "https://drive.usercontent.google.com/download?id=1BDEPaEWFEB2ADquS1VYp5iLZYVngw799&export=download&confirm=t"
    name: str = "midis_v1.2.zip"
    size: int = 192_678_627
    md5: str = "aaece5750b0cfe30b6a3be5c7bb14f83"
    table: str = (
        "https://raw.githubusercontent.com/bytedance/GiantMIDI-Piano/master/resources/"
        "full_music_pieces_youtube_similarity_pianosoloprob.csv"
    )


def download_report(
    root: Path, *, place: Report | None = None, progress: bool = True, pause_s: float = 1.0
) -> None:
    """Fetch the 857 files of the original report into ``root``.

    Each file is compared with the id that git has for it at the pinned commit. Files that are there and right
    are kept, so an interrupted download goes on, and a finished one needs no network.

    Args:
        root: The folder; made where it is missing.
        place: Where the files are.
        progress: Show a bar.
        pause_s: Pause before a second attempt, in seconds.

    Raises:
        DownloadError: A file cannot be fetched or is not the right one; the others are kept.
    """
    place = place or Report()
    commit, listing = _load_listing(root, place) or _fetch_listing(root, place, pause_s)
    missing = [path for path, blob in listing.items() if not _is_right(root / PurePosixPath(path).name, blob)]

    def fetch_one(path: str) -> None:
        data = fetch(f"{place.raw}/{commit}/{quote(path)}", max_bytes=_MAX_MIDI_BYTES, pause_s=pause_s)
        if git_blob_id(data) != listing[path]:
            raise DownloadError(
                f"{path} came with another content than it has in commit {place.commit}; run again"
            )
        write_atomically(root / PurePosixPath(path).name, data)

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        done = pool.map(fetch_one, missing)
        try:
            for _ in track(
                done, description="Downloading GiantMIDI files", total=len(missing), shown=progress
            ):
                pass
        finally:
            pool.shutdown(cancel_futures=True)


def download_full(
    root: Path, *, place: FullSet | None = None, progress: bool = True, pause_s: float = 1.0
) -> None:
    """Fetch the full data set (193 MB) into ``root`` and unpack it there.

    Args:
        root: The folder; made where it is missing.
        place: Where the archive is.
        progress: Show bars.
        pause_s: Pause before a second attempt, in seconds.

    Raises:
        DownloadError: The archive cannot be fetched, is not the right one, or holds what it should not.
    """
    place = place or FullSet()
    archive = root / place.name
    if not archive.is_file():
        try:
            fetch_file(
                place.archive, archive, size=place.size, md5=place.md5, progress=progress, pause_s=pause_s
            )
        except DownloadError as error:
            raise DownloadError(f"{error}. By hand: save {place.name} from {FOLDER_URL} in {root}") from error
    elif archive.stat().st_size != place.size or file_md5(archive) != place.md5:
        raise DownloadError(f"{archive} is not the published archive; remove it and run again")
    table = root / place.table.rpartition("/")[2]
    if not table.is_file():
        try:
            write_atomically(table, fetch(place.table, max_bytes=_MAX_LISTING_BYTES, pause_s=pause_s))
        except DownloadError as error:
            logger.warning("without the table of composers many eras stay unknown: %s", error)
    unpack_midi(archive, root, progress=progress)


def unpack_midi(archive: Path, root: Path, *, progress: bool = True) -> None:
    """Unpack the MIDI files and tables of an archive; files that are there and right are kept.

    Raises:
        DownloadError: It is no archive, a member would be written outside ``root``, is a link, or all
            together are larger than 4 GB.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if _is_wanted(member)]
            if sum(member.file_size for member in members) > _MAX_UNPACKED_BYTES:
                raise DownloadError(f"{archive} would unpack to more than {_MAX_UNPACKED_BYTES:,} bytes")
            targets = [_target(member, root) for member in members]
            pairs = list(zip(members, targets, strict=True))
            for member, target in track(pairs, description="Unpacking", total=len(pairs), shown=progress):
                if not _is_unpacked(target, member):
                    write_atomically(target, opened.read(member))
    except zipfile.BadZipFile as error:
        raise DownloadError(f"{archive} is damaged ({error}); remove it and run again") from error


def _fetch_listing(root: Path, place: Report, pause_s: float) -> tuple[str, Mapping[str, str]]:
    """Ask for the ids of all files at the pinned commit, and keep the answer beside the files."""
    options = {"max_bytes": _MAX_LISTING_BYTES, "pause_s": pause_s}
    commit = json.loads(fetch(f"{place.api}/commits/{place.commit}", **options))["sha"]
    tree = json.loads(fetch(f"{place.api}/git/trees/{commit}?recursive=1", **options))
    if not commit.startswith(place.commit) or tree.get("truncated"):
        raise DownloadError(f"{place.api} does not list commit {place.commit} as a whole; try again later")
    listing = {
        entry["path"]: entry["sha"]
        for entry in tree["tree"]
        if entry["type"] == "blob"
        and entry["path"].rpartition("/")[0] in place.folders
        and entry["path"].lower().endswith(MIDI_SUFFIXES)
    }
    if len({PurePosixPath(path).name for path in listing}) < len(listing) or any(
        "\\" in path for path in listing
    ):
        raise DownloadError(f"{place.api} lists files that cannot lie in one folder")
    text = json.dumps({"commit": commit, "files": listing}, ensure_ascii=False)
    write_atomically(root / _LISTING, text.encode())
    return commit, listing


def _load_listing(root: Path, place: Report) -> tuple[str, Mapping[str, str]] | None:
    try:
        kept = json.loads((root / _LISTING).read_bytes())
        return (kept["commit"], kept["files"]) if kept["commit"].startswith(place.commit) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_right(path: Path, blob: str) -> bool:
    return path.is_file() and git_blob_id(path.read_bytes()) == blob


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(member.filename)
    wanted = name.suffix.lower() in (*MIDI_SUFFIXES, ".csv", ".tsv")
    return wanted and not member.is_dir() and "__MACOSX" not in name.parts


def _target(member: zipfile.ZipInfo, root: Path) -> Path:
    name = PurePosixPath(member.filename)
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    if is_link or name.is_absolute() or ".." in name.parts or "\\" in member.filename or ":" in name.parts[0]:
        raise DownloadError(
            f"the archive's member {member.filename!r} would leave {root}; nothing was unpacked"
        )
    return root.joinpath(*name.parts)


def _is_unpacked(target: Path, member: zipfile.ZipInfo) -> bool:
    if not target.is_file() or target.stat().st_size != member.file_size:
        return False
    return zlib.crc32(target.read_bytes()) == member.CRC
