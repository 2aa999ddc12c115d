"""The mistakes of a transcriber are as many and as large as they are said to be."""

import numpy as np
from transcriber_noise import Settings, transcribed

from tests.conftest import etude

NONE = {"missed": 0.0, "octaves": 0.0, "short": 0.0, "moved": 0.0}


def heard(**shares: float):
    settings = Settings(**{**NONE, **shares})  # pyright: ignore[reportArgumentType]
    return transcribed(etude(0), settings, tick=0.125, random=np.random.default_rng(0))


def test_each_mistake_does_what_it_is_called() -> None:
    piece = etude(0)
    same = heard()
    assert same.pitch.tolist() == piece.pitch.tolist()
    assert same.onset_quarters.tolist() == piece.onset_quarters.tolist()
    assert len(heard(missed=1.0)) == 1  # the first note stays
    doubled = heard(octaves=1.0)
    assert len(doubled) == 2 * len(piece)
    assert set(doubled.pitch % 12) == set(piece.pitch % 12)
    false = heard(short=0.5)
    assert len(false) == len(piece) + round(0.5 * len(piece))
    assert (false.offset_quarters - false.onset_quarters).min() == 0.125
    moved = heard(moved=1.0)
    assert len(moved) == len(piece)
    assert moved.onset_quarters[0] == piece.onset_quarters[0]
    assert set(moved.onset_quarters * 8 % 2) == {0, 1}
