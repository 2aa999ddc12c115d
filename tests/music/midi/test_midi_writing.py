"""What is written is whole, closed, the same each time, and reads back."""

import os
from pathlib import Path

import mido
import numpy as np
import pytest

from musicgen.files import atomic as files
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from tests.music.conftest import rows


def piece(**changes) -> Performance:
    times = {"onset_quarters": np.array([0.0, 1, 1]), "offset_quarters": np.array([1.0, 1.001, 2])}
    seconds = {"onset_s": times["onset_quarters"] / 2, "offset_s": times["offset_quarters"] / 2}
    return Performance.from_arrays(np.array([60, 60, 64]), **times, **seconds, **changes)


def test_every_written_note_is_closed_and_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "piece.mid"
    write_midi(piece(velocity=np.array([1, 80, 127])), path, tempo_bpm=90.0, time_signature=(3, 4))
    file = mido.MidiFile(path)
    open_notes = set()
    for message in file.tracks[1]:
        if message.type == "note_on":
            assert message.note not in open_notes
            open_notes.add(message.note)
        elif message.type == "note_off":
            open_notes.remove(message.note)
    assert not open_notes
    head = {message.type: message for message in file.tracks[0]}
    assert mido.tempo2bpm(head["set_tempo"].tempo) == pytest.approx(90)
    assert (head["time_signature"].numerator, head["time_signature"].denominator) == (3, 4)
    performance = read_midi(path)
    assert rows(performance) == [(60, 0.0, 1.0), (60, 1.0, 1.0 + 1 / 480), (64, 1.0, 2.0)]
    assert performance.velocity.tolist() == [1, 80, 127]
    assert performance.duration_s == pytest.approx(2 * 60 / 90)


def test_the_same_notes_give_the_same_bytes_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    for name in ("a.mid", "b.mid"):
        write_midi(piece(), tmp_path / name)
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.mid", "b.mid"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "piece.mid"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_midi(piece(), path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["piece.mid"]


@pytest.mark.parametrize(
    "setting",
    [
        {"tempo_bpm": 0.0},
        {"tempo_bpm": float("nan")},
        {"tempo_bpm": 1.0},
        {"ticks_per_quarter": 0},
        {"ticks_per_quarter": 40000},
        {"time_signature": (4, 3)},
        {"time_signature": (0, 4)},
    ],
)
def test_a_setting_that_cannot_be_written_is_refused(tmp_path: Path, setting: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(setting))}=.* use "):
        write_midi(piece(), tmp_path / "piece.mid", **setting)
