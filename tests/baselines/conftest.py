"""Packed pieces made by hand."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.baselines.baseline import BaselineData
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.reference import real_excerpts
from musicgen.music.grid import to_packed
from tests.conftest import etude


def pieces_of(*pieces: np.ndarray) -> PackedPieces:
    names = [
        Piece(Path(f"{n}.mid"), f"{n:064x}", "Ada Tester", "Tester", f"No.{n}", "romantic")
        for n in range(len(pieces))
    ]
    starts = np.cumsum([0, *map(len, pieces)])
    return PackedPieces(np.concatenate(pieces), starts=starts, pieces=names)


@pytest.fixture(scope="session")
def material() -> BaselineData:
    """Give a few small pieces to learn from, to predict and to compare with."""
    train = pieces_of(*(to_packed(etude(seed), ticks=8) for seed in range(6)))
    held_out = pieces_of(*(to_packed(etude(seed), ticks=8) for seed in range(6, 10)))
    return BaselineData(
        train=train,
        held_out=held_out,
        reference=real_excerpts([held_out], num_quarters=8, leave_out=()),
        ticks=8,
    )
