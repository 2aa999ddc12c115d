"""Random command lines, as people mistype them: one sentence or the work, and no other run changes."""

import copy
import random
from functools import cache
from pathlib import Path

import hydra
import pytest
from omegaconf import DictConfig

from musicgen.cli.shared.claim import claim
from musicgen.cli.shared.settings import check, composition
from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.preflight import check_jobs
from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.tree import config_dir
from tests.command import Musicgen
from tests.conftest import tiny_settings

LONG, SHORT, PROCESSES = 2000, 150, 6
VALUES = (
    *("1", "5", "0", "-3", "1.5", "1e-3", "five", "true", "null", "", "''", "'a b'", "[1,2]", "[a,b]"),
    *("{a:1}", "1,2", "Étude", "Dvořák", "it's", "a b", "x=y", "../../x", "~/x", "/nowhere", "${seed}"),
    *("${nope}", "${oc.env:NOPE}", "range(1,3)", "interval(0,1)", "glob(*)", "choice(1,2)", "ema", "corpus"),
    *("folder", "cpu", "]", "{", "$", "\\", "9" * 30, "nan", "inf", "???", "a" * 300, "♯", "2026-11-28"),
    *("0x10", "1_000", "vq_vae", "[vq_vae,evaluate]"),
)
WORDS = ("run5", "-x", "--epochs=3", "--epochs", "-m", "--multirun", "epochs", "~epochs", "=5", "=", "~", "+")
HYDRAS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.verbose")
_compose = composition.compose


@cache
def composed_once(verb: str, overrides: tuple[str, ...]) -> DictConfig:
    return _compose(verb, overrides=list(overrides), return_hydra_config=True)


@cache
def keys_of(verb: str) -> tuple[str, ...]:
    config = composed_once(verb, ())
    groups = [str(group) for group in config.hydra.runtime.choices]
    return (*(key for key, _ in check.nodes(config)), *groups, *HYDRAS)


def mistyped(word: str, choose: random.Random) -> str:
    place = choose.randrange(len(word))
    return word[:place] + choose.choice(["", "a", "e", "_", ".", "="]) + word[place + choose.randint(0, 1) :]


def random_line(verb: str, choose: random.Random) -> list[str]:
    """Write settings of a verb with any values, some mistyped, with any signs and words between them."""
    line = []
    for _ in range(choose.randint(1, 4)):
        key = choose.choice(keys_of(verb))
        if choose.random() < 0.2:
            key = mistyped(key, choose)
        sign = choose.choices(["", "+", "++", "~"], weights=[16, 1, 1, 1])[0]
        line.append(f"{sign}{key}={choose.choice(VALUES)}")
    if choose.random() < 0.25:
        line.insert(choose.randint(0, len(line)), choose.choice(WORDS))
    return line


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


def carried_out(verb: str, line: list[str]) -> bool:
    """Do what a verb does before its work; return false where one sentence refuses the line."""
    try:
        read = read_command_line(line, verb=verb)
        config = check.composed(read)
        check_jobs(config, verb=verb, is_sweep=read.is_sweep)
        named = any(one.startswith(("hydra.run.dir", "hydra.sweep.dir")) for one in read.overrides)
        folder = claim(config, verb=verb, is_sweep=read.is_sweep, is_named=named, goes_on=False)
    except UsageError as error:
        is_sentence = bool(str(error)) and "\n" not in str(error)
        assert is_sentence, error  # noqa: PT017  (either outcome is right)
        return False
    asked = [one for one in line if "hydra." in one] or ["outputs"]
    assert "outputs" in str(folder) or asked != ["outputs"], (line, folder)
    return True


@pytest.mark.parametrize(
    "count", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short form", "long form"]
)
def test_every_line_is_carried_out_or_refused_in_one_sentence(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def compose(verb: str, *, overrides: list[str], return_hydra_config: bool) -> DictConfig:
        return copy.deepcopy(composed_once(verb, tuple(overrides)))

    monkeypatch.setattr(composition, "compose", compose)
    home, work, other = (tmp_path / name for name in ("home", "work", "other"))
    for folder in (home, work, other / "checkpoints"):
        folder.mkdir(parents=True)
    (other / "checkpoints" / "vq_vae.ckpt").write_bytes(b"precious")
    before = snapshot(other)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(home))
    choose, outcomes, faults = random.Random(count), [], []
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        for number in range(count):
            verb = choose.choice(["prepare", "train"])
            line = random_line(verb, choose)
            if number % 10 == 0:
                line.append(f"hydra.run.dir={other}")
            try:
                outcomes.append(carried_out(verb, line))
            except Exception as error:  # noqa: BLE001  (all faults are told at once)
                faults.append(f"musicgen {verb} {line}: {type(error).__name__}: {error}"[:1000])
                continue
            assert number % 10 or not outcomes[-1], line  # nobody gets the folder of another run
            assert snapshot(other) == before, line
    assert not faults, "\n".join([f"{len(faults)} faults", *faults])
    assert 0 < sum(outcomes) / count < 0.6  # both kinds are tried


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["prepare", "train"])
def test_a_sample_of_them_through_real_processes(verb: str, midi_folder: Path, tmp_path: Path):
    work, other = tmp_path / "work", tmp_path / "other"
    for folder in (work, other / "checkpoints"):
        folder.mkdir(parents=True)
    (other / "checkpoints" / "vq_vae.ckpt").write_bytes(b"precious")
    before = snapshot(other)
    pieces = snapshot(midi_folder)
    tiny = [one for one in tiny_settings(midi_folder, tmp_path) if verb == "train" or one.startswith("data")]
    choose = random.Random(7)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        lines = [random_line(verb, choose) for _ in range(PROCESSES)]
    for line in [*lines, [f"hydra.run.dir={other}"]]:
        done = Musicgen(work)(verb, *tiny, *line, fails=None)
        assert "Traceback" not in done.stderr + done.stdout, (line, done.stderr)
        assert done.returncode in (0, 1, 2), line
        assert snapshot(other) == before, line
        assert snapshot(midi_folder) == pieces, line
    assert {path.name for path in tmp_path.iterdir()} <= {"work", "other", "cache"}
