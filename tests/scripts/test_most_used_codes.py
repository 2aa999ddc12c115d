import numpy as np
from most_used_codes import meanings


def test_codes_come_by_use_with_what_stands_in_their_quarters():
    slices = np.zeros((3, 88, 32), bool)
    slices[0, 3], slices[1, 3, :16], slices[2, 8 + 5] = True, True, True  # two low notes, one an octave up
    codes = np.full((3, 11), 7)
    codes[0, 0], codes[1, 0], codes[2, 1] = 4, 4, 9
    silent, low, high = meanings(codes, slices, count=5)
    assert [found.code for found in (silent, low, high)] == [7, 4, 9]
    assert np.isclose([silent.share, low.share], [30 / 33, 2 / 33]).all()
    assert not silent.mean.any()
    assert low.mean[3].tolist() == [1.0] * 16 + [0.5] * 16
    assert low.example[3].sum() in (16, 32)
    assert low.example.sum() == low.example[3].sum()
    assert high.mean[5].all()
    assert high.example[8 + 5].all()
