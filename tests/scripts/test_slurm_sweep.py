import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "slurm_sweep.sh"
PYTHON = '#!/bin/sh\nprintf "%s\\n" "$MUSICGEN_CACHE" "$@"\n'  # says what it was called with


def called(folder: Path, *arguments: str, **environment: str) -> list[str]:
    """Run the script with a Python that says its arguments."""
    python = folder / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name != "MUSICGEN_CACHE"}
    done = subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        env={**kept, "PATH": f"{python.parent}:{os.environ['PATH']}", **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(os.name != "posix", reason="a script for a shell")
def test_settings_arrive_whole_and_jobs_get_what_was_asked_for(tmp_path: Path) -> None:
    cache, *line = called(tmp_path, "epochs=5,10", "data.title=a b", PARTITION="long", CPUS="3", GPUS="1")
    assert cache == f"{tmp_path}/outputs/cache"
    assert line[:6] == ["-m", "musicgen", "train", "-m", "epochs=5,10", "data.title=a b"]
    launcher = {"partition=long", "cpus_per_task=3", "gpus_per_node=1", "timeout_min=240"}
    assert {one.removeprefix("hydra.launcher.") for one in line[7:]} >= launcher


@pytest.mark.skipif(os.name != "posix", reason="a script for a shell")
def test_what_is_not_asked_for_is_left_to_the_cluster(tmp_path: Path) -> None:
    cache, *line = called(tmp_path, "seed=0,1", MUSICGEN_CACHE="/shared/cache")
    assert cache == "/shared/cache"
    assert {"hydra.launcher.partition=null", "hydra.launcher.gpus_per_node=null"} <= set(line)
