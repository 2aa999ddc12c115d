"""Two processes train as one with the same batch does, and write once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from musicgen.checkpoint import load_autoencoder, load_transformer
from tests.command import ENVIRONMENT, Musicgen

pytestmark = pytest.mark.long
NAMES = {"vq_vae": "vq_vae/val/bce", "transformer": "transformer/val/nats_per_code"}


def settings(midi_folder: Path, batch_size: int) -> list[str]:
    return [
        "data=folder",
        f"data.root={midi_folder}",
        "data.cache_dir=cache",
        "data.num_workers=1",
        "data.val_fraction=0.25",
        "epochs=2",
        "threads=1",
        f"batch_size.vq_vae={batch_size}",
        f"batch_size.transformer={batch_size // 2}",
        "windows.hop_quarters=4",
        "optimizer.vq_vae.lr=3e-3",
        "vq_vae.num_hiddens=16",
        "vq_vae.num_residual_hiddens=4",
        "quantizer.embedding_dim=8",
        "transformer.num_layers=1",
        "transformer.num_heads=2",
        "transformer.width=16",
        "transformer.dropout=0",
        "generate.num_quarters=4",
        "trainer.accelerator=cpu",
        "trainer.precision=32-true",
        "+callbacks.note._target_=tests.interruption.NoteOfRank",
        "hydra.run.dir=run",
    ]


@pytest.fixture(scope="module")
def alone(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    Musicgen(folder)("train", *settings(midi_folder, 8))
    return folder


def train_together(folder: Path, midi_folder: Path, *more: str, is_cut: bool = False) -> None:
    command = [
        sys.executable,
        "-m",
        "musicgen",
        "train",
        *settings(midi_folder, 4),
        "trainer.devices=2",
        *more,
    ]
    with (folder / "said.txt").open("w") as said:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **ENVIRONMENT}, stdout=said, stderr=said, timeout=300
        )
    assert (done.returncode != 0) == is_cut, (folder / "said.txt").read_text()


def notes(folder: Path, stage: str) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{stage}-?.json"))]


@pytest.fixture(scope="module", params=["ddp", "fsdp"])
def together(request, midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    train_together(folder, midi_folder, f"trainer={request.param}")
    return folder


def test_two_processes_reach_the_metrics_of_one(alone: Path, together: Path):
    [single] = notes(alone, "vq_vae")
    bce = [note["metrics"][NAMES["vq_vae"]] for note in (single, *notes(together, "vq_vae"))]
    assert len(bce) == 3
    assert max(bce) - min(bce) < 5e-4
    [single] = notes(alone, "transformer")
    nats = [note["metrics"][NAMES["transformer"]] for note in (single, *notes(together, "transformer"))]
    assert max(nats) - min(nats) < 0.05 * min(nats)  # of the codes of two codebooks


@pytest.mark.parametrize("stage", NAMES)
def test_every_rank_has_the_same_codebook_and_the_same_metrics(together: Path, stage: str):
    first, second = notes(together, stage)
    assert first["codebook"] == second["codebook"]
    assert (first["codebook"] is None) == (stage == "transformer")
    shown = {name for name in first["metrics"] if "/step/" not in name}
    assert NAMES[stage] in shown
    assert {name: first["metrics"][name] for name in shown} == {
        name: second["metrics"][name] for name in shown
    }


def test_only_the_first_rank_writes(alone: Path, together: Path):
    def names(folder: Path) -> list[str]:
        found = [path.relative_to(folder) for path in (folder / "run").rglob("*") if path.is_file()]
        return sorted(
            "event file" if "tfevents" in path.name else str(path) for path in found if path.suffix != ".log"
        )

    assert names(together) == names(alone)
    metrics, single = (
        json.loads((folder / "run" / "metrics.json").read_text()) for folder in (together, alone)
    )
    assert metrics.keys() == single.keys()
    logged = notes(together, "vq_vae")[0]["metrics"][NAMES["vq_vae"]]
    assert metrics[NAMES["vq_vae"]] == pytest.approx(logged, rel=1e-3)


def test_one_process_reads_what_two_wrote(together: Path):
    run = together / "run"
    autoencoder = load_autoencoder(run).module
    transformer = load_transformer(run, autoencoder=autoencoder).module
    assert all(torch.isfinite(tensor).all() for tensor in transformer.state_dict().values())


@pytest.mark.faults
def test_sharded_training_goes_on_from_its_checkpoint(midi_folder: Path, tmp_path: Path, long_form: bool):
    if not long_form:
        pytest.skip("takes two more runs of two processes: pytest -m faults")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
        train_together(folder, midi_folder, "trainer=fsdp", "stages=[vq_vae]")
    prior = ("trainer=fsdp", "stages=[transformer]", "ckpt_path=last")
    train_together(whole, midi_folder, *prior)
    cut = ("_target_=tests.interruption.PowerCut", "stage=transformer", "epoch=1")
    train_together(broken, midi_folder, *prior, *(f"+callbacks.cut.{one}" for one in cut), is_cut=True)
    assert "power cut" in (broken / "said.txt").read_text()
    train_together(broken, midi_folder, *prior)
    metrics = [notes(folder, "transformer")[0]["metrics"][NAMES["transformer"]] for folder in (whole, broken)]
    assert metrics[0] == pytest.approx(metrics[1], abs=0.05)
