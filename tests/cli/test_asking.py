"""A prior that plans, in one key, told who wrote a piece: trained, measured, and asked."""

from pathlib import Path

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.two_level import TwoLevelTransformer


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
