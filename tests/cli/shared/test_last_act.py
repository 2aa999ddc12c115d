"""The end of a sweep: what goes wrong there is said, and is an error."""

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from musicgen.cli.compare import CompareSweep


def test_a_comparison_that_fails_ends_a_sweep_with_an_error(tmp_path: Path, capsys):
    with pytest.raises(SystemExit) as ended:
        CompareSweep().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert f"The jobs of {tmp_path} are over, but not their end: " in said
    assert "none below it" in said


def test_shards_that_found_no_music_are_an_error(tmp_path: Path, musicgen):
    folder = tmp_path / "no music"
    folder.mkdir()
    for name in ("a.mid", "b.mid"):
        (folder / name).write_bytes(os.fsencode(name))
    settings = ["data=folder", f"data.root={folder}", f"data.cache_dir={tmp_path / 'cache'}"]
    done = musicgen("prepare", "-m", "shard=0/2,1/2", *settings, fails=True)
    assert done.returncode == 1
    assert "none of the 2 chosen files could be read as music" in done.stderr
