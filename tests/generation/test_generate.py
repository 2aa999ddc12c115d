"""Pieces from a run's networks: the first ones do not depend on how many are asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.generation import generate
from musicgen.generation.generate import GeneratedPiece, generate_pieces
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.sampling import Sampling
from musicgen.generation.tokenize import sounding_at_end
from musicgen.music.grid import to_slices
from musicgen.music.packing import SliceLayout, pack
from musicgen.music.theory.keys import Key, estimate_key
from tests.data.test_one_key import cadence


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


def test_a_key_that_is_asked_for_moves_pieces_and_leaves_their_codes(tiny_run: Path) -> None:
    autoencoder = load_autoencoder(tiny_run).module
    transformer = load_transformer(tiny_run, autoencoder=autoencoder).module

    def piece(keys: KeyPlan | None) -> GeneratedPiece:
        settings = {"num_quarters": 8, "seed": 5, "sampling": Sampling(), "num_pieces": 1, "keys": keys}
        return generate_pieces(autoencoder, transformer, **settings)[0]

    written = piece(None)
    tonic = estimate_key(written.performance).tonic
    up = piece(KeyPlan(key=Key((tonic + 2) % 12, "major").tonic_name))
    assert torch.equal(up.codes, written.codes)
    moved = written.performance.pitch.astype(int) + 2
    assert up.performance.pitch.tolist() == moved[moved <= 108].tolist()  # the piano ends there
    assert (up.packed[:, 2:] == written.packed[:, :-2]).all()


def test_a_prompt_is_read_in_the_key_that_was_learned_and_continued_in_its_own(tiny_run: Path) -> None:
    autoencoder = load_autoencoder(tiny_run).module
    transformer = load_transformer(tiny_run, autoencoder=autoencoder).module
    settings = {"num_quarters": 4, "seed": 5, "sampling": Sampling(), "num_pieces": 1}
    at_home, higher = (
        generate_pieces(
            autoencoder,
            transformer,
            prompt=pack(to_slices(cadence(semitones))),
            keys=KeyPlan(learned={"C major": 1}),
            **settings,
        )[0]
        for semitones in (0, 3)
    )
    assert torch.equal(at_home.codes, higher.codes)
    assert (higher.packed[:, 3:] == at_home.packed[:, :-3]).all()
    with pytest.raises(ValueError, match="key=D with a prompt"):
        generate_pieces(autoencoder, transformer, prompt=higher.packed[:4], keys=KeyPlan(key="D"), **settings)


def test_a_note_held_to_the_end_is_seen_on_a_coarse_grid(tiny_run: Path) -> None:
    autoencoder = load_autoencoder(tiny_run).module
    packed = np.zeros((2, 88), np.uint32)
    packed[1, [40, 50]] = 0x70000000, 0x08000000  # ticks 28 to 30, and tick 27
    for ticks, sounding in ((32, []), (8, [40])):
        autoencoder.layout = SliceLayout(ticks=ticks)
        assert np.flatnonzero(sounding_at_end(autoencoder, packed)).tolist() == sounding
    assert not sounding_at_end(autoencoder, packed[:0]).any()
