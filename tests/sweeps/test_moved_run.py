"""A run folder holds all that it needs to generate, wherever it is."""

import shutil
from pathlib import Path

import numpy as np

from musicgen.measure.music import read_generated


def test_a_zipped_and_moved_run_writes_the_same_pieces(musicgen, tiny_run: Path, tmp_path: Path):
    archive = shutil.make_archive(str(tmp_path / "run"), "zip", tiny_run)
    moved = tmp_path / "elsewhere, far away"
    shutil.unpack_archive(archive, moved)
    wish = ["num_pieces=1", "num_quarters=8", "seed=3", "threads=1"]
    for name, run in (("here", tiny_run), ("there", moved)):
        musicgen("generate", f"run={run}", *wish, f"hydra.run.dir={tmp_path / name}")
    here, there = (read_generated(tmp_path / name / "000.mid") for name in ("here", "there"))
    for name in ("pitch", "onset_s", "offset_s", "velocity"):  # the texts name each run's folder
        assert np.array_equal(getattr(here, name), getattr(there, name))
