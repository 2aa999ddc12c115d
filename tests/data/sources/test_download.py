import hashlib
import io
import json
import socket
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from musicgen.data.catalogue.pieces import Piece
from musicgen.data.sources import giantmidi as giantmidi_module
from musicgen.data.sources.download import DownloadError, fetch, fetch_file, git_blob_id
from musicgen.data.sources.giantmidi import GiantMidi
from musicgen.data.sources.giantmidi_download import (
    FullSet,
    Report,
    download_full,
    download_report,
    unpack_midi,
)

COMMIT = "db0654b" + "0" * 33
NAMES = [
    "dataset/baroq/Bach, Johann Sebastian, Air in F major, BWV Anh.131, ofljU7lmZMA.mid",
    "dataset/classical/Haydn, Joseph, Sonate für Klavier, -aaaaaaaaa_.mid",
    "dataset/romance/Chopin, Frédéric, Nocturne oubliée, KX3d3bJnXSE.mid",
]


class Server:
    """A web server on this machine that can be told to misbehave."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.ranges: list[str | None] = []
        self.break_after: dict[str, list[int]] = {}  # path → bytes after which each next answer breaks off
        self.fail: dict[str, list[int]] = {}  # path → statuses of the next answers
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (the handler has the other self)
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(self.path)
                server.asked.append(path)
                server.ranges.append(self.headers.get("Range"))
                statuses = server.fail.get(path)
                if statuses or path not in server.files:
                    self.send_error(statuses.pop(0) if statuses else 404)
                    return
                data = server.files[path]
                begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(data) - begin))
                self.end_headers()
                breaks = server.break_after.get(path)
                self.wfile.write(data[begin : begin + breaks.pop(0)] if breaks else data[begin:])
                self.wfile.flush()

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def report(server: Server) -> Report:
    contents = {name: f"music of {name}".encode() * 50 for name in NAMES}
    tree = [{"path": name, "type": "blob", "sha": git_blob_id(data)} for name, data in contents.items()]
    tree += [
        {"path": "dataset/musician/Chopin/other.mid", "type": "blob", "sha": "0" * 40},
        {"path": "dataset/baroq/.DS_Store", "type": "blob", "sha": "0" * 40},
        {"path": "dataset/baroq", "type": "tree", "sha": "0" * 40},
    ]
    server.files["/api/commits/db0654b"] = json.dumps({"sha": COMMIT}).encode()
    answer = json.dumps({"tree": tree, "truncated": False}).encode()
    server.files[f"/api/git/trees/{COMMIT}?recursive=1"] = answer
    server.files |= {f"/raw/{COMMIT}/{name}": data for name, data in contents.items()}
    return Report(api=f"{server.url}/api", raw=f"{server.url}/raw")


def raw(name: str) -> str:
    return f"/raw/{COMMIT}/{name}"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def download(folder: Path, report: Report) -> None:
    download_report(folder, place=report, progress=False, pause_s=0.01)


def test_the_reports_files_come_once_each_and_lie_in_one_folder(
    server: Server, report: Report, tmp_path: Path
):
    download(tmp_path, report)
    assert names_in(tmp_path) == sorted(name.rpartition("/")[2] for name in NAMES)
    for name in NAMES:
        assert (tmp_path / name.rpartition("/")[2]).read_bytes() == server.files[raw(name)]


def test_a_finished_download_needs_no_network(server: Server, report: Report, tmp_path: Path):
    download(tmp_path, report)
    asked = len(server.asked)
    download(tmp_path, report)
    assert len(server.asked) == asked


def test_files_that_are_there_and_right_are_kept(server: Server, report: Report, tmp_path: Path):
    right = tmp_path / NAMES[0].rpartition("/")[2]
    right.write_bytes(server.files[raw(NAMES[0])])
    (tmp_path / NAMES[1].rpartition("/")[2]).write_bytes(b"half of")
    download(tmp_path, report)
    assert raw(NAMES[0]) not in server.asked
    assert (tmp_path / NAMES[1].rpartition("/")[2]).read_bytes() == server.files[raw(NAMES[1])]


def test_a_broken_connection_is_tried_again(server: Server, report: Report, tmp_path: Path):
    server.break_after[raw(NAMES[2])] = [10, 100]
    server.fail[raw(NAMES[1])] = [503]
    download(tmp_path, report)
    assert len(names_in(tmp_path)) == 3
    assert server.asked.count(raw(NAMES[2])) == 3


def test_an_interrupted_download_goes_on_where_it_was(server: Server, report: Report, tmp_path: Path):
    server.fail[raw(NAMES[1])] = [503] * 4
    with pytest.raises(DownloadError, match=r"run again: what has come is kept.*data\.root"):
        download(tmp_path, report)
    assert len(names_in(tmp_path)) <= 2
    came = len(names_in(tmp_path))
    server.asked.clear()
    download(tmp_path, report)
    assert len(names_in(tmp_path)) == 3
    assert len(server.asked) == 3 - came


def test_a_wrong_content_is_refused(server: Server, report: Report, tmp_path: Path):
    server.files[raw(NAMES[0])] = b"something else"
    with pytest.raises(DownloadError, match="another content"):
        download(tmp_path, report)
    assert NAMES[0].rpartition("/")[2] not in names_in(tmp_path)


def test_a_listing_that_is_not_whole_is_refused(server: Server, report: Report, tmp_path: Path):
    server.files[f"/api/git/trees/{COMMIT}?recursive=1"] = b'{"tree": [], "truncated": true}'
    with pytest.raises(DownloadError, match="as a whole"):
        download(tmp_path, report)


def test_without_a_network_the_message_says_what_to_do(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(DownloadError, match=r"Check the network.*data\.root=DIR"):
        download(tmp_path, Report(api=nowhere, raw=nowhere))


def test_a_refusal_is_not_tried_again(server: Server):
    with pytest.raises(DownloadError, match="404"):
        fetch(f"{server.url}/nothing", max_bytes=10, pause_s=0.01)
    assert len(server.asked) == 1


def test_an_answer_that_is_too_large_is_refused(server: Server):
    server.files["/large"] = b"x" * 100
    with pytest.raises(DownloadError, match="larger than 99"):
        fetch(f"{server.url}/large", max_bytes=99)


def archive_of(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def full_set(server: Server, data: bytes) -> FullSet:
    server.files["/midis.zip"] = data
    server.files["/full.csv"] = b"surname\tfirstname\tbirth\nAaron\tMichael\t1900\n"
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return FullSet(f"{server.url}/midis.zip", "midis.zip", len(data), md5, f"{server.url}/full.csv")


MEMBERS = {
    "midis/Aaron, Michael, Piano Course, V8WvKK-1b2c.mid": b"1" * 1000,
    "midis/Abel, Frederic, Lola Polka, SLNJF0uiqRw.mid": b"2" * 1000,
    "__MACOSX/midis/._Abel, Frederic, Lola Polka, SLNJF0uiqRw.mid": b"3",
    "midis/notes.txt": b"4",
}


def test_the_full_set_is_fetched_checked_and_unpacked(server: Server, tmp_path: Path):
    place = full_set(server, archive_of(MEMBERS))
    download_full(tmp_path, place=place, progress=False)
    assert names_in(tmp_path / "midis") == sorted(Path(name).name for name in list(MEMBERS)[:2])
    assert GiantMidi(tmp_path).pieces()[0].era == "modern"
    asked = len(server.asked)
    download_full(tmp_path, place=place, progress=False)
    assert len(server.asked) == asked


def test_a_large_file_goes_on_where_the_connection_broke(server: Server, tmp_path: Path):
    data = bytes(range(256)) * 400
    server.files["/large"] = data
    server.break_after["/large"] = [30_000, 20_000]
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    settings = {"size": len(data), "md5": md5, "progress": False, "pause_s": 0.01}
    fetch_file(f"{server.url}/large", tmp_path / "large", **settings)
    assert (tmp_path / "large").read_bytes() == data
    assert server.ranges == [None, "bytes=30000-", "bytes=50000-"]


def test_a_large_file_goes_on_after_an_interrupted_run(server: Server, tmp_path: Path):
    data = b"abc" * 10_000
    server.files["/large"] = data
    server.fail["/large"] = [503, 503, 503]
    server.break_after["/large"] = [9_000]
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    settings = {"size": len(data), "md5": md5, "progress": False, "pause_s": 0.01}
    with pytest.raises(DownloadError):
        fetch_file(f"{server.url}/large", tmp_path / "large", **settings)
    assert not (tmp_path / "large").exists()
    fetch_file(f"{server.url}/large", tmp_path / "large", **settings)
    assert (tmp_path / "large").read_bytes() == data
    assert server.ranges[-1] == "bytes=9000-"


@pytest.mark.parametrize("answer", [b"<html>quota exceeded</html>", b"x" * 5000])
def test_another_file_than_the_published_one_is_refused(server: Server, tmp_path: Path, answer: bytes):
    place = full_set(server, archive_of(MEMBERS))
    server.files["/midis.zip"] = answer
    with pytest.raises(DownloadError, match=r"not the file of.*By hand: save midis\.zip from https://drive"):
        download_full(tmp_path, place=place, progress=False, pause_s=0.01)
    assert names_in(tmp_path) == []


def test_an_archive_saved_by_hand_is_used_if_it_is_the_right_one(server: Server, tmp_path: Path):
    place = full_set(server, archive_of(MEMBERS))
    (tmp_path / "midis.zip").write_bytes(server.files.pop("/midis.zip"))
    download_full(tmp_path, place=place, progress=False)
    assert len(names_in(tmp_path / "midis")) == 2
    (tmp_path / "midis.zip").write_bytes(b"another")
    with pytest.raises(DownloadError, match="not the published archive"):
        download_full(tmp_path, place=place, progress=False)


def test_without_the_table_of_composers_the_set_is_still_there(server: Server, tmp_path: Path, caplog):
    place = full_set(server, archive_of(MEMBERS))
    del server.files["/full.csv"]
    download_full(tmp_path, place=place, progress=False)
    assert len(GiantMidi(tmp_path).pieces()) == 2
    assert "eras stay unknown" in caplog.text


@pytest.mark.parametrize(
    "name", ["../out.mid", "/etc/out.mid", "midis/../../out.mid", "..\\out.mid", "C:/out.mid", "link.mid"]
)
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, name: str):
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        member = zipfile.ZipInfo("x")
        member.filename = name
        if name == "link.mid":
            member.external_attr = 0o120777 << 16
        archive.writestr("good.mid", b"1")
        archive.writestr(member, b"../../out.mid")
    with pytest.raises(DownloadError, match="would leave"):
        unpack_midi(tmp_path / "a.zip", folder, progress=False)
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "out.mid").exists()


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.zip").write_bytes(archive_of({"a.mid": b"0" * 10**6}))
    monkeypatch.setattr("musicgen.data.sources.giantmidi_download._MAX_UNPACKED_BYTES", 10**5)
    with pytest.raises(DownloadError, match="more than 100,000 bytes"):
        unpack_midi(tmp_path / "a.zip", tmp_path, progress=False)


def test_a_damaged_archive_is_told(tmp_path: Path):
    data = bytearray(archive_of({"a.mid": b"01234567" * 100}))
    data[40] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DownloadError, match="damaged"):
        unpack_midi(tmp_path / "a.zip", tmp_path, progress=False)


@pytest.mark.parametrize(("wanted", "called"), [(True, "report"), ("full", "full")])
def test_the_source_downloads_what_is_asked_for(
    wanted, called: str, tmp_path: Path, monkeypatch, write_piece
):
    calls = []

    def fake(name: str):
        def download(root: Path, *, progress: bool) -> None:
            calls.append(name)
            write_piece(root / "Bach, Anna, Menuet, abcdefghijk.mid")

        return download

    monkeypatch.setattr(giantmidi_module, "download_report", fake("report"))
    monkeypatch.setattr(giantmidi_module, "download_full", fake("full"))
    (piece,) = GiantMidi(None, download=wanted, cache_dir=tmp_path, progress=False).pieces()
    assert isinstance(piece, Piece)
    assert calls == [called]
    assert tmp_path in piece.path.parents


def test_an_unknown_download_is_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match=r"data\.download=all"):
        GiantMidi(tmp_path, download="all")


def test_a_download_without_a_folder_is_an_error():
    with pytest.raises(ValueError, match="no folder to write to"):
        GiantMidi(None, download=True)


def test_names_are_quoted_in_addresses():
    assert quote(NAMES[2]).isascii()
