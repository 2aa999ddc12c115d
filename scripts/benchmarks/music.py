"""The pieces that are measured on: GiantMIDI-Piano where it is at hand, else made up for the purpose."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np

from benchmarks.measure import Bench
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import Prepared, prepare
from musicgen.data.sources.folder import Folder
from musicgen.music.grid import ClockGrid

_SYNTHETIC_FILES = 24
_SYNTHETIC_NOTES = 900  # GiantMIDI's median piece has as many


@contextlib.contextmanager
def pieces_folder() -> Iterator[tuple[Path, str]]:
    """Give a folder of MIDI files and say what they are: GIANTMIDI_ROOT, or synthetic performances."""
    root = os.environ.get("GIANTMIDI_ROOT")
    if root:
        yield Path(root), "GiantMIDI-Piano (GIANTMIDI_ROOT)"
        return
    with tempfile.TemporaryDirectory(prefix="musicgen-benchmark-") as folder:
        for number in range(_SYNTHETIC_FILES):
            synthetic_performance(number).save(Path(folder) / f"Tester, Ada, Synthetic {number:03d}.mid")
        yield Path(folder), f"{_SYNTHETIC_FILES} synthetic performances (set GIANTMIDI_ROOT for real ones)"


def synthetic_performance(seed: int, *, num_notes: int = _SYNTHETIC_NOTES) -> mido.MidiFile:
    """Make up a performance as GiantMIDI writes them: free time, chords, pedal, 384 ticks a quarter."""
    random = np.random.default_rng(seed)
    onset = np.cumsum(random.exponential(80, num_notes) * (random.random(num_notes) < 0.6)).astype(int)
    length = random.integers(40, 900, num_notes)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])[random.integers(0, 7, num_notes)] + int(random.integers(12))
    pitch = np.clip(scale + 12 * random.integers(3, 8, num_notes), 21, 108)
    pedal = np.arange(0, int(onset[-1]), 200)
    events = [(int(t), 1, int(p), 80) for t, p in zip(onset, pitch, strict=True)]
    events += [(int(t + d), 0, int(p), 0) for t, d, p in zip(onset, length, pitch, strict=True)]
    events += [(int(t), 2, 64, 127 * (index % 2)) for index, t in enumerate(pedal)]
    track, now = mido.MidiTrack(), 0
    for tick, kind, number, value in sorted(events):
        track.append(_message(kind, number, value, tick - now))
        now = tick
    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    file = mido.MidiFile(type=1, ticks_per_beat=384)
    file.tracks += [head, track]
    return file


def _message(kind: int, number: int, value: int, time: int) -> mido.Message:
    if kind == 2:
        return mido.Message("control_change", control=number, value=value, time=time)
    return mido.Message("note_on", note=number, velocity=value, time=time)


def prepared(bench: Bench) -> Prepared:
    """Prepare the pieces that the networks train on: the same ones in every row."""
    return prepare(
        Folder(bench.root),
        ClockGrid(),
        choice=PieceFilter(max_pieces=bench.size.pieces),
        cache_dir=bench.cache_dir,
        val_fraction=0.2,
        num_workers=1,
        progress=False,
    )


def some_files(root: Path, *, count: int, seed: int) -> list[Path]:
    """Draw files of a folder, other ones for each seed."""
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    order = np.random.default_rng(seed).permutation(len(paths))
    return [paths[index] for index in order[:count]]
