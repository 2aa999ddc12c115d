"""Small pieces of music for the tests of the data floor."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance

WritePiece = Callable[..., Path]


def random_performance(seed: int, *, num_quarters: int = 8) -> Performance:
    """Scatter notes over some quarters, a few of them held over several."""
    random = np.random.default_rng(seed)
    onset = np.sort(random.integers(0, num_quarters * 8, size=6 * num_quarters)) / 8
    onset[0] = 0
    offset = onset + random.integers(1, 20, size=len(onset)) / 8
    pitch = random.integers(40, 80, size=len(onset))
    return Performance.from_arrays(
        pitch, onset_s=onset / 2, offset_s=offset / 2, onset_quarters=onset, offset_quarters=offset
    )


@pytest.fixture(scope="session")
def write_piece() -> WritePiece:
    """Give a function that writes a small piece, another one for each seed."""

    def write(path: Path, seed: int = 0, *, num_quarters: int = 8) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_midi(random_performance(seed, num_quarters=num_quarters), path)
        return path

    return write


@pytest.fixture(scope="session")
def pieces_folder(tmp_path_factory: pytest.TempPathFactory, write_piece: WritePiece) -> Path:
    """Give a folder of 30 pieces by three composers; tests only read it."""
    folder = tmp_path_factory.mktemp("pieces")
    names = ["Bach, Johann Sebastian", "Chopin, Frédéric", "Nobody, Ann"]
    for number in range(30):
        write_piece(folder / f"{names[number % 3]}, Piece No.{number}, id-{number:08d}.mid", seed=number)
    return folder
