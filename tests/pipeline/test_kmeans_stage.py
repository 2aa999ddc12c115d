"""A prior on an autoencoder without codes: k-means finds some, and all that follows reads those."""

import json
from pathlib import Path

import pytest

import musicgen as package
from musicgen.checkpoint import fingerprint, load_autoencoder, load_network
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.bottlenecks.clusters import ClusteredLatents
from musicgen.pipeline.export import export_run
from musicgen.pipeline.reuse.record import read_record
from musicgen.pipeline.status import read_status
from tests.command import Musicgen
from tests.conftest import tiny_settings

pytestmark = pytest.mark.slow
STAGES = "stages=[vq_vae,kmeans,transformer,generate,evaluate]"


def settings(midi_folder: Path, folder: Path) -> list[str]:
    tiny = [one for one in tiny_settings(midi_folder) if not one.startswith("quantizer.")]
    return [*tiny, "max_epochs.vq_vae=4", "bottleneck=gaussian", "quantizer.num_embeddings=16"]


@pytest.fixture(scope="module")
def run(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kmeans")
    Musicgen(folder)("train", *settings(midi_folder, folder), STAGES, f"hydra.run.dir={folder / 'run'}")
    return folder / "run"


def taken(run: Path) -> set[str]:
    status = read_status(run)
    assert status is not None
    return set(status.taken)


def test_codes_bits_and_pieces_are_those_of_the_centres(run: Path, midi_folder: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    continuous = load_network(run, "vq_vae", Autoencoder)
    assert continuous.module.vocabulary is None
    logged = continuous.metrics["vq_vae/val/decoder_bits"]
    assert metrics["vq_vae/val/decoder_bits"] > logged  # of the centres, which keep less
    total = metrics["val/prior_bits"] + metrics["vq_vae/val/decoder_bits"]
    assert metrics["val/bits_per_quarter"] == pytest.approx(total)
    opened = package.load(run)
    assert isinstance(opened.autoencoder.bottleneck, ClusteredLatents)
    codes = opened.encode(sorted(midi_folder.glob("*.mid"))[0])
    assert codes.shape == (16, 11)
    assert codes.max() < 16
    assert len(list((run / "generated").glob("*.mid"))) == 2


@pytest.mark.gate
def test_another_run_takes_all_and_another_size_the_autoencoder(
    run: Path, midi_folder: Path, tmp_path: Path, musicgen: Musicgen
) -> None:
    same = settings(midi_folder, run.parent)
    musicgen("train", *same, STAGES, f"hydra.run.dir={tmp_path / 'same'}")
    assert taken(tmp_path / "same") == {"vq_vae", "kmeans", "transformer"}
    larger = ["quantizer.num_embeddings=32", "stages=[vq_vae,kmeans]"]
    musicgen("train", *same, *larger, f"hydra.run.dir={tmp_path / 'larger'}")
    assert taken(tmp_path / "larger") == {"vq_vae"}
    assert load_autoencoder(tmp_path / "larger").module.num_embeddings == 32


@pytest.mark.gate
def test_centres_that_were_interrupted_are_found_again(
    midi_folder: Path, run: Path, tmp_path: Path, musicgen: Musicgen
) -> None:
    arguments = [
        *settings(midi_folder, run.parent),
        STAGES,
        "reuse=false",
        f"hydra.run.dir={tmp_path / 'run'}",
    ]
    short = [one for one in arguments if not one.startswith("stages")]
    musicgen("train", *short, "stages=[vq_vae,kmeans]")
    before = fingerprint(load_autoencoder(tmp_path / "run").module)
    checkpoints = tmp_path / "run" / "checkpoints"
    (checkpoints / "kmeans.ckpt").unlink()  # as if killed between the two files
    plain = json.loads((checkpoints / "kmeans.json").read_text())
    (checkpoints / "kmeans.json").write_text(json.dumps(plain | {"state": "training", "files": {}}))
    musicgen("train", *arguments, "ckpt_path=last")
    assert fingerprint(load_autoencoder(tmp_path / "run").module) == before
    record = read_record(tmp_path / "run", "kmeans")
    assert record is not None
    assert record.state == "done"
    assert (tmp_path / "run" / "metrics.json").is_file()


def test_a_model_brings_its_centres(run: Path, tmp_path: Path) -> None:
    model = export_run(run, tmp_path / "model")
    assert model.stages == ("vq_vae", "kmeans", "transformer")
    [piece] = package.load(tmp_path / "model").generate(num_quarters=4)
    assert piece.codes.shape == (4, 11)


@pytest.mark.gate
def test_codes_that_are_there_are_left_alone_and_a_prior_without_any_says_how(
    midi_folder: Path, run: Path, tmp_path: Path, musicgen: Musicgen
) -> None:
    arguments = [*settings(midi_folder, run.parent), "epochs=1", "max_epochs.vq_vae=1"]
    refused = musicgen("train", *arguments, "stages=[vq_vae,transformer]", f"hydra.run.dir={tmp_path / 'a'}")
    assert "GaussianBottleneck has no codes to learn" in refused.stdout + refused.stderr
    assert "stages=[vq_vae,kmeans,transformer]" in refused.stdout + refused.stderr
    coded = [*arguments, "bottleneck=quantizer", "stages=[vq_vae,kmeans,transformer]"]
    done = musicgen("train", *coded, f"hydra.run.dir={tmp_path / 'b'}")
    assert "K-means is skipped: VectorQuantizer has codes already" in done.stdout + done.stderr
    status = read_status(tmp_path / "b")
    assert status is not None
    assert status.stages == ("vq_vae", "transformer")
    assert not (tmp_path / "b" / "checkpoints" / "kmeans.ckpt").exists()
