"""Build MIDI files by hand and read them the slow, plain way."""

import io
import itertools
import struct
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import pytest

from musicgen.music.notes import Performance
from tests.conftest import notes


def midi_bytes(*tracks: bytes, kind: int = 1, division: int = 480, number: int | None = None) -> bytes:
    """Put raw track contents into chunks."""
    header = struct.pack(">IHHH", 6, kind, len(tracks) if number is None else number, division)
    return b"MThd" + header + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


def mido_bytes(*tracks: Sequence[mido.Message | mido.MetaMessage], ticks_per_quarter: int = 480) -> bytes:
    """Let mido write messages (their time is the delta time) into a file of type 1."""
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_quarter)
    file.tracks += [mido.MidiTrack(track) for track in tracks]
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def rows(performance: Performance) -> list[tuple[int, float, float]]:
    """List pitch, onset and offset in quarters of each note."""
    columns = performance.pitch, performance.onset_quarters, performance.offset_quarters
    return list(zip(*(column.tolist() for column in columns), strict=True))


def chorale(chords: list[list[int]], *, quarters: float = 2, start: float = 0) -> Performance:
    """Write block chords one after the other."""
    begins = [start + number * quarters for number in range(len(chords))]
    return notes(
        [(pitch, at, at + quarters) for at, chord in zip(begins, chords, strict=True) for pitch in chord]
    )


@dataclass
class OracleNotes:
    """Rows of onset tick, pitch, offset tick, velocity; their times in seconds; counts; the whole time."""

    rows: np.ndarray
    onset_s: np.ndarray
    offset_s: np.ndarray
    ticks_per_quarter: int
    counts: Counter
    duration_s: float


def first_in_first_out(source: str | Path | bytes) -> OracleNotes:
    """Pair the notes of mido's raw messages with queues, one message after the other."""
    file = mido.MidiFile(file=io.BytesIO(source)) if isinstance(source, bytes) else mido.MidiFile(source)
    notes, tempos, ends, counts = [], [], [], Counter()
    for track in file.tracks:
        tick, waiting = 0, defaultdict(deque)
        for message in track:
            tick += message.time
            kind = message.type
            if kind == "set_tempo":
                tempos.append((tick, message.tempo))
            if kind not in ("note_on", "note_off"):
                continue
            is_start = kind == "note_on" and message.velocity > 0
            if message.channel == 9:
                counts["drum_notes"] += is_start
                continue
            queue = waiting[message.channel, message.note]
            if is_start:
                queue.append((tick, message.velocity))
            elif queue:
                onset, velocity = queue.popleft()
                notes.append((onset, message.note, tick, velocity))
            else:
                counts["unmatched_note_offs"] += 1
        for (_, pitch), queue in waiting.items():
            counts["unclosed_notes"] += len(queue)
            notes += [(onset, pitch, tick, velocity) for onset, velocity in queue]
        ends.append(tick)
    kept = sorted(note for note in notes if note[2] > note[0] and 21 <= note[1] <= 108)
    counts["zero_length_notes"] = sum(note[2] == note[0] for note in notes)
    counts["out_of_range_notes"] = len(notes) - len(kept) - counts["zero_length_notes"]
    rows = np.array(kept, np.int64).reshape(-1, 4)
    ticks = np.append(rows[:, [0, 2]], max(ends))
    seconds = _seconds(ticks, tempos, file.ticks_per_beat)
    onset_s, offset_s = seconds[:-1].reshape(-1, 2).T
    return OracleNotes(rows, onset_s, offset_s, file.ticks_per_beat, counts, seconds[-1])


def _seconds(ticks: np.ndarray, tempos: list[tuple[int, int]], ticks_per_quarter: int) -> np.ndarray:
    """Add up the time that each stretch of one tempo takes before each tick."""
    changes = [(0, 500_000), *sorted(tempos, key=lambda change: change[0]), (1 << 60, 0)]
    seconds = np.zeros(len(ticks))
    for (begin, tempo), (end, _) in itertools.pairwise(changes):
        seconds += np.clip(ticks - begin, 0, end - begin) * (tempo / ticks_per_quarter / 1e6)
    return seconds


@pytest.fixture(scope="session", name="midi_bytes")
def midi_bytes_fixture() -> Callable[..., bytes]:
    return midi_bytes


@pytest.fixture(scope="session", name="mido_bytes")
def mido_bytes_fixture() -> Callable[..., bytes]:
    return mido_bytes


@pytest.fixture(scope="session", name="first_in_first_out")
def first_in_first_out_fixture() -> Callable[..., OracleNotes]:
    return first_in_first_out


@pytest.fixture(scope="session")
def some_real_files(giantmidi_root: Path) -> list[Path]:
    """Give a dozen files, spread over the alphabet."""
    files = sorted(giantmidi_root.glob("**/*.mid"))
    return files[:: max(1, len(files) // 12)][:12]
