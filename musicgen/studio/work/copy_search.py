"""Searches for copies that wait, and where their answers go."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from musicgen.studio.limits import NotThereError
from musicgen.studio.pieces.shelf import Piece, Session
from musicgen.studio.work.copies import LOST, IndexOf, search_until_closed
from musicgen.studio.work.offers import Runs
from musicgen.studio.work.process import SideProcess


class CopySearch:
    """Hands finished pieces to the searching process and writes down what it finds.

    All methods belong to the event loop's thread.

    Args:
        runs: Where the runs lie.
        index_of: Indexes the pieces that a run learned from; picklable.
        tell: Called with each piece whose verdict has come.
    """

    def __init__(
        self, runs: Runs, *, index_of: IndexOf, tell: Callable[[str, str, dict[str, Any]], None]
    ) -> None:
        self.runs, self.tell = runs, tell
        self.loop = asyncio.get_running_loop()
        self.numbers = 0
        self.asked: dict[int, tuple[Session, str, int]] = {}
        self.process = SideProcess(
            search_until_closed, arguments=(index_of,), receive=self._from_thread, name="musicgen-copies"
        )

    def search(self, session: Session, piece: Piece) -> None:
        """Have a piece searched for copies of what its run learned from; nothing for music of one's own."""
        run = piece.settings.get("run")
        if not run:
            return
        try:
            folder, midi = str(self.runs.folder(run)), session.midi(piece.id)
        except (NotThereError, OSError):
            return
        self.numbers += 1
        self.asked[self.numbers] = (session, piece.id, piece.revision)
        self.process.send(("search", self.numbers, midi, folder))

    def close(self) -> None:
        """End the searching process."""
        self.process.stop()

    def _from_thread(self, message: tuple[Any, ...] | None) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._receive, message)

    def _receive(self, message: tuple[Any, ...] | None) -> None:
        if message is not None:
            if message[1] in self.asked:
                self._note(*self.asked.pop(message[1]), verdict=message[2])
            return
        asked, self.asked = self.asked, {}  # the process died, perhaps for want of memory
        for one in asked.values():
            self._note(*one, verdict=LOST.plain())

    def _note(self, session: Session, name: str, revision: int, *, verdict: dict[str, Any]) -> None:
        """Write down what was found, unless the piece is gone or has other notes by now."""
        try:
            piece = session.piece(name)
        except NotThereError:
            return
        if piece.revision == revision:
            found = session.save(replace(piece, copy=verdict))
            self.tell(session.id, "piece", {"piece": found})
