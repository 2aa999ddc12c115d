"""One studio: its shelf, its queue, its events, and all that a page can ask of it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from musicgen import __version__
from musicgen.music.notes import Performance
from musicgen.studio.limits import Limits, OutdatedError, RefusedError
from musicgen.studio.pieces.bring import from_file, from_recording
from musicgen.studio.pieces.downloads import PAGE_QUARTERS, File, file_of, score_page
from musicgen.studio.pieces.rows import Row, checked_rows, clock_of, found_again, from_rows, rows_of
from musicgen.studio.pieces.shelf import UNFINISHED, Piece, Session, Shelf, new_id, now, read_or_silence
from musicgen.studio.pieces.sound import LONGEST_PASSAGE_S, passage_sound
from musicgen.studio.server.events import Events
from musicgen.studio.work.asking import read_asking
from musicgen.studio.work.copies import IndexOf
from musicgen.studio.work.copy_search import CopySearch
from musicgen.studio.work.offers import Runs
from musicgen.studio.work.queue import VersionQueue

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How a studio is set up.

    Attributes:
        folder: Where pieces are kept; nothing is written outside of it.
        runs: Run folders, or folders of them.
        index_of: Indexes the pieces that a run learned from; picklable.
        threads: Of the sampling process; None takes as many as cores are free.
        limits: How much it takes on.
    """

    folder: Path
    runs: tuple[Path, ...]
    index_of: IndexOf
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)


class Studio:
    """What pages ask for; made inside the event loop.

    Rendering and engraving run in a thread each, so that they keep neither each other nor the events waiting.

    Args:
        settings: How it is set up.
    """

    def __init__(self, settings: Settings) -> None:
        self.limits = settings.limits
        self.instance = new_id()
        self.shelf = Shelf(settings.folder, limits=self.limits)
        self.runs = Runs(settings.runs)
        self.events = Events()
        self.copies = CopySearch(self.runs, index_of=settings.index_of, tell=self.events.tell)
        self.queue = VersionQueue(
            self.shelf,
            runs=self.runs,
            limits=self.limits,
            threads=settings.threads,
            tell=self.events.tell,
            finished=self.copies.search,
        )
        self.sound_thread = ThreadPoolExecutor(1, "musicgen-sound")
        self.score_thread = ThreadPoolExecutor(1, "musicgen-score")
        self.queue.resume()
        for session, piece in self.shelf.pieces():
            if piece.state == "done" and piece.copy is None:
                self.copies.search(session, piece)

    def close(self) -> None:
        """End the processes and threads; what waits is taken up at the next start."""
        self.queue.close()
        self.copies.close()
        for thread in (self.sound_thread, self.score_thread):
            thread.shutdown(wait=False, cancel_futures=True)

    def standing(self, session: Session) -> dict[str, Any]:
        """Say how everything stands, for a page that has just been opened or was cut off."""
        return {
            "instance": self.instance,
            "version": __version__,
            "pieces": session.pieces(),
            "runs": list(self.runs.named()),
            "limits": {"quarters": self.limits.quarters, "versions": self.limits.versions},
            "page_quarters": PAGE_QUARTERS,
        }

    def ask(self, session: Session, sent: Any) -> list[Piece]:
        """Take a request for versions."""
        return self.queue.submit(session, read_asking(sent, limits=self.limits))

    def bring_file(self, session: Session, data: bytes, *, name: str) -> Piece:
        """Keep a MIDI file that was dropped on the page."""
        performance = from_file(data, limits=self.limits)
        return self._brought(session, performance, kind="file", name=name)

    def bring_recording(self, session: Session, sent: Any) -> Piece:
        """Keep what a MIDI keyboard sent."""
        performance = from_recording(sent, limits=self.limits)
        return self._brought(session, performance, kind="recording", name="Recording")

    def _brought(self, session: Session, performance: Performance, *, kind: str, name: str) -> Piece:
        session.check_room(1)
        readable = "".join(sign for sign in name if sign.isprintable()).strip()[:80]
        piece = Piece(id=new_id(), name=readable or "A file", kind=kind, created=now(), group=new_id())
        piece = session.save(piece, performance)
        self.events.tell(session.id, "piece", {"piece": piece})
        return piece

    def notes(self, session: Session, name: str) -> dict[str, Any]:
        """Return the notes of a piece and its time line, also of one that is being written."""
        piece = session.piece(name)
        performance = self._performance(session, piece)
        score = performance.score
        assert score is not None, "pieces of the studio have a score map"
        end = performance.duration_quarters
        return {
            "id": name,
            "revision": piece.revision,
            "rows": rows_of(performance),
            "locked": piece.locked,
            "clock": clock_of(score, end),
            "bars": score.bar_lines(max(end, 1.0)).tolist(),
        }

    def edit(self, session: Session, name: str, sent: Any) -> Piece:
        """Keep what a person made of the notes.

        Raises:
            OutdatedError: They were edited elsewhere meanwhile.
            RefusedError: They are no notes, or the piece is still being written.
        """
        piece = session.piece(name)
        if not isinstance(sent, dict) or not isinstance(sent.get("locked", []), list):
            raise RefusedError('send {"revision": …, "rows": […], "locked": […]}')
        if piece.state in UNFINISHED:
            raise RefusedError("this version is still being written; wait for it, or cancel it")
        if sent.get("revision") != piece.revision:
            raise OutdatedError("this piece was changed in another window; it is shown as it is there")
        rows = checked_rows(sent.get("rows"), limits=self.limits)
        performance = session.performance(name)
        assert performance.score is not None, "pieces of the studio have a score map"
        session.keep_original(name)
        edited = from_rows(rows, score=performance.score)
        locked = found_again([_place(place) for place in sent.get("locked", [])[: len(rows)]], edited)
        piece = replace(piece, revision=piece.revision + 1, locked=locked, copy=None)
        piece = session.save(piece, edited)
        self.events.tell(session.id, "piece", {"piece": piece})
        self.copies.search(session, piece)
        return piece

    def restore(self, session: Session, name: str) -> Piece:
        """Bring back the notes as they were before any edit."""
        piece = session.piece(name)
        piece = replace(piece, revision=piece.revision + 1, locked=(), copy=None)
        piece = session.save(piece, session.original(name))
        self.events.tell(session.id, "piece", {"piece": piece})
        self.copies.search(session, piece)
        return piece

    def rename(self, session: Session, name: str, title: Any) -> Piece:
        """Give a piece another name."""
        if not isinstance(title, str) or not title.strip() or len(title) > 80 or not title.isprintable():
            raise RefusedError("the name is empty, too long (80 signs) or not readable")
        piece = session.save(replace(session.piece(name), name=title.strip()))
        self.events.tell(session.id, "piece", {"piece": piece})
        return piece

    def remove(self, session: Session, name: str) -> None:
        """Remove a piece; one that is not done is cancelled first."""
        if session.piece(name).state in UNFINISHED:
            self.queue.cancel(session, name)
            raise RefusedError("this version is being cancelled; remove it when it has stopped")
        session.remove(name)
        self.events.tell(session.id, "removed", {"id": name})

    async def sound(self, session: Session, name: str, *, begin_s: float, end_s: float) -> bytes:
        """Render a passage as a WAV file."""
        if not 0 <= begin_s < end_s <= begin_s + LONGEST_PASSAGE_S:
            raise RefusedError(
                f"a passage from {begin_s:g} to {end_s:g} s; use at most {LONGEST_PASSAGE_S:g} s"
            )
        performance = self._performance(session, session.piece(name))

        def rendered() -> bytes:
            return passage_sound(performance, begin_s=begin_s, end_s=end_s).wav()

        return await self._in(self.sound_thread, rendered)

    async def score(self, session: Session, name: str, *, page: int) -> str:
        """Engrave a page of the score."""
        performance = self._performance(session, session.piece(name))
        return await self._in(self.score_thread, lambda: score_page(performance, page=page))

    async def file(self, session: Session, name: str, *, kind: str) -> File:
        """Make a file to take away."""
        piece = session.piece(name)
        performance = self._performance(session, piece)
        return await self._in(
            self.score_thread, lambda: file_of(piece, performance, kind=kind, version=__version__)
        )

    def _performance(self, session: Session, piece: Piece) -> Performance:
        draft = self.queue.draft(piece.id)
        performance = read_or_silence(session.folder / f"{piece.id}.mid")
        if draft is None:
            return performance
        return self._of_draft(draft, session, piece)

    def _of_draft(self, draft: list[Row], session: Session, piece: Piece) -> Performance:
        """Make a performance of a version that is being written, in its own tempo or its source's."""
        from musicgen.music.score_map import ScoreMap

        source = session.performance(piece.parent) if piece.parent else None
        score = source.score if source is not None else None
        tempo = float(piece.settings.get("tempo_bpm", 120.0))
        return from_rows(draft, score=score or ScoreMap.constant(tempo_bpm=tempo))

    async def _in(self, thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, work)


def _place(place: Any) -> tuple[int, float]:
    is_place = isinstance(place, list) and len(place) == 2
    if not is_place or not all(isinstance(value, int | float) for value in place):
        raise RefusedError(f"{place!r:.60} names no note; use [pitch, onset]")
    return int(place[0]), float(place[1])
