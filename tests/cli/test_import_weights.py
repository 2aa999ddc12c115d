"""A person who has only Bachsformer's weights and a MIDI file: import, continue, measure, go on training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.models.bottlenecks.bachsformer import BachsformerVectorQuantizer
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer
from musicgen.music.midi import read_midi
from musicgen.pipeline.initial_weights import start_from
from tests.compat.published import published
from tests.conftest import Musicgen

FINE_TUNING = [
    "experiment=fine_tune",
    "grid=bachsformer",
    "quantizer.num_embeddings=8",
    "quantizer.embedding_dim=8",
    "vq_vae.num_hiddens=8",
    "vq_vae.num_residual_hiddens=4",
    "transformer.num_layers=1",
    "transformer.num_heads=2",
    "transformer.width=16",
    "windows.window_quarters=4",
    "transformer.max_positions=63",
    "sampling.hop_quarters=2",
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of small weights under Bachsformer's names."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    autoencoder = ConvolutionalAutoencoder(
        VectorQuantizer(num_embeddings=8, embedding_dim=8), num_hiddens=8, num_residual_hiddens=4
    )
    autoencoder((torch.rand(16, 1, 88, 32) < 0.1).float())
    prior = Transformer(
        vocabulary=Vocabulary(16, 1, 8),
        num_layers=1,
        num_heads=2,
        width=16,
        max_positions=63,
        start_token=False,
    )
    torch.save(published(autoencoder), folder / "vq_vae.pt")
    torch.save(published(prior), folder / "transformer.pt")
    return folder


@pytest.fixture(scope="module")
def imported(weights: Path, midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the run folder of the small weights, measured on the small pieces."""
    folder = tmp_path_factory.mktemp("imported")
    data = ["data=folder", f"data.root={midi_folder}", f"data.cache_dir={folder / 'cache'}"]
    Musicgen(folder)(
        "import", f"weights={weights}", "num_heads=2", "windows.window_quarters=4", "evaluate=true",
        "threads=1", *data, f"hydra.run.dir={folder / 'run'}",
    )  # fmt: skip
    return folder / "run"


def test_an_imported_run_has_the_weights_and_the_metrics(imported: Path, weights: Path):
    autoencoder = load_autoencoder(imported).module
    transformer = load_transformer(imported, autoencoder=autoencoder).module
    for module, name in ((autoencoder, "vq_vae"), (transformer, "transformer")):
        given = torch.load(weights / f"{name}.pt", weights_only=True)
        ours = published(module)
        assert ours.keys() == given.keys()
        assert all(torch.equal(ours[key], given[key]) for key in given)
    metrics = json.loads((imported / "metrics.json").read_text())
    assert metrics["vq_vae/val/bce"] > 0
    assert metrics["val/bits_per_quarter"] > 0
    assert metrics["vq_vae/train/bce"] is None  # nothing was trained here


def test_weights_that_cannot_be_read_are_refused_before_a_folder_is_made(
    weights: Path, tmp_path: Path, musicgen: Musicgen
):
    broken = shutil.copytree(weights, tmp_path / "broken")
    for file in broken.glob("*.pt"):
        file.write_bytes(file.read_bytes()[:100])
    done = musicgen("import", f"weights={broken}", fails=True)
    assert done.returncode == 2
    assert str(broken) in done.stderr
    assert not (musicgen.folder / "outputs").exists()


def test_two_commands_continue_a_piece(imported: Path, midi_folder: Path, musicgen: Musicgen):
    prompt = sorted(midi_folder.glob("*.mid"))[0]
    arguments = [f"run={imported}", f"prompt={prompt}", "num_pieces=1", "num_quarters=5", "threads=1"]
    arguments += ["sampling.hop_quarters=2", f"hydra.run.dir={musicgen.folder / 'new'}"]
    musicgen("generate", *arguments)
    given, continued = read_midi(prompt), read_midi(musicgen.folder / "new" / "000.mid")
    kept = continued.onset_quarters < 16
    assert np.isin(given.pitch, continued.pitch[kept]).all()
    assert len(continued) > 0


@pytest.mark.gate
def test_training_goes_on_from_an_imported_run(imported: Path, tiny: list[str], musicgen: Musicgen):
    run = musicgen.folder / "run"
    frozen = ["optimizer.vq_vae.lr=0", "optimizer.transformer.lr=0", "optimizer.transformer.weight_decay=0"]
    musicgen("train", *tiny, *FINE_TUNING, *frozen, f"init_from={imported}", f"hydra.run.dir={run}")
    before, after = load_autoencoder(imported).module, load_autoencoder(run).module
    for name, tensor in before.state_dict().items():
        if "bottleneck" not in name:  # the codebook follows the data whatever the rate is
            assert torch.equal(tensor, after.state_dict()[name]), name
    assert (run / "metrics.json").is_file()
    musicgen("compare", str(imported), str(run), f"hydra.run.dir={musicgen.folder / 'side_by_side'}")
    table = (musicgen.folder / "side_by_side" / "comparison.csv").read_text()
    assert table.count(",done,") == 2


def test_another_shape_is_refused_with_the_settings_to_use(imported: Path):
    other = ConvolutionalAutoencoder(VectorQuantizer(num_embeddings=8, embedding_dim=8), num_hiddens=16)
    with pytest.raises(ValueError, match=r"its vq_vae has another shape.*leave such settings out"):
        start_from(other, imported, stage="vq_vae")


def test_a_quantizer_of_the_same_tensors_takes_the_weights(imported: Path):
    cold = BachsformerVectorQuantizer(num_embeddings=8, embedding_dim=8)
    autoencoder = ConvolutionalAutoencoder(cold, num_hiddens=8, num_residual_hiddens=4)
    start_from(autoencoder, imported, stage="vq_vae")
    assert torch.equal(cold.codebook, load_autoencoder(imported).module.bottleneck.codebook)
    assert not torch.isclose(cold.cluster_size, torch.zeros(8)).all()
