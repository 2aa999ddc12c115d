"""Versions that wait, the one that is being written, and what becomes of them when a process dies."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from musicgen.music.midi import SilentMidiError, read_midi
from musicgen.music.notes import Performance
from musicgen.studio.limits import BusyError, Limits, NotThereError, RefusedError
from musicgen.studio.pieces.rows import Row, common_start
from musicgen.studio.pieces.shelf import UNFINISHED, Piece, Session, Shelf, new_id, now, silence
from musicgen.studio.work.asking import Asking
from musicgen.studio.work.offers import Runs
from musicgen.studio.work.process import SideProcess
from musicgen.studio.work.sampler import sample_until_closed

ATTEMPTS = 2  # a version whose process dies is begun once more
TOLD = Callable[[str, str, dict[str, Any]], None]  # session, kind of event, its data
_VERBS = {"new": "Version", "continue": "Continued", "fill": "Filled", "vary": "Varied"}


@dataclass
class Writing:
    """The version that is being written.

    Attributes:
        number: Of the message to the process.
        session: Whose it is.
        piece: What is known of it.
        rows: Its notes so far.
    """

    number: int
    session: Session
    piece: Piece
    rows: list[Row]


class VersionQueue:
    """Takes requests, hands them to the sampling process one version at a time, and keeps what comes.

    A version is on disk from the moment that it is taken, so neither a killed process nor a killed server
    loses one. All methods belong to the event loop's thread.

    Args:
        shelf: Where versions are kept.
        runs: What may be asked.
        limits: How many may wait.
        threads: Of the sampling process.
        tell: Called with each change.
        finished: Called with each version that is done.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        runs: Runs,
        limits: Limits,
        threads: int | None,
        tell: TOLD,
        finished: Callable[[Session, Piece], None],
    ) -> None:
        self.shelf, self.runs, self.limits, self.tell, self.finished = shelf, runs, limits, tell, finished
        self.waiting: OrderedDict[str, Session] = OrderedDict()  # by the piece's id
        self.writing: Writing | None = None
        self.loop = asyncio.get_running_loop()
        self.numbers = 0
        self.served = ""  # the session whose turn was last
        self.questions: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.process = SideProcess(
            sample_until_closed, arguments=(threads,), receive=self._from_thread, name="musicgen-sampler"
        )

    def resume(self) -> None:
        """Take up what had not been written when the studio ended."""
        for session, piece in self.shelf.pieces():
            if piece.state in UNFINISHED:
                self.waiting[piece.id] = session
                session.save(replace(piece, state="waiting"))
        self._next()

    def submit(self, session: Session, asking: Asking) -> list[Piece]:
        """Take a request.

        Returns:
            Its versions, which wait.

        Raises:
            BusyError: Too many wait already.
            NotThereError: There is no such run or piece.
            RefusedError: The piece cannot be used.
        """
        self.runs.folder(asking.run)
        if len(self.waiting) + asking.versions > self.limits.waiting:
            raise BusyError(
                f"{len(self.waiting)} versions wait already, and at most {self.limits.waiting} may; try "
                "again when some are done, or cancel some"
            )
        session.check_room(asking.versions)
        parent = session.piece(asking.piece) if asking.kind != "new" else None
        if parent is not None and parent.state in UNFINISHED:
            raise RefusedError("this version is still being written; wait for it, or cancel it")
        if parent is not None and asking.span is not None and asking.span[0] >= parent.quarters:
            raise RefusedError(
                f"the marked part lies behind the end of the piece, at quarter {parent.quarters:g}"
            )
        group, created = new_id(), now()
        pieces = []
        for version in range(asking.versions):
            own = replace(asking, seed=asking.seed + version, versions=1)
            piece = Piece(
                id=new_id(),
                name=_name(parent, asking, version),
                kind=asking.kind,
                created=created,
                group=group,
                version=version,
                parent=asking.piece if parent is not None else "",
                settings=own.settings(),
                state="waiting",
                locked=parent.locked if parent is not None else (),
            )
            pieces.append(session.save(piece))
            self.waiting[piece.id] = session
        self._next()
        return [session.piece(piece.id) for piece in pieces]

    def cancel(self, session: Session, name: str) -> None:
        """Stop a version, or take it out of the queue; one that is done stays.

        Raises:
            NotThereError: This person has no such version.
        """
        piece = session.piece(name)
        if self.waiting.pop(name, None) is not None:
            self._changed(session, replace(piece, state="cancelled", reason="cancelled before it began"))
        elif self.writing is not None and self.writing.piece.id == name:
            self.process.send(("cancel", self.writing.number))

    def draft(self, name: str) -> list[Row] | None:
        """Return the notes so far of the version that is being written; None if it is another."""
        return self.writing.rows if self.writing is not None and self.writing.piece.id == name else None

    async def describe(self, run: str) -> dict[str, Any]:
        """Ask the sampling process what a run can be asked for.

        Raises:
            NotThereError: There is no such run.
            RefusedError: It cannot be used.
        """
        folder = str(self.runs.folder(run))
        self.numbers += 1
        answer: asyncio.Future[dict[str, Any]] = self.loop.create_future()
        self.questions[self.numbers] = answer
        self.process.send(("describe", self.numbers, folder))
        return await answer

    def position(self, name: str) -> int:
        """Count the versions that come before a waiting one."""
        return list(self.waiting).index(name) if name in self.waiting else 0

    def close(self) -> None:
        """End the sampling process; what waits is taken up at the next start."""
        self.process.stop()

    def _from_thread(self, message: tuple[Any, ...] | None) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._receive, message)

    def _receive(self, message: tuple[Any, ...] | None) -> None:
        if message is None:
            self._lost()
            return
        kind, number = message[0], message[1]
        if kind in ("offer", "failed") and number in self.questions:
            answer = self.questions.pop(number)
            if not answer.done():
                if kind == "offer":
                    answer.set_result(message[2])
                else:
                    answer.set_exception(RefusedError(message[2]))
        elif self.writing is not None and number == self.writing.number and kind != "ready":
            self._advance(self.writing, kind, message[2:])

    def _advance(self, writing: Writing, kind: str, content: tuple[Any, ...]) -> None:
        """Take in what the sampling process says of the version that it writes."""
        session, piece = writing.session, writing.piece
        if kind == "draft":
            rows, quarters, total = content
            size, kept = len(writing.rows), common_start(writing.rows, rows)
            writing.rows = rows
            told = {"id": piece.id, "size": size, "keep": kept, "add": rows[kept:]}
            told |= {"quarters": quarters, "total": total}
            self.tell(session.id, "draft", told)
            return
        self.writing = None
        if kind == "written":
            midi, span = content
            done = session.save(replace(piece, state="done", span=span), _performance(midi, piece))
            self.tell(session.id, "piece", {"piece": done})
            self.finished(session, done)
        elif kind == "cancelled":
            self._changed(session, replace(piece, state="cancelled", reason="cancelled"))
        else:
            self._changed(session, replace(piece, state="failed", reason=content[0]))
        self._next()

    def _lost(self) -> None:
        """Begin again what was being written when the sampling process died, or give it up."""
        writing, self.writing = self.writing, None
        questions, self.questions = self.questions, {}
        for answer in questions.values():
            if not answer.done():
                answer.set_exception(
                    RefusedError("the sampling process ended meanwhile; choose the run again")
                )
        if writing is not None:
            session, piece = writing.session, writing.piece
            if piece.attempts < ATTEMPTS:
                self.waiting[piece.id] = session
                self.waiting.move_to_end(piece.id, last=False)
                reason = "the sampling process ended and was started again"
                self._changed(session, replace(piece, state="waiting", reason=reason))
            else:
                reason = (
                    f"the sampling process ended {ATTEMPTS} times, perhaps for want of memory; ask for less"
                )
                self._changed(session, replace(piece, state="failed", reason=reason))
        self._next()

    def _next(self) -> None:
        """Hand over the next version: of another person than the last one, if somebody else waits."""
        while self.writing is None and self.waiting:
            others = (name for name, session in self.waiting.items() if session.id != self.served)
            name = next(others, next(iter(self.waiting)))
            session = self.waiting.pop(name)
            try:
                self._begin(session, session.piece(name))
            except (NotThereError, OSError) as error:  # removed meanwhile, or its run or its source is gone
                self._give_up(session, name, f"it cannot be begun: {error}")

    def _begin(self, session: Session, piece: Piece) -> None:
        folder = str(self.runs.folder(piece.settings["run"]))
        source = session.midi(piece.parent) if piece.parent else None
        self.numbers += 1
        self.served = session.id
        piece = replace(piece, state="writing", attempts=piece.attempts + 1)
        self.writing = Writing(self.numbers, session, piece, [])
        self._changed(session, piece)
        self.process.send(("write", self.numbers, piece.settings, folder, source, list(piece.locked)))

    def _give_up(self, session: Session, name: str, reason: str) -> None:
        try:
            self._changed(session, replace(session.piece(name), state="failed", reason=reason))
        except NotThereError:
            return

    def _changed(self, session: Session, piece: Piece) -> None:
        self.tell(session.id, "piece", {"piece": session.save(piece)})


def _name(parent: Piece | None, asking: Asking, version: int) -> str:
    letter = chr(ord("A") + version)
    if parent is None:
        wanted = [name for shares in asking.labels.values() for name, share in shares.items() if share > 0]
        return f"{' and '.join(wanted[:2]) or 'New piece'} · {letter}"
    return f"{parent.name.split(' → ')[0]} → {_VERBS[asking.kind].lower()} {letter}"


def _performance(midi: bytes, piece: Piece) -> Performance:
    try:
        return read_midi(midi)
    except SilentMidiError:
        return silence(tempo_bpm=float(piece.settings.get("tempo_bpm", 120.0)))
