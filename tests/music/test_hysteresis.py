"""Two thresholds: notes begin where sure, last while likely, across slices and never across pitches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from musicgen.music.hysteresis import sounding_runs
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, pack, unpack


def packed(*runs: tuple[int, int, int], quarters: int = 3) -> np.ndarray:
    """Pack runs of (pitch row, first tick, end tick) on the piece's time line."""
    line = np.zeros((NUM_PITCHES, quarters * TICKS_PER_QUARTER), bool)
    for row, begin, end in runs:
        line[row, begin:end] = True
    return pack(line.reshape(NUM_PITCHES, quarters, TICKS_PER_QUARTER).transpose(1, 0, 2))


def test_a_run_with_one_sure_cell_stays_whole_and_one_without_goes():
    likely = packed((5, 3, 40), (5, 50, 60), (6, 0, 2))
    sure = packed((5, 36, 37))
    np.testing.assert_array_equal(sounding_runs(sure, likely), packed((5, 3, 40)))


def test_a_run_does_not_go_on_into_the_next_pitch():
    likely = packed((10, 90, 96), (11, 0, 4))
    sure = packed((11, 0, 1))
    np.testing.assert_array_equal(sounding_runs(sure, likely), packed((11, 0, 4)))


def test_nothing_likely_is_silence():
    assert not sounding_runs(packed(), packed()).any()
    assert sounding_runs(packed(quarters=0), packed(quarters=0)).shape == (0, NUM_PITCHES)


@given(st.integers(0, 2**32 - 1))
def test_agrees_with_a_walk_from_cell_to_cell(seed: int):
    random = np.random.default_rng(seed)
    probabilities = random.random((2, NUM_PITCHES, TICKS_PER_QUARTER)) ** 2
    sure, likely = probabilities > 0.6, probabilities > 0.25
    expected = np.zeros((NUM_PITCHES, 2 * TICKS_PER_QUARTER), bool)
    for row in range(0, NUM_PITCHES, 29):
        line, certain = likely[:, row].ravel(), sure[:, row].ravel()
        begin = 0
        for tick in range(len(line) + 1):
            if tick == len(line) or not line[tick]:
                expected[row, begin:tick] = certain[begin:tick].any()
                begin = tick + 1
    found = unpack(sounding_runs(pack(sure), pack(likely))).transpose(1, 0, 2).reshape(NUM_PITCHES, -1)
    np.testing.assert_array_equal(found[::29], expected[::29])
