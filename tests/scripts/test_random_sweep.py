import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import random_sweep
from random_sweep import drawn


def draws(text: str, *, count: int = 200) -> list[str]:
    random = np.random.default_rng(0)
    return [drawn(text, random) for _ in range(count)]


def test_values_come_from_the_list_and_lists_stay_whole() -> None:
    assert set(draws("2,5,10")) == {"2", "5", "10"}
    assert set(draws("[Chopin,Liszt],[Bach]")) == {"[Chopin,Liszt]", "[Bach]"}
    assert set(draws("giantmidi")) == {"giantmidi"}


def test_numbers_are_spread_evenly_over_values_or_over_ratios() -> None:
    even = np.array([float(value) for value in draws("uniform(2,4)")])
    assert 2 <= even.min() < 2.1
    assert 3.9 < even.max() <= 4
    ratios = np.array([math.log10(float(value)) for value in draws("log(1e-4,1e-2)")])
    assert -4 <= ratios.min() < -3.9
    assert abs(ratios.mean() + 3) < 0.15


@pytest.fixture
def commands(monkeypatch) -> list[list[str]]:
    """Note commands instead of running them; each second one fails."""
    called: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess:
        called.append(command[3:])
        return subprocess.CompletedProcess(command, returncode=len(called) % 2)

    monkeypatch.setattr(subprocess, "run", run)
    return called


def test_the_same_command_draws_the_same_and_goes_on(tmp_path: Path, monkeypatch, commands) -> None:
    folder = tmp_path / "random"
    monkeypatch.setattr(sys, "argv", ["random_sweep.py", "2", "seed=1,2,3,4", "--folder", str(folder)])
    with pytest.raises(SystemExit) as ended:
        random_sweep.main()
    assert ended.value.code == 1  # one run failed
    first = commands[:]
    assert [line[0] for line in first] == ["train", "train", "compare"]
    (folder / "000" / ".hydra").mkdir(parents=True)
    (folder / "000" / ".hydra" / "overrides.yaml").write_text("[]")
    commands.clear()
    with pytest.raises(SystemExit):
        random_sweep.main()
    assert commands[0] == ["train", f"resume={folder}/000"]
    assert commands[1:] == first[1:]
