"""Parity with Bachsformer's programs: their outputs lie beside the data and are not part of the project."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from musicgen.compat.bachsformer import BachsformerGrid, load_weights, read_slices
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.music.packing import unpack


@pytest.fixture(scope="session")
def reference() -> Path:
    """Give the folder of the original programs' outputs, or skip with the reason."""
    named, data = os.environ.get("MUSICGEN_REFERENCE"), os.environ.get("GIANTMIDI_ROOT")
    if not named and not data:
        pytest.skip(
            "neither MUSICGEN_REFERENCE nor GIANTMIDI_ROOT is set: parity needs the original's outputs"
        )
    folder = Path(named) if named else Path(str(data)).resolve().parent / "reference"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not a folder: parity needs the original's outputs")
    return folder


def test_slices_are_the_reports_bit_for_bit(reference: Path) -> None:
    pieces = json.loads((reference / "bachsformer_grid.json").read_text())
    expected = np.load(reference / "bachsformer_grid.npz")
    for name, facts in pieces.items():
        path = reference.parent / facts["folder"] / name
        slices = np.unpackbits(expected[facts["key"]], axis=-1).astype(bool)

        assert np.array_equal(read_slices(path), slices), name
        piece = BachsformerGrid().read(path)
        assert np.array_equal(unpack(piece.packed), slices), name
        assert piece.counts.unmatched_note_offs == facts["note_off_without_note_on"], name


def test_weights_give_the_originals_outputs(reference: Path) -> None:
    folder = reference / "bachsformer_weights"
    expected = np.load(folder / "expected.npz")
    metrics = json.loads((folder / "expected.json").read_text())
    autoencoder, transformer = load_weights(folder)
    slices = torch.from_numpy(np.unpackbits(expected["quarters"], axis=-1))
    codes = torch.from_numpy(expected["codes"]).long()

    assert torch.equal(autoencoder.encode(slices), codes)
    np.testing.assert_allclose(autoencoder.decode(codes[:16]), expected["reconstruction"], rtol=0, atol=1e-5)
    with torch.no_grad():
        # of rounded probabilities, as the original took it: a cell that is surely wrong costs 100
        bce = functional.binary_cross_entropy(autoencoder.decode(codes), slices.float())
        logits = transformer(codes[:12].view(1, -1)[:, :-1])
    assert bce.item() == pytest.approx(metrics["bce"], rel=1e-3)
    np.testing.assert_allclose(logits[0], expected["logits"], rtol=0, atol=1e-4)
    request = DrawRequest(num_quarters=12, prompt=codes[:1], generator=torch.Generator())
    continued = Sampling(temperature=0).draw(transformer, request)
    assert continued[0, :191].tolist() == expected["greedy"].tolist()


def test_imported_weights_can_be_trained_on(reference: Path) -> None:
    autoencoder, _ = load_weights(reference / "bachsformer_weights")
    expected = np.load(reference / "bachsformer_weights" / "expected.npz")
    slices = torch.from_numpy(np.unpackbits(expected["quarters"], axis=-1))[:, None]
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=1e-5)
    before = autoencoder.encode(slices)

    autoencoder.train()
    for _ in range(3):
        output = autoencoder(slices)
        loss = autoencoder.cells.loss(output.maps, slices).total + output.loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss.item() < 0.05
    assert (autoencoder.eval().encode(slices) == before).float().mean() > 0.95
