"""Pieces from a run's networks: the first ones do not depend on how many are asked for."""

from pathlib import Path

import pytest

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.generation import generate
from musicgen.generation.generate import Sampling, generate_pieces


def test_a_piece_does_not_depend_on_how_many_are_asked_for(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "PIECES_AT_ONCE", 2)
    autoencoder = load_autoencoder(tiny_run).module
    transformer = load_transformer(tiny_run, autoencoder=autoencoder).module

    def codes(number: int) -> list[list[int]]:
        settings = {"num_quarters": 3, "seed": 5, "sampling": Sampling(hop_quarters=1)}
        pieces = generate_pieces(autoencoder, transformer, num_pieces=number, **settings)
        return [piece.codes.flatten().tolist() for piece in pieces]

    five = codes(5)
    assert codes(3) == five[:3]
    assert len({tuple(piece) for piece in five}) > 1
