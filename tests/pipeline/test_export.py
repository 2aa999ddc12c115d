"""An exported model is small, bound, free of this machine's paths, and there as a whole or not at all."""

from pathlib import Path

import pytest
import torch

from musicgen.checkpoint import load_autoencoder, load_transformer, read_checkpoint
from musicgen.cli.shared.training_index import training_index
from musicgen.config.tree import read_run_config
from musicgen.measure.copying.index import CopyIndex
from musicgen.pipeline.export import export_run, in_16_bits
from tests.conftest import etude
from tests.pipeline.small_run import write_small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_run(tmp_path_factory.mktemp("small") / "run")


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run(run, tmp_path_factory.mktemp("models") / "small").folder


def test_weights_are_16_bits_in_the_file_and_32_in_the_network(run: Path, model: Path):
    before, after = load_autoencoder(run).module, load_autoencoder(model).module
    prior = load_transformer(model, autoencoder=after).module  # which is bound to the rounded autoencoder
    for stage in ("vq_vae", "transformer"):
        state = read_checkpoint(model / "checkpoints" / f"{stage}.ckpt")["state_dict"]
        assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float16}
    assert {parameter.dtype for parameter in [*after.parameters(), *prior.parameters()]} == {torch.float32}
    for name, value in before.state_dict().items():
        torch.testing.assert_close(after.state_dict()[name], value, rtol=2**-11, atol=1e-7, msg=name)


def test_a_prior_of_the_unrounded_codes_is_still_refused(run: Path, model: Path):
    with pytest.raises(ValueError, match="another autoencoder"):
        load_transformer(model, autoencoder=load_autoencoder(run).module)


def test_the_folder_is_a_run_without_what_belongs_to_this_machine(run: Path, model: Path):
    names = {str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()}
    assert names == {
        *("checkpoints/vq_vae.ckpt", "checkpoints/transformer.ckpt", "metrics.json"),
        *(".hydra/config.yaml", ".hydra/hydra.yaml"),
    }
    assert not [name for name in names if str(run.parent).encode() in (model / name).read_bytes()]
    config = read_run_config(model / ".hydra" / "config.yaml")
    assert config.epochs == 3
    assert config.data.root is None
    assert "cache" in config.data.cache_dir
    hydra = read_run_config(model / ".hydra" / "hydra.yaml").hydra
    assert hydra.job.config_name == "train"
    assert dict(hydra.runtime.choices) == {"vq_vae": "pitch"}


def test_a_model_that_is_too_large_is_refused_and_leaves_nothing(run: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"MB \(checkpoints/.*max_mb=0.01; train smaller networks"):
        export_run(run, tmp_path / "small", max_mb=0.01)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(run: Path, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="remove it, or name another"):
        export_run(run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_copies_are_found_without_the_pieces(run: Path, tmp_path: Path):
    index = CopyIndex.from_performances([("/home/somebody/music/etude.mid", etude(1))])
    model = export_run(run, tmp_path / "small", copies=index).folder
    found = training_index(model).longest_copy(etude(1))
    assert found.source == "etude.mid"
    assert found.notes == len(etude(1))


def test_numbers_beyond_16_bits_stay_as_they_are():
    large, counts = torch.tensor([1.0, 1e6]), torch.tensor([1, 70_000])
    assert torch.equal(in_16_bits(large), large)
    assert in_16_bits(large).dtype == torch.float32
    assert in_16_bits(counts) is counts
    assert in_16_bits(torch.tensor([0.1])).dtype == torch.float16
