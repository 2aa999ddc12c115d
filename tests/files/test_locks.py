"""Locks between processes: one at a time, and none outlives its holder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from musicgen.files.locks import first_free, is_held, lock

HOLDER = """
import sys, time
from pathlib import Path
from musicgen.files.locks import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path: Path):
    path, waited = tmp_path / "a.lock", []
    process = holder(path)
    assert is_held(path)

    def kill() -> None:
        waited.append(True)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()  # which closes its pipe, too

    with lock(path, on_wait=kill, poll_s=0.01):
        assert is_held(path)
    assert waited == [True]
    assert not is_held(path)


def test_the_first_free_lock_is_taken_and_all_taken_ones_are_passed_over(tmp_path: Path):
    paths = [tmp_path / f"{number}.lock" for number in range(3)]
    with first_free(paths) as first, first_free(paths) as second:
        assert (first, second) == (paths[0], paths[1])
        assert [is_held(path) for path in paths] == [True, True, False]
    with first_free(paths) as again:
        assert again == paths[0]


def test_a_lock_that_was_never_made_is_not_held(tmp_path: Path):
    assert not is_held(tmp_path / "none.lock")
