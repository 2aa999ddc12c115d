"""Pieces on disk: each person's own, whole or not at all, there again after a restart."""

import contextlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from musicgen.files.atomic import write_atomically
from musicgen.music.midi import MidiError, SilentMidiError, read_midi
from musicgen.music.midi.writing import midi_bytes
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap
from musicgen.studio.limits import BusyError, Limits, NotThereError

State = Literal["waiting", "writing", "done", "failed", "cancelled"]
UNFINISHED = ("waiting", "writing")
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Piece:
    """What is known of a piece beside its notes.

    Attributes:
        id: Name of its files, unguessable.
        name: Name for people.
        kind: How it came: `new`, `continue`, `fill`, `vary`, `file` or `recording`.
        created: Seconds since 1970.
        group: The request that it is a version of.
        version: Its number in the group, from 0.
        parent: The piece that it was made from; empty for none.
        settings: What was asked for: run, seed and the rest.
        span: What is new in it, in quarters; None where all or nothing is.
        state: Where it stands.
        reason: Why it is not done.
        revision: How often its notes were edited.
        locked: Pitch and onset of the notes that fill and vary leave alone.
        copy: What the search for copies found; None before.
        quarters: Length.
        duration_s: Length in seconds.
        notes: How many there are.
        key: Its estimated key; empty for silence.
        attempts: How often its writing was begun.
    """

    id: str
    name: str
    kind: str
    created: float
    group: str
    version: int = 0
    parent: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    span: tuple[float, float] | None = None
    state: State = "done"
    reason: str = ""
    revision: int = 0
    locked: tuple[tuple[int, float], ...] = ()
    copy: dict[str, Any] | None = None
    quarters: float = 0.0
    duration_s: float = 0.0
    notes: int = 0
    key: str = ""
    attempts: int = 0


def new_id() -> str:
    """Draw a name that cannot be guessed."""
    return secrets.token_urlsafe(16)


def is_id(text: str) -> bool:
    """Check that a text is such a name, and so no path."""
    return _ID.fullmatch(text) is not None


def _piece_of(known: dict[str, Any]) -> Piece:
    """Make a piece of what was written down, whose tuples JSON has as lists.

    Raises:
        ValueError: It is none.
        TypeError: The same.
    """
    names = {one.name for one in fields(Piece)}
    values = {key: value for key, value in known.items() if key in names}
    values["locked"] = tuple((int(pitch), float(onset)) for pitch, onset in values.get("locked", ()))
    if values.get("span") is not None:
        begin, end = values["span"]
        values["span"] = (float(begin), float(end))
    return Piece(**values)


class Session:
    """The pieces of one person.

    Args:
        folder: Where they lie; made with the first piece.
        limits: How many there may be.
    """

    def __init__(self, folder: Path, *, limits: Limits) -> None:
        self.folder, self.limits = folder, limits

    @property
    def id(self) -> str:
        """Its name."""
        return self.folder.name

    def pieces(self) -> list[Piece]:
        """List the pieces, oldest first; damaged ones are left out."""
        found = []
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(NotThereError):
                found.append(self.piece(path.stem))
        return sorted(found, key=lambda piece: (piece.created, piece.version))

    def piece(self, name: str) -> Piece:
        """Read what is known of a piece.

        Raises:
            NotThereError: This person has no such piece.
        """
        if is_id(name):
            with contextlib.suppress(OSError, ValueError, TypeError):
                known = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
                return _piece_of(known)
        raise NotThereError("there is no such piece here; it may have been removed in another window")

    def performance(self, name: str) -> Performance:
        """Read the notes of a piece; none where it has none yet.

        Raises:
            NotThereError: This person has no such piece.
        """
        self.piece(name)
        return read_or_silence(self.folder / f"{name}.mid")

    def midi(self, name: str) -> bytes:
        """Read the MIDI file of a piece as it is kept.

        Raises:
            NotThereError: This person has no such piece, or it has no notes yet.
        """
        self.piece(name)
        try:
            return (self.folder / f"{name}.mid").read_bytes()
        except FileNotFoundError:
            raise NotThereError("this piece has no notes yet") from None

    def check_room(self, count: int) -> None:
        """Refuse more pieces than a person may keep.

        Raises:
            BusyError: There would be too many.
        """
        if len(list(self.folder.glob("*.json"))) + count > self.limits.pieces:
            raise BusyError(
                f"there are {self.limits.pieces} pieces already; remove some that you do not need"
            )

    def save(self, piece: Piece, performance: Performance | None = None) -> Piece:
        """Write a piece: its notes first, if they are new, so that what is listed is there.

        Returns:
            The piece, with what its notes say of it.
        """
        if performance is not None:
            write_atomically(self.folder / f"{piece.id}.mid", midi_bytes(performance))
            piece = described(piece, performance)
        text = json.dumps(asdict(piece), ensure_ascii=False)
        write_atomically(self.folder / f"{piece.id}.json", text.encode())
        return piece

    def keep_original(self, name: str) -> None:
        """Keep the notes of a piece as they are now, unless older ones are kept already."""
        original = self.folder / f"{name}.original"
        notes = self.folder / f"{name}.mid"
        if notes.is_file() and not original.is_file():
            write_atomically(original, notes.read_bytes())

    def original(self, name: str) -> Performance:
        """Read the notes of a piece as they were before any edit."""
        self.piece(name)
        path = self.folder / f"{name}.original"
        return read_or_silence(path if path.is_file() else self.folder / f"{name}.mid")

    def remove(self, name: str) -> None:
        """Remove a piece.

        Raises:
            NotThereError: This person has no such piece.
        """
        self.piece(name)
        for suffix in ("json", "mid", "original"):
            (self.folder / f"{name}.{suffix}").unlink(missing_ok=True)


class Shelf:
    """All sessions of a studio.

    Args:
        folder: The studio's folder; nothing is ever written outside of it.
        limits: What each session may hold.
    """

    def __init__(self, folder: Path, *, limits: Limits) -> None:
        self.folder, self.limits = folder, limits

    def session(self, name: str) -> Session:
        """Open the session of a name.

        Raises:
            NotThereError: It is no name of a session.
        """
        if not is_id(name):
            raise NotThereError("this is no session of the studio; open its first page again")
        return Session(self.folder / "sessions" / name, limits=self.limits)

    def pieces(self) -> Iterator[tuple[Session, Piece]]:
        """List the pieces of everybody, oldest first."""
        folders = sorted((self.folder / "sessions").glob("*"))
        found = [
            (session, piece)
            for session in (Session(folder, limits=self.limits) for folder in folders if is_id(folder.name))
            for piece in session.pieces()
        ]
        yield from sorted(found, key=lambda one: (one[1].created, one[1].version))


def described(piece: Piece, performance: Performance) -> Piece:
    """Note length, number of notes and key of a piece."""
    from musicgen.music.theory.keys import estimate_key

    return replace(
        piece,
        quarters=round(performance.duration_quarters, 4),
        duration_s=round(performance.duration_s, 3),
        notes=len(performance),
        key=estimate_key(performance).name if len(performance) else "",
    )


def read_or_silence(path: Path) -> Performance:
    """Read notes; a file without notes, or none at all, is silence.

    Raises:
        NotThereError: The file is damaged.
    """
    if not path.is_file():
        return silence()
    try:
        return read_midi(path)
    except SilentMidiError:
        return silence()
    except MidiError as error:
        raise NotThereError(f"the notes of this piece cannot be read: {error.reason}") from error


def silence(*, tempo_bpm: float = 120.0) -> Performance:
    """Make a performance without notes."""
    none = np.zeros(0)
    return Performance.from_arrays(
        none,
        onset_s=none,
        offset_s=none,
        onset_quarters=none,
        offset_quarters=none,
        score=ScoreMap.constant(tempo_bpm=tempo_bpm),
    )


def now() -> float:
    """Return the time as pieces note it, in seconds since 1970."""
    return round(time.time(), 3)
