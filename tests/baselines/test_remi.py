from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl

from musicgen.baselines.baseline import BaselineData
from musicgen.generation.sampling import Sampling
from musicgen.music.grid import to_packed
from musicgen.training.optim import constant
from tests.conftest import etude

pytest.importorskip("miditok")

from torch.optim import AdamW

from musicgen.baselines.remi import RemiTokens, RemiTransformer


def test_tokens_say_exactly_what_slices_hold():
    tokens, packed = RemiTokens(), to_packed(etude(0))
    said = tokens.encode(packed)

    assert np.array_equal(to_packed(tokens.decode(said.tolist(), num_quarters=100)), packed)
    assert (said == tokens.bar).sum() == 4
    assert len(said) < 4 + 4 * 5 * 16  # bars, then at most position, pitch and duration a note
    assert tokens.decode([tokens.bar] * 3, num_quarters=4).pitch.tolist() == []


def test_it_learns_tells_bits_and_writes(material: BaselineData):
    model = RemiTransformer(
        make_trainer=partial(
            pl.Trainer, accelerator="cpu", enable_model_summary=False, num_sanity_val_steps=0
        ),
        optimizer=partial(AdamW, lr=1e-2),
        scheduler=constant,
        sampling=Sampling(),
        epochs=3,
        batch_size=4,
        width=16,
        num_layers=1,
        num_heads=2,
        max_positions=64,
        hop=32,
    )
    packed = np.array(material.held_out.piece(0))
    before = model.bits(packed)
    model.fit(material)

    assert model.bits(packed) < 0.8 * before
    pieces = model.sample(num_pieces=2, num_quarters=6, seed=0)
    assert len(pieces) == 2
    assert all(piece.duration_quarters <= 6 for piece in pieces)
