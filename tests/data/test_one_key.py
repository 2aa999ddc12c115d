"""Pieces in one key: transposed copies of a piece become the same slices."""

from pathlib import Path

import numpy as np

from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.one_key import in_one_key
from musicgen.data.prepare import prepare
from musicgen.data.sources.folder import Folder
from musicgen.music.grid import ClockGrid
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance

CADENCE = ((60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67))


def cadence(semitones: int) -> Performance:
    chords = CADENCE * 4
    onset = np.repeat(np.arange(len(chords)), 3).astype(np.float64)
    return Performance.from_arrays(
        np.array(chords).ravel() + semitones,
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.5,
        onset_quarters=onset,
        offset_quarters=onset + 1,
    )


def test_transposed_copies_become_the_same_slices_and_their_keys_are_kept(tmp_path: Path):
    names = {0: "C major", 2: "D major", 5: "F major", -3: "A major"}
    for semitones in names:
        write_midi(cadence(semitones), tmp_path / "midi" / f"{semitones}.mid")
    cache = tmp_path / "cache"
    written = prepare(
        Folder(tmp_path / "midi", cache_dir=cache),
        ClockGrid(),
        choice=PieceFilter(),
        cache_dir=cache,
        val_fraction=0.0,
        test_fraction=0.0,
        progress=False,
    )
    done = in_one_key(written, num_workers=1, progress=False)

    train = done.splits["train"]
    in_c = next(written.splits["train"].piece(n) for n, p in enumerate(train.pieces) if p.path.stem == "0")
    assert len(train.pieces) == 4
    for number in range(4):
        assert np.array_equal(train.piece(number), in_c)
    assert done.keys == dict.fromkeys(sorted(names.values()), 1)
    assert written.keys is None
