"""A prior that plans, in one key, told who wrote a piece: trained, measured, and asked."""

from pathlib import Path

import numpy as np
import pytest

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.generation.asking.asked import Asked
from musicgen.generation.loaded_run import load
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.two_level import TwoLevelTransformer
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from tests.conftest import etude


def twice(piece: Performance) -> Performance:
    """Play a piece of eight quarters two times."""
    onset = np.concatenate([piece.onset_quarters, piece.onset_quarters + 8])
    offset = np.concatenate([piece.offset_quarters, piece.offset_quarters + 8])
    times = {"onset_quarters": onset, "offset_quarters": offset, "onset_s": onset / 2, "offset_s": offset / 2}
    return Performance.from_arrays(np.tile(piece.pitch, 2), **times)


@pytest.mark.gate
def test_a_run_learns_labels_in_one_key_and_does_what_it_is_asked(musicgen, tiny, tmp_path: Path):
    run = tmp_path / "run"
    settings = [
        "transformer=two_level",
        "condition=composer",
        "data.one_key=true",
        "windows.window_quarters=8",
    ]
    trained = musicgen(
        "train", *tiny, *settings, "stages=[vq_vae,transformer]", f"hydra.run.dir={run}", "generate.key=D"
    )
    prior = load_transformer(run, autoencoder=load_autoencoder(run).module)
    assert isinstance(prior.module, TwoLevelTransformer)
    assert isinstance(prior.module.conditioner, LabelConditioner)
    assert prior.module.conditioner.names == [["Ada Tester"]]
    assert sum(prior.description["keys"].values()) > 0, trained

    asked = [f"run={run}", "num_pieces=1", "num_quarters=4", "guidance=2", "key=D"]
    musicgen("generate", *asked, "composer=tester", f"hydra.run.dir={tmp_path / 'asked'}")
    assert b"composer: tester" in (tmp_path / "asked" / "000.mid").read_bytes()


def test_what_a_run_does_not_know_is_refused_before_a_folder_is_made(
    musicgen, tiny_run: Path, tmp_path: Path
):
    for wish, message in (
        ("composer=Chopin", "told nothing of its pieces; train one with condition=composer"),
        ("attributes.density=[1,2]", "train one with condition=attributes"),
        ("blend={Chopin: .6}", "train one with condition=composer"),
        ("mood.valence=1", "condition=attributes"),
        ("guidance=-1", "guidance"),
    ):
        refused = musicgen(
            "generate", f"run={tiny_run}", wish, f"hydra.run.dir={tmp_path / 'out'}", fails=True
        )
        assert message in refused.stderr
        assert not (tmp_path / "out").exists()


def test_a_run_fills_varies_and_loops(musicgen, tiny_run: Path, midi_folder: Path, tmp_path: Path):
    file = next(midi_folder.glob("*.mid"))
    asked = {
        "fill": [f"prompt={file}", "fill=4:8"],
        "vary": [f"prompt={file}", "vary=.5"],
        "loop": ["loop_bars=2"],
    }
    for name, settings in asked.items():
        folder = tmp_path / name
        small = ["num_pieces=1", "candidates=2", "page.max_pieces=0", f"hydra.run.dir={folder}"]
        musicgen("generate", f"run={tiny_run}", *settings, *small)
        assert (folder / "000.mid").is_file()
    refused = musicgen(
        "generate",
        f"run={tiny_run}",
        f"prompt={file}",
        "fill=4:99",
        f"hydra.run.dir={tmp_path / 'x'}",
        fails=True,
    )
    assert "no part of a piece of 16" in refused.stderr
    assert not (tmp_path / "x").exists()


def test_a_run_is_trained_on_attributes_gaps_and_loops_and_asked(musicgen, tiny, tmp_path: Path):
    run, folder = tmp_path / "run", tmp_path / "midi"
    for number in range(12):
        name = f"Tester, Ada, Round No.{number}, id{number}.mid"
        write_midi(twice(etude(number, num_quarters=8)), folder / name)
    there = [setting for setting in tiny if not setting.startswith("data.root=")]
    settings = ["condition=composer_and_attributes", "windows.gap_share=.5", "data.loops=2"]
    small = ["stages=[vq_vae,transformer]", "max_epochs.vq_vae=1", f"hydra.run.dir={run}"]
    musicgen("train", *there, *settings, *small, f"data.root={folder}")
    loaded = load(run)
    prior = loaded.prior
    assert isinstance(prior.conditioner, LabelConditioner)
    assert prior.conditioner.fields[-1] == "gap"
    assert loaded.training_labels is not None
    assert loaded.training_labels.fields == tuple(prior.conditioner.fields)
    told = loaded.conditions(Asked(), quarters=4, seed=0, num_pieces=2)
    assert told is not None
    assert told.labels[..., :-1].any(dim=-1).all()  # with nothing asked for every quarter is told something
    assert len(prior.conditioner.edges_of("density")) >= 1
    wishes = ["composer=tester", "attributes.density=[1,6]", "mood.valence=1", "guidance=2", "loop_bars=1"]
    out = tmp_path / "out"
    musicgen("generate", f"run={run}", *wishes, "num_pieces=1", "candidates=2", f"hydra.run.dir={out}")
    written = (out / "000.mid").read_bytes()
    assert b"attributes.density: [1, 6]" in written
    assert b"loop_bars: 1" in written
