"""Checkpoints are written whole, read safely, and a run goes on from them."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from musicgen.training.checkpoints import StageCheckpoint, WholeCheckpoints

CONTENT = {"state_dict": {"autoencoder.x": torch.ones(3)}, "musicgen": {"format": 1}}


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path):
    WholeCheckpoints().save_checkpoint(CONTENT, tmp_path / "deep" / "vq_vae.ckpt")
    read = WholeCheckpoints().load_checkpoint(tmp_path / "deep" / "vq_vae.ckpt", weights_only=False)
    assert torch.equal(read["state_dict"]["autoencoder.x"], torch.ones(3))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["vq_vae.ckpt"]


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch):
    path = tmp_path / "vq_vae.ckpt"
    WholeCheckpoints().save_checkpoint(CONTENT, path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device; make room.*vq_vae\.ckpt"):
        WholeCheckpoints().save_checkpoint({**CONTENT, "more": torch.zeros(100)}, path)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["vq_vae.ckpt"]


def test_a_checkpoint_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch):
    steps, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("sync"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("rename"), replace(*paths)))
    WholeCheckpoints().save_checkpoint(CONTENT, tmp_path / "vq_vae.ckpt")
    assert steps == ["sync", "rename", "sync"]


def keeper(folder: Path) -> StageCheckpoint:
    return StageCheckpoint(folder, stage="vq_vae", monitor="vq_vae/val/bce", description={})


def test_a_moved_run_still_knows_its_best_metric(tmp_path: Path):
    first = keeper(tmp_path / "old")
    best = str(Path(str(first.dirpath)) / "vq_vae.ckpt")
    first.best_model_score, first.best_k_models = torch.tensor(0.25), {best: torch.tensor(0.25)}
    first.best_model_path = first.kth_best_model_path = best
    first.kth_value = torch.tensor(0.25)
    moved = keeper(tmp_path / "new")
    moved.load_state_dict(first.state_dict())
    assert moved.best_model_score == 0.25
    assert moved.best_model_path == str(tmp_path / "new" / "vq_vae.ckpt")
    assert not moved.check_monitor_top_k(SimpleNamespace(strategy=Alone()), torch.tensor(0.3))
    assert moved.check_monitor_top_k(SimpleNamespace(strategy=Alone()), torch.tensor(0.2))


class Alone:
    """Decide for the only rank."""

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        return bool(decision)
