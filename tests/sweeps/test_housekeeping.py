"""Housekeeping: what is of use stays."""

import json
import os
import shutil
from pathlib import Path

import pytest

from musicgen.pipeline.status import running
from musicgen.sweeps.housekeeping import read_usage, readable, removable


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Give a folder with a done run, a failed one, checkpoints without a run, and a cache beside it."""
    for name in ("done", "failed"):
        run = tmp_path / "outputs" / name
        (run / ".hydra").mkdir(parents=True)
        (run / ".hydra" / "config.yaml").write_text("epochs: 1\n")
        (run / "checkpoints").mkdir()
        for stage in ("vq_vae", "vq_vae-last", "transformer", "transformer-last"):
            (run / "checkpoints" / f"{stage}.ckpt").write_bytes(bytes(1000))
    (tmp_path / "outputs" / "done" / "metrics.json").write_text(json.dumps({"val/bits_per_quarter": 3.0}))
    (tmp_path / "outputs" / "failed" / "error.txt").write_text("ValueError: no\n")
    lost = tmp_path / "outputs" / "lost" / "checkpoints"
    lost.mkdir(parents=True)
    (lost / "vq_vae.ckpt").write_bytes(bytes(10))
    return tmp_path / "outputs"


def reasons(
    outputs: Path, cache: Path | None = None, *, failed: bool = False, last: bool = False
) -> dict[str, str]:
    found = removable([outputs], cache=cache, failed=failed, last=last)
    return {str(one.path.relative_to(outputs.parent)): one.reason for one in found}


def test_without_a_wish_only_what_belongs_to_nothing_goes(outputs: Path):
    (outputs / "done" / ".metrics.json.1-2.partial").write_text("x")
    assert set(reasons(outputs)) == {"outputs/lost/checkpoints", "outputs/done/.metrics.json.1-2.partial"}


def test_failed_runs_and_last_checkpoints_go_when_asked(outputs: Path):
    assert "ValueError: no" in reasons(outputs, failed=True)["outputs/failed"]
    last = {name for name in reasons(outputs, last=True) if "lost" not in name}
    names = {f"outputs/done/checkpoints/{stage}-last.ckpt" for stage in ("vq_vae", "transformer")}
    assert last == names


def test_a_run_at_work_is_left_alone(outputs: Path):
    with running(outputs / "failed"):
        assert "outputs/failed" not in reasons(outputs, failed=True)


def test_a_stage_of_the_cache_goes_when_the_last_run_that_has_it_is_gone(outputs: Path):
    entry = outputs.parent / "cache" / "stages" / "k" / "checkpoints"
    entry.mkdir(parents=True)
    os.link(outputs / "done" / "checkpoints" / "vq_vae.ckpt", entry / "vq_vae.ckpt")
    assert not {one for one in reasons(outputs.parent, outputs.parent / "cache") if "stages" in one}
    shutil.rmtree(outputs / "done")
    assert "cache/stages/k" in reasons(outputs, outputs.parent / "cache")


def test_removing_removes(outputs: Path):
    for one in removable([outputs], cache=None, failed=True, last=True):
        one.remove()
    assert not (outputs / "failed").exists()
    assert [path.name for path in sorted((outputs / "done" / "checkpoints").iterdir())] == [
        "transformer.ckpt",
        "vq_vae.ckpt",
    ]
    assert not reasons(outputs, failed=True, last=True)


def test_sizes_are_those_of_the_files(outputs: Path):
    done = next(one for one in read_usage([outputs]) if one.run.status == "done")
    assert done.checkpoint_bytes == 4000
    assert [readable(number) for number in (999, 4000, 2_500_000, 7_000_000_000)] == [
        "999 B",
        "4.0 kB",
        "2.5 MB",
        "7.0 GB",
    ]


def test_what_another_folder_shares_frees_nothing(outputs: Path):
    checkpoints = outputs / "done" / "checkpoints"
    os.link(checkpoints / "vq_vae-last.ckpt", outputs.parent / "in_the_cache.ckpt")
    found = {
        one.path.name: one.num_bytes for one in removable([outputs], cache=None, failed=False, last=True)
    }
    assert (found["vq_vae-last.ckpt"], found["transformer-last.ckpt"]) == (0, 1000)
