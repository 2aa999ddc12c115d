"""The terminal of a job that runs beside others: nothing of it gets between the lines of the table."""

import logging
import os
import pty
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from musicgen.sweeps.redirect import SCREEN_FILE, redirected_screen

JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"


def say_on_terminal(folder: Path, *, launcher: str = JOBLIB, table: bool = True) -> str:
    """Say something in every way in a process with a terminal; give what the terminal got."""
    process, terminal = pty.fork()
    if process == 0:
        try:
            sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
            logging.basicConfig(level=logging.INFO, stream=sys.stdout, force=True)
            logging.getLogger().addHandler(logging.FileHandler(folder / "train.log"))
            hydra = {"launcher": {"_target_": launcher}, "callbacks": {"start": {"table": table}}}
            with redirected_screen(OmegaConf.create(hydra), folder=folder):
                logging.getLogger("one").info("a message")
                print("a line")
                print("a warning", file=sys.stderr)
                os.write(2, b"a native line, bars " + str(os.isatty(2)).encode() + b"\n")
            logging.getLogger("one").error("an error")
            print("after", flush=True)
        finally:
            os._exit(0)
    said = b""
    try:
        while found := os.read(terminal, 4096):
            said += found
    except OSError:  # how Linux says that the other end is closed
        pass
    os.waitpid(process, 0)
    return said.decode()


def test_beside_a_table_a_job_is_silent_and_nothing_is_lost(tmp_path: Path):
    assert say_on_terminal(tmp_path).split() == ["after"]
    kept = (tmp_path / SCREEN_FILE).read_text()
    assert "a line" in kept
    assert "a warning" in kept
    assert "a native line, bars False" in kept
    assert (tmp_path / "train.log").read_text().split() == ["a", "message", "an", "error"]


@pytest.mark.parametrize("other", [{"launcher": "BasicLauncher"}, {"table": False}])
def test_without_a_table_a_job_speaks(tmp_path: Path, other: dict):
    said = say_on_terminal(tmp_path, **other)
    for part in ("a message", "a line", "a warning", "bars True", "an error"):
        assert part in said
    assert not (tmp_path / SCREEN_FILE).exists()
