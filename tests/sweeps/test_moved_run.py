"""A run folder holds all that it needs to generate, wherever it is."""

import shutil
from pathlib import Path


def test_a_zipped_and_moved_run_writes_the_same_pieces(musicgen, tiny_run: Path, tmp_path: Path):
    archive = shutil.make_archive(str(tmp_path / "run"), "zip", tiny_run)
    moved = tmp_path / "elsewhere, far away"
    shutil.unpack_archive(archive, moved)
    wish = ["num_pieces=1", "num_quarters=8", "seed=3", "threads=1"]
    for name, run in (("here", tiny_run), ("there", moved)):
        musicgen("generate", f"run={run}", *wish, f"hydra.run.dir={tmp_path / name}")
    assert (tmp_path / "here" / "000.mid").read_bytes() == (tmp_path / "there" / "000.mid").read_bytes()
