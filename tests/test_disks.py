"""A full disk and a read-only folder are told with the file and what to do, and what was done is kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ENVIRONMENT

pytestmark = [pytest.mark.faults, pytest.mark.slow]

# Everything happens in a name space of its own, where a small disk may be mounted and nobody else sees it.
UNSHARE = ["unshare", "--map-root-user", "--mount"]
MOUNT = 'mkdir -p disk && mount -t tmpfs -o size="$SIZE" none disk'


@pytest.fixture(scope="module", autouse=True)
def _may_mount() -> None:
    command = [*UNSHARE, "sh", "-c", "mount -t tmpfs none /mnt"]
    if not shutil.which("unshare") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk: unshare --map-root-user --mount fails")


def on_a_small_disk(script: str, *, folder: Path, size: str) -> str:
    """Run a script beside `disk`, which holds no more than `size`; give what was said."""
    environment = {**os.environ, **ENVIRONMENT, "SIZE": size, "MUSICGEN": f"{sys.executable} -m musicgen"}
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", f"{MOUNT}\n{script}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_cache_that_cannot_be_written_is_told(midi_folder: Path, tmp_path: Path):
    prepare = f"$MUSICGEN prepare data=folder data.root={midi_folder} data.num_workers=1"
    said = on_a_small_disk(
        f"""
        {prepare} data.cache_dir=disk/cache hydra.run.dir=first; echo "ended with $?"
        mount -o remount,ro disk
        {prepare} data.cache_dir=disk/cache hydra.run.dir=disk/second; echo "ended with $?"
        """,
        folder=tmp_path,
        size="60k",
    )
    assert said.count("ended with 1") == 2
    assert "No space left on device; make room or give another folder (data.cache_dir" in said
    assert (
        "disk/second cannot be written: Read-only file system; make room or give another hydra.run.dir"
        in said
    )
    assert "Traceback" not in said
