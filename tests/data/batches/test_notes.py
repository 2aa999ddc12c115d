"""Windows of notes hold every note once, and know what came before."""

import numpy as np
import pytest
import torch

from musicgen.data.batches.notes import NoteWindows, PieceNotes
from musicgen.music.expression.attributes import ATTRIBUTES, played_on_grid
from tests.conftest import etude


@pytest.fixture
def notes() -> PieceNotes:
    pieces = [played_on_grid(etude(number, num_quarters=length)) for number, length in enumerate((5, 1, 9))]
    return PieceNotes.of(pieces, labels=np.array([[1], [2], [3]]))


@pytest.mark.parametrize("shift_seed", [None, 0])
def test_every_note_is_in_one_window(notes: PieceNotes, shift_seed: int | None):
    windows = NoteWindows(notes, window_notes=8, shift_seed=shift_seed)
    for epoch in range(3):
        windows.set_epoch(epoch)
        batch = windows.__getitems__(range(len(windows)))
        seen = batch.features[batch.mask[..., 0]]
        assert len(seen) == len(notes.features)
        np.testing.assert_array_equal(
            np.sort(seen.numpy(), axis=0), np.sort(notes.features, axis=0), err_msg=f"epoch {epoch}"
        )


def test_shifted_windows_begin_elsewhere_in_each_epoch(notes: PieceNotes):
    windows = NoteWindows(notes, window_notes=8, shift_seed=0)
    first = windows[0].mask[:, 0].sum()
    others = set()
    for epoch in range(1, 8):
        windows.set_epoch(epoch)
        others.add(int(windows[0].mask[:, 0].sum()))
    assert len(others | {int(first)}) > 1


def test_a_window_knows_the_note_before_it_and_that_there_is_none(notes: PieceNotes):
    windows = NoteWindows(notes, window_notes=8)
    assert windows[0].before[0].tolist() == list(ATTRIBUTES.values())
    assert torch.equal(windows[1].before[0], windows[0].classes[7])
    assert torch.equal(windows[0].before[1:], windows[0].classes[:7])
    batch = windows.__getitems__([0, 4])  # the second piece begins with the fifth window
    assert batch.labels is not None
    assert batch.labels.tolist() == [[1], [2]]
    assert batch.before[1, 0].tolist() == list(ATTRIBUTES.values())


def test_the_pedal_counts_once_a_chord(notes: PieceNotes):
    batch = NoteWindows(notes, window_notes=10)[0]
    assert batch.mask[:5, -1].tolist() == [True, False, True, True, True]
    assert batch.mask[:5, 0].all()
