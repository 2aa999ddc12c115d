"""The process that samples: it holds the networks, writes one version at a time, and may be killed."""

import os
import time
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.studio.work.asking import Asking

if TYPE_CHECKING:
    from musicgen.generation.loaded_run import LoadedRun
    from musicgen.studio.work.compose import Draft

SHOW_EVERY_S = 0.15  # between two pictures of a piece that is being written


class CancelledError(Exception):
    """The version is no longer wanted."""


def sample_until_closed(connection: Connection, threads: int | None) -> None:
    """Answer what comes through a connection until its other end is closed.

    Messages in are `("write", number, asking, folder, source, locked)`, `("cancel", number)` and
    `("describe", number, folder)`; out go `("ready",)`, `("draft", number, rows, quarters, total)`,
    `("written", number, midi, span)`, `("offer", number, offer)`, `("failed", number, reason)` and
    `("cancelled", number)`.

    Args:
        connection: To the server.
        threads: Of PyTorch; None takes as many as cores are free.
    """
    import signal

    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C goes to the server, which then closes the connection
    from musicgen.training.threads import use_threads

    use_threads(threads)
    try:
        connection.send(("ready", os.getpid()))
        _Sampler(connection).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Sampler:
    """Reads messages, also between the quarters of a version.

    Args:
        connection: To the server.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.waiting: list[tuple[Any, ...]] = []

    def run(self) -> None:
        """Answer messages for ever."""
        while True:
            message = self.waiting.pop(0) if self.waiting else self.connection.recv()
            if message[0] == "cancel":
                continue  # of what has just ended
            self._answer(message)

    def _answer(self, message: tuple[Any, ...]) -> None:
        number = message[1]
        try:
            if message[0] == "describe":
                self._describe(number, message[2])
            else:
                self._write(*message[1:])
        except CancelledError:
            self.connection.send(("cancelled", number))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 -- a request that fails must not end the process
            self.connection.send(("failed", number, reason_of(error)))

    def _describe(self, number: int, folder: str) -> None:
        from musicgen.studio.work.offers import offer_of

        self.connection.send(("offer", number, offer_of(loaded(folder)).plain()))

    def _write(
        self,
        number: int,
        asking: dict[str, Any],
        folder: str,
        source: bytes | None,
        locked: list[tuple[int, float]],
    ) -> None:
        from musicgen.music.midi.writing import midi_bytes
        from musicgen.studio.pieces.rows import rows_of
        from musicgen.studio.work.compose import compose

        look_at_s = 0.0
        draft: Draft | None = None
        for draft in compose(loaded(folder), Asking(**asking), source=source, locked=locked):
            self._look_up(number)
            if time.monotonic() >= look_at_s:
                began_s = time.monotonic()
                rows = rows_of(draft.performance)
                self.connection.send(("draft", number, rows, draft.quarters, draft.total))
                took_s = (
                    time.monotonic() - began_s
                )  # decoding a long piece takes longer than drawing a quarter
                look_at_s = began_s + max(SHOW_EVERY_S, 3 * took_s)
        assert draft is not None, "nothing was written"
        self.connection.send(("written", number, midi_bytes(draft.performance), draft.span))

    def _look_up(self, number: int) -> None:
        """Take in what has come meanwhile; answer questions at once, and stop what is cancelled.

        Raises:
            CancelledError: The version that is being written is.
        """
        while self.connection.poll():
            message = self.connection.recv()
            if message == ("cancel", number):
                raise CancelledError
            if message[0] == "describe":
                self._answer(message)
            else:
                self.waiting.append(message)


@lru_cache(maxsize=3)
def _loaded(folder: str, changed: tuple[float, ...]) -> "LoadedRun":
    import musicgen

    return musicgen.load(Path(folder))


def loaded(folder: str) -> "LoadedRun":
    """Open a run, or take it from the last few; one that was trained again is read again."""
    paths = sorted((Path(folder) / "checkpoints").glob("*.ckpt"))
    return _loaded(folder, tuple(path.stat().st_mtime for path in paths))


def reason_of(error: Exception) -> str:
    """Say in one line why something failed."""
    if isinstance(error, ValueError | OSError):
        return " ".join(str(error).split())[:500] or type(error).__name__
    return (
        f"the program failed ({type(error).__name__}: {' '.join(str(error).split())[:200]}); please report it"
    )
