"""A handful of small pieces, as people try a program with: trained to the end by the defaults."""

import json
from pathlib import Path

import pytest

from musicgen.music.midi import write_midi
from tests.command import Musicgen
from tests.conftest import etude

SMALL = [
    *("vq_vae.num_hiddens=16", "quantizer.embedding_dim=16", "quantizer.num_embeddings=8"),
    *("transformer.num_layers=1", "transformer.width=16", "transformer.num_heads=2"),
    *("generate.num_quarters=4", "generate.num_pieces=1", "epochs=1", "threads=1"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("pieces", "quarters"), [(2, 40), (3, 2)])
def test_a_few_small_pieces_are_trained_on(tmp_path: Path, musicgen: Musicgen, pieces: int, quarters: int):
    for number in range(pieces):
        write_midi(etude(number, num_quarters=quarters), tmp_path / "midis" / f"{number}.mid")
    settings = ["data=folder", f"data.root={tmp_path / 'midis'}", f"data.cache_dir={tmp_path / 'cache'}"]
    done = musicgen("train", *settings, *SMALL, "data.num_workers=1", "hydra.run.dir=r")
    assert "an epoch is one update" in done.stdout + done.stderr
    assert json.loads((musicgen.folder / "r" / "status.json").read_text())["state"] == "done"
