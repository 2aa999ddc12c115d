"""A studio in a process of its own, and people who use it over HTTP."""

import http.cookiejar
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.command import ENVIRONMENT

WITHIN_S = 90.0


class RunningStudio:
    """A studio that can be killed and started again on the same folder and port.

    Args:
        run: A run folder.
        folder: Where it keeps pieces.
        settings: More settings of the verb.
    """

    def __init__(self, run: Path, folder: Path, *settings: str) -> None:
        self.run, self.folder, self.settings = run, folder, settings
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it says where it is."""
        line = ["studio", f"run={self.run}", f"folder={self.folder}", f"port={self.port}", "threads=1"]
        self.log = (self.folder.parent / "studio.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "musicgen", *line, *self.settings],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=self.folder.parent,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert "http://" in said, (said, (self.folder.parent / "studio.log").read_text())
        self.address = said.split(" at ")[1].split()[0].rstrip("/")
        self.port = int(self.address.rpartition(":")[2])

    def kill(self) -> None:
        """Kill it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> int:
        """End it as Ctrl-C does; return its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self._wait()

    def _wait(self) -> int:
        status = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.log.close()
        return status

    def children(self, name: str = "") -> list[int]:
        """List the processes that it started, those of a name if given, by what they are called to do."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                command = (path.parent / "cmdline").read_bytes().decode()
            except (OSError, ValueError):
                continue
            if parent == self.process.pid and "spawn_main" in command and name in command:
                found.append(int(path.parent.name))
        return found

    def memory_bytes(self) -> int:
        """Return what it and its children hold in memory."""
        pids = [self.process.pid, *self.children()]
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids)


class Person:
    """Somebody with a browser of their own.

    Args:
        studio: What they use.
    """

    def __init__(self, studio: RunningStudio) -> None:
        self.studio = studio
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.get("/")

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a request; return status and content."""
        request = urllib.request.Request(
            self.studio.address + path, data=body, method=method, headers=headers or {}
        )
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path: str) -> bytes:
        """Get what must be there."""
        status, content = self.ask("GET", path)
        assert status == 200, (status, content[:300])
        return content

    def send(self, method: str, path: str, value: Any) -> tuple[int, Any]:
        """Send JSON; return the status and the JSON or the reason."""
        status, content = self.ask(method, path, body=json.dumps(value).encode())
        return status, json.loads(content) if status < 300 else content.decode()

    def write(self, **asked: Any) -> tuple[int, Any]:
        """Ask for versions."""
        asked = {"run": self.studio.run.name, "quarters": 8, "seed": 1} | asked
        return self.send("POST", "/api/versions", asked)

    def pieces(self) -> dict[str, dict[str, Any]]:
        """Return all pieces as the page sees them when it is opened."""
        with self.opener.open(self.studio.address + "/api/events", timeout=60) as events:
            assert events.readline() == b"event: standing\n"
            standing = json.loads(events.readline().removeprefix(b"data: "))
        return {piece["id"]: piece for piece in standing["pieces"]}

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield events as they come."""
        with self.opener.open(self.studio.address + "/api/events", timeout=60) as stream:
            kind = ""
            for line in stream:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)

    def finished(self, ids: list[str]) -> list[dict[str, Any]]:
        """Wait until pieces are no longer being written."""
        found: list[dict[str, Any]] = []

        def are_finished() -> bool:
            pieces = self.pieces()
            found[:] = [pieces[name] for name in ids]
            return all(piece["state"] not in ("waiting", "writing") for piece in found)

        wait_until(are_finished)
        return found


def is_alive(pid: int) -> bool:
    """Check whether a process still runs; one that waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], *, within_s: float = WITHIN_S) -> None:
    """Wait until something is so.

    Raises:
        AssertionError: It never is.
    """
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "never so"
        time.sleep(0.1)
