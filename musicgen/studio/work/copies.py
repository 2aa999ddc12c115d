"""The search for copies, in a process of its own, and its answer in words."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from musicgen.studio.work.process import politely

if TYPE_CHECKING:
    from musicgen.measure.copying.index import Copy, CopyIndex

IndexOf = Callable[[Path], "CopyIndex"]
USUAL_NOTES, LONG_NOTES = 15, 34
"""Median and 95th percentile of the longest run that a real piece shares with any of 834 others."""


@dataclass(frozen=True)
class Verdict:
    """What the search found.

    Attributes:
        notes: Length of the longest shared run, in notes; None where nothing could be searched.
        tone: `fine`, `look` or `unknown`.
        text: In a composer's words.
        onset_s: Where the run begins in the piece, in seconds; None for none.
    """

    notes: int | None
    tone: str
    text: str
    onset_s: float | None = None

    def plain(self) -> dict[str, Any]:
        """Return plain values."""
        return {"notes": self.notes, "tone": self.tone, "text": self.text, "onset_s": self.onset_s}


LOST = Verdict(
    None, "unknown", "Not checked: the search ended before its answer; edit the piece to try again."
)


def search_until_closed(connection: Connection, index_of: IndexOf) -> None:
    """Answer `("search", number, midi, folder)` with `("found", number, verdict)` until the other end closes.

    Args:
        connection: To the server.
        index_of: Indexes the pieces that a run learned from; picklable.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    politely()
    known: dict[str, CopyIndex | str] = {}
    try:
        while True:
            _, number, midi, folder = connection.recv()
            connection.send(("found", number, _search(midi, folder, index_of, known).plain()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _search(midi: bytes, folder: str, index_of: IndexOf, known: "dict[str, CopyIndex | str]") -> Verdict:
    from musicgen.music.midi import MidiError, read_midi

    if folder not in known:
        try:
            known[folder] = index_of(Path(folder))
        except (ValueError, OSError, KeyError) as error:
            known[folder] = " ".join(str(error).split())[:200]
    index = known[folder]
    if isinstance(index, str):
        return Verdict(
            None,
            "unknown",
            "Not checked: the pieces that this run learned from are not on this machine, so nobody can say "
            f"whether a passage is copied. ({index})",
        )
    try:
        return verdict_of(index.longest_copy(read_midi(midi)))
    except MidiError as error:
        return Verdict(None, "unknown", f"Not checked: {error.reason}.")


def verdict_of(copy: "Copy") -> Verdict:
    """Put a copy in words, beside what real music shares.

    Real pieces share runs, too: of 834 pieces of GiantMIDI-Piano, each against all others, the longest has a
    median of 15 notes and a 95th percentile of 34 (see `CopyIndex`).
    """
    if copy.notes == 0:
        return Verdict(0, "fine", "No passage is shared with the pieces that it learned from.")
    where = f"{PurePath(copy.source).stem} at {_clock(copy.source_onset_s)}"
    moved = f", {abs(copy.transposition)} semitones {'higher' if copy.transposition > 0 else 'lower'}"
    found = (
        f"The longest passage that it shares with a piece it learned from: {copy.notes} notes at "
        f"{_clock(copy.onset_s)}, as in {where}{moved if copy.transposition else ''}."
    )
    if copy.notes <= USUAL_NOTES:
        comment = f"That is chance: real pieces share {USUAL_NOTES} notes with one another at the middle."
    elif copy.notes <= LONG_NOTES:
        comment = f"That is within the usual: one real piece in twenty shares more than {LONG_NOTES} notes."
    else:
        comment = (
            f"That is more than 19 of 20 real pieces share with any other ({LONG_NOTES} notes). Listen to "
            "that place before you use it; it may be the other composer's."
        )
    tone = "look" if copy.notes > LONG_NOTES else "fine"
    return Verdict(copy.notes, tone, f"{found} {comment}", copy.onset_s)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
