"""What only pieces and networks show to be wrong is refused before a folder is made."""

from pathlib import Path

import hydra
import pytest

from musicgen.cli.shared.settings.check import composed
from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.preflight import check_jobs
from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.tree import config_dir


def refused(verb: str, *typed: str) -> str:
    """Return the sentence that refuses a command line; empty where it is carried out."""
    line = read_command_line(typed, verb=verb)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        try:
            check_jobs(composed(line), verb=verb, is_sweep=line.is_sweep)
        except UsageError as error:
            return str(error)
    return ""


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("data.composer=[Xyz]", "nearest known: 'Ada Tester'"),
        ("data.title=Étude-Tableau", "nearest known: "),
        ("data.era=[barok]", "nearest known: 'baroque'"),
        ("data.era=[romantic]", "no piece fits"),
        ("data.key=H", "write it as"),
        ("-m data.composer=Tester,Xyz", "composer='Xyz'"),
        ("transformer.num_heads=3", "not a multiple of num_heads=3"),
        ("-m transformer.num_heads=2,3", "not a multiple of num_heads=3"),
        ("vq_vae.strides=[3]", "[4,2]"),
        ("quantizer.num_embeddings=1", "use 2 or more"),
        ("stages=[vqvae]", "use one or more of vq_vae"),
        ("transformer.width=800000", "use a smaller width"),
        ("vq_vae.num_hiddens=2147483640 quantizer.embedding_dim=2147483640", "fits into no memory"),
    ],
)
def test_a_job_that_cannot_be_carried_out_is_refused(midi_folder: Path, typed: str, message: str):
    said = refused("train", "data=folder", f"data.root={midi_folder}", *typed.split())
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("typed", ["", "data.composer=[tester] data.title=etude", "-m epochs=1,2"])
def test_one_that_can_is_not(midi_folder: Path, typed: str):
    assert refused("train", "data=folder", f"data.root={midi_folder}", *typed.split()) == ""


def test_every_source_knows_its_names_beforehand(midi_folder: Path):
    for data in ("folder", "giantmidi"):
        assert "Ada Tester" in refused(
            "prepare", f"data={data}", f"data.root={midi_folder}", "data.composer=Xyz"
        )
    assert "Clara Schumann" in refused("prepare", "data=corpus", "data.composer=[Clara Shuman]")


def test_a_folder_without_pieces_is_refused(tmp_path: Path):
    assert "no .mid" in refused("prepare", "data=folder", f"data.root={tmp_path}")
