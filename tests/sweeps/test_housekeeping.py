"""Housekeeping: what is of use stays."""

import io
import json
import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from musicgen.checkpoint import describe
from musicgen.pipeline.reuse.record import StageRecord
from musicgen.pipeline.status import running
from musicgen.sweeps.housekeeping import read_usage, readable, removable, usage_table
from musicgen.tensors import write_tensors


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Give a folder with a done run, a failed one, checkpoints without a run, and a cache beside it."""
    for name in ("done", "failed"):
        run = tmp_path / "outputs" / name
        (run / ".hydra").mkdir(parents=True)
        (run / ".hydra" / "config.yaml").write_text("vq_vae: {num_hiddens: 8}\n")
        (run / "checkpoints").mkdir()
        for stage in ("vq_vae", "vq_vae-last", "transformer", "transformer-last"):
            (run / "checkpoints" / f"{stage}.ckpt").write_bytes(bytes(1000))
    (tmp_path / "outputs" / "done" / "metrics.json").write_text(json.dumps({"val/bits_per_quarter": 3.0}))
    (tmp_path / "outputs" / "failed" / "error.txt").write_text("ValueError: no\n")
    lost = tmp_path / "outputs" / "lost" / "checkpoints"
    lost.mkdir(parents=True)
    write_tensors({"musicgen": describe("vq_vae", config={}, grid={}, data={})}, lost / "vq_vae.ckpt")
    return tmp_path / "outputs"


def of_an_hour_ago(path: Path) -> Path:
    path.write_text("x")
    os.utime(path, (time.time() - 4000,) * 2)
    return path


def reasons(
    outputs: Path, cache: Path | None = None, *, failed: bool = False, last: bool = False
) -> dict[str, str]:
    found = removable([outputs], cache=cache, failed=failed, last=last)
    return {str(one.path.relative_to(outputs.parent)): one.reason for one in found}


def test_without_a_wish_only_what_belongs_to_nothing_goes(outputs: Path):
    of_an_hour_ago(outputs / "done" / ".metrics.json.1-0123abcd.partial")
    assert set(reasons(outputs)) == {
        "outputs/lost/checkpoints",
        "outputs/done/.metrics.json.1-0123abcd.partial",
    }


def test_what_others_made_is_never_removed(outputs: Path):
    """Another project's checkpoints, downloads and Hydra runs, links, and what is just being written."""
    shutil.rmtree(outputs / "lost")
    other = outputs / "theirs"
    (other / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": {}}, other / "checkpoints" / "last.ckpt")
    of_an_hour_ago(other / ".film.mkv.partial")
    (outputs / "done" / ".metrics.json.1-0123abcd.partial").write_text("x")
    (other / "run" / ".hydra").mkdir(parents=True)
    (other / "run" / ".hydra" / "config.yaml").write_text("model: {width: 8}\n")
    (other / "run" / "error.txt").write_text("ValueError: theirs\n")
    (outputs / "linked").mkdir()
    (outputs / "linked" / "checkpoints").symlink_to(outputs / "done" / "checkpoints")
    cache = outputs.parent / "cache"
    (cache / "stages" / "theirs" / "checkpoints").mkdir(parents=True)
    (cache / "stages" / "theirs" / "checkpoints" / "last.ckpt").write_bytes(b"x")
    assert set(reasons(outputs, cache, failed=True)) == {"outputs/failed"}


def test_checkpoints_beside_a_file_of_somebody_stay(outputs: Path):
    (outputs / "lost" / "checkpoints" / "thesis.txt").write_text("mine")
    assert not reasons(outputs)


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
    record = StageRecord("vq_vae", key="k", settings={}, environment={}, trained_in="done")
    record.write(entry.parent)
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


def test_runs_are_read_at_80_columns(outputs: Path):
    settings = [f"vq_vae.num_hiddens={number}" for number in range(10)]
    sweep = outputs / "a_sweep_of_much" / "2026-11-29_10-00-00"
    sweep.mkdir(parents=True)
    shutil.move(outputs / "done", sweep / ",".join(settings[:2]))
    shutil.move(outputs / "failed", sweep / ",".join(settings[2:4]))
    (sweep / ",".join(settings[:2]) / ".hydra" / "overrides.yaml").write_text(json.dumps(settings))
    found = read_usage([outputs])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(usage_table(found))
    lines = [line.split() for line in console.export_text().splitlines() if line.startswith(" ")]
    assert [(line[0], line[-1]) for line in lines] == [(one.run.status, one.run.folder.name) for one in found]
    told = found[0].description()[1:]
    assert all(len(line) <= 80 for line in told)
    assert [word for line in told for word in line.split() if word in settings] == settings


def test_what_another_folder_shares_frees_nothing(outputs: Path):
    checkpoints = outputs / "done" / "checkpoints"
    os.link(checkpoints / "vq_vae-last.ckpt", outputs.parent / "in_the_cache.ckpt")
    found = {
        one.path.name: one.num_bytes for one in removable([outputs], cache=None, failed=False, last=True)
    }
    assert (found["vq_vae-last.ckpt"], found["transformer-last.ckpt"]) == (0, 1000)
