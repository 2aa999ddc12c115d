from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from musicgen.data.batches.codes import CodeWindows, PieceCodes

START = 999


def numbered(lengths: list[int], positions: int = 4) -> PieceCodes:
    """Number all codes, so that each window tells where it comes from; none is the start token."""
    total = sum(lengths) * positions
    codes = (np.arange(total) + 1000).reshape(-1, positions)
    return PieceCodes(codes, np.cumsum([0, *lengths]).astype(np.int64))


lengths_strategy = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(lengths_strategy, st.integers(1, 4))
def test_fixed_windows_side_by_side_predict_each_code_once(lengths: list[int], window: int):
    pieces = numbered(lengths)
    windows = CodeWindows(pieces, window_quarters=window, hop_quarters=window, start_token=START)
    batch = windows.__getitems__(range(len(windows)))
    assert sorted(batch.targets[batch.mask].tolist()) == sorted(pieces.codes.flatten().tolist())
    assert not batch.targets[~batch.mask].any()


@given(lengths_strategy, st.integers(1, 4))
def test_without_a_start_token_only_the_first_code_of_a_piece_is_not_predicted(lengths, window: int):
    pieces = numbered(lengths)
    windows = CodeWindows(pieces, window_quarters=window, hop_quarters=window)
    batch = windows.__getitems__(range(len(windows)))
    firsts = pieces.codes[pieces.starts[:-1], 0].tolist()
    expected = sorted(set(pieces.codes.flatten().tolist()) - set(firsts))
    assert sorted(batch.targets[batch.mask].tolist()) == expected


@given(lengths_strategy, st.integers(1, 4), st.data())
def test_inputs_are_what_stands_before_the_targets(lengths: list[int], window: int, data: st.DataObject):
    hop = data.draw(st.integers(1, window))
    start_token = data.draw(st.sampled_from([None, START]))
    seed = data.draw(st.sampled_from([None, 3]))
    pieces = numbered(lengths)
    windows = CodeWindows(
        pieces, window_quarters=window, hop_quarters=hop, start_token=start_token, shift_seed=seed
    )
    windows.set_epoch(data.draw(st.integers(0, 5)))
    firsts = set(pieces.codes[pieces.starts[:-1], 0].tolist())
    inputs, targets, mask, labels = windows.__getitems__(range(len(windows)))
    assert labels is None
    assert inputs.shape == targets.shape == mask.shape == (len(windows), window * 4)
    assert inputs.dtype == targets.dtype == torch.int64
    for given_code, target in zip(inputs[mask].tolist(), targets[mask].tolist(), strict=True):
        assert given_code == (START if target in firsts else target - 1)


@given(lengths_strategy, st.integers(1, 4), st.data())
def test_fixed_windows_of_any_hop_cover_every_code(lengths: list[int], window: int, data: st.DataObject):
    pieces = numbered(lengths)
    hop = data.draw(st.integers(1, window))
    windows = CodeWindows(pieces, window_quarters=window, hop_quarters=hop, start_token=START)
    batch = windows.__getitems__(range(len(windows)))
    assert set(batch.targets[batch.mask].tolist()) == set(pieces.codes.flatten().tolist())


def test_windows_begin_at_whole_quarters_every_hop():
    windows = CodeWindows(numbered([6]), window_quarters=3, hop_quarters=2, start_token=START)
    first_targets = [windows[n].targets[0].item() for n in range(len(windows))]
    assert first_targets == [1000, 1008, 1016]
    assert windows[2].mask.tolist() == [True] * 8 + [False] * 4


def test_moving_windows_depend_on_seed_and_epoch_only_and_keep_their_number():
    def starts(seed: int, epoch: int) -> list[int]:
        windows = CodeWindows(numbered([40, 7, 33]), window_quarters=8, hop_quarters=8, shift_seed=seed)
        windows.set_epoch(epoch)
        assert len(windows) == 5 + 1 + 5
        return windows.__getitems__(range(len(windows))).inputs[:, 0].tolist()

    assert starts(0, 3) == starts(0, 3)
    assert len({tuple(starts(0, epoch)) for epoch in range(20)}) > 10
    assert starts(0, 1) != starts(1, 0)


def test_moving_windows_see_every_code_often_and_always_the_beginning_and_the_end():
    windows = CodeWindows(numbered([30]), window_quarters=6, hop_quarters=6, start_token=START, shift_seed=0)
    seen: Counter = Counter()
    for epoch in range(60):
        windows.set_epoch(epoch)
        batch = windows.__getitems__(range(len(windows)))
        seen.update(batch.targets[batch.mask].tolist())
        assert batch.inputs[0, 0] == START
        assert batch.targets[-1, -1] == 1000 + 30 * 4 - 1
        assert batch.mask.all()
    assert len(seen) == 30 * 4
    assert min(seen.values()) >= 25


def test_small_integer_types_are_read_as_they_are():
    codes = PieceCodes(np.full((3, 16), 65535, np.uint16), np.array([0, 3]))
    batch = CodeWindows(codes, window_quarters=2, start_token=65536).__getitems__([0])
    assert batch.targets.max() == 65535
    assert batch.inputs[0, 0] == 65536


def test_no_pieces_are_no_windows():
    assert len(CodeWindows(PieceCodes(np.empty((0, 16), np.uint16), np.array([0])))) == 0


@pytest.mark.parametrize(("window", "hop"), [(0, 1), (4, 0), (4, 5), (-1, -1)])
def test_windows_out_of_range_are_an_error(window: int, hop: int):
    with pytest.raises(ValueError, match="hop_quarters"):
        CodeWindows(numbered([5]), window_quarters=window, hop_quarters=hop)


def test_codes_that_do_not_fit_their_pieces_are_an_error():
    with pytest.raises(ValueError, match="do not fit"):
        PieceCodes(np.zeros((5, 16), np.int64), np.array([0, 4]))


def test_a_model_of_one_position_less_leaves_out_the_last_code_and_no_other_model_does():
    batch = CodeWindows(numbered([6]), window_quarters=3, hop_quarters=3).__getitems__([0, 1])
    assert torch.equal(batch.within(11).targets, batch.targets[:, :11])
    assert batch.within(11).mask.shape == (2, 11)
    assert batch.within(12) is batch
    assert batch.within(10) is batch


def test_windows_carry_the_labels_of_their_quarters():
    pieces = numbered([2, 3])
    labels = np.array([[7, 0], [7, 1], [8, 2], [8, 3], [8, 4]], np.int16)
    labelled = PieceCodes(pieces.codes, pieces.starts, labels=labels)
    windows = CodeWindows(labelled, window_quarters=3, hop_quarters=3, start_token=START)
    batch = windows.__getitems__(range(2))
    assert batch.labels is not None
    assert batch.labels.tolist() == [[[7, 0], [7, 1], [7, 1]], [[8, 2], [8, 3], [8, 4]]]
    assert batch.within(11).labels.shape == (2, 3, 2)
