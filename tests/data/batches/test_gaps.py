"""Windows with a gap: read from behind it, through what comes before it, into it."""

import numpy as np
import pytest

from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.batches.gaps import GAP_QUARTERS, Gaps, GapWindow

START = 99


def windows(share: float, *, quarters: int = 12, length: int = 4) -> CodeWindows:
    codes = np.arange(quarters * 2).reshape(quarters, 2)
    pieces = PieceCodes(codes, np.array([0, quarters]), labels=np.full((quarters, 2), 5, np.int16))
    gaps = Gaps(share, column=1)
    return CodeWindows(pieces, window_quarters=length, hop_quarters=1, start_token=START, gaps=gaps)


def test_a_window_is_read_from_behind_its_gap() -> None:
    window = GapWindow(before=2, gap=3, behind=1)
    assert window.order().tolist() == [5, 0, 1, 2, 3, 4]
    assert window.labels().tolist() == [1, 0, 0, 4, 3, 2]
    far = GapWindow(before=0, gap=GAP_QUARTERS + 2, behind=1).labels()
    assert far[1:4].tolist() == [GAP_QUARTERS + 1] * 3


def test_inputs_are_what_was_read_before_and_the_gap_does_not_leak() -> None:
    data = windows(1.0)
    batch = data.__getitems__(range(len(data)))
    assert batch.labels is not None
    assert (batch.inputs[:, 0] == START).all()
    assert (batch.inputs[:, 1:] == batch.targets[:, :-1]).all()
    assert batch.mask.all()
    assert (batch.labels[..., 0] == 5).all()
    for first, targets, labels in zip(range(9), batch.targets[:, ::2], batch.labels[..., 1], strict=True):
        quarters = (targets // 2 - first).tolist()
        assert sorted(quarters) == [0, 1, 2, 3]
        behind, left = int((labels == 1).sum()), int((labels > 1).sum())
        before = 4 - behind - left
        assert 1 <= left <= 2
        assert quarters == GapWindow(before=before, gap=left, behind=behind).order().tolist()
        assert labels.tolist() == GapWindow(before=before, gap=left, behind=behind).labels().tolist()


def test_a_share_of_the_windows_has_a_gap_and_others_each_epoch() -> None:
    data = windows(0.4, quarters=1000)
    seen = []
    for epoch in (0, 1, 0):
        data.set_epoch(epoch)
        labels = data.__getitems__(range(len(data))).labels
        assert labels is not None
        seen.append((labels[..., 1] != 5).any(dim=1).tolist())
    assert np.mean(seen[0]) == pytest.approx(0.4, abs=0.05)
    assert seen[0] != seen[1]
    assert seen[0] == seen[2]


def test_a_window_that_reaches_beyond_its_piece_has_no_gap() -> None:
    data = windows(1.0, quarters=3)
    batch = data.__getitems__([0])
    assert batch.inputs[0].tolist() == [START, 0, 1, 2, 3, 4, 5, 0]
    assert batch.labels is not None
    assert (batch.labels == 5).all()


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gap_share=1.5"):
        Gaps(1.5, column=0)
