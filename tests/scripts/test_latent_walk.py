"""The script of latent walks writes what it walked, and says what is not there."""

from pathlib import Path

import latent_walk
import matplotlib.image
import pytest

from musicgen.music.midi import read_midi


def test_a_walk_is_written_and_drawn(tiny_run: Path, midi_folder: Path, tmp_path: Path) -> None:
    start, end = sorted(midi_folder.glob("*.mid"))[:2]
    to = tmp_path / "way"
    latent_walk.main(
        [
            f"run={tiny_run}",
            f"start={start}",
            f"end={end}",
            "quarters=2",
            "steps=3",
            f"to={to}",
            "end_quarter=0",
        ]
    )
    written = read_midi(tmp_path / "way.mid")
    assert len(written)
    begins = written.onset_quarters % 3  # two quarters of a step, one of silence
    assert begins.max() < 2
    height, width, _ = matplotlib.image.imread(tmp_path / "way.png").shape
    assert width > height


@pytest.mark.parametrize(
    ("setting", "said"),
    [("start_quarter=20", "has 16 quarters, not 1 from quarter 20 on"), ("stepps=3", "stepps")],
)
def test_what_is_not_there_is_said(tiny_run: Path, midi_folder: Path, setting: str, said: str) -> None:
    start = sorted(midi_folder.glob("*.mid"))[0]
    with pytest.raises(ValueError, match=said):
        latent_walk.main([f"run={tiny_run}", f"start={start}", setting])
