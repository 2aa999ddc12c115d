"""Random command lines, as people mistype them: one sentence or the work, and no other run changes."""

import copy
import os
import random
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import hydra
import pytest
from omegaconf import DictConfig

from musicgen.cli.shared.application import planned
from musicgen.cli.shared.settings import check, composition
from musicgen.cli.shared.settings.refusal import BUG, refusing
from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.grammar import written
from musicgen.config.tree import config_dir
from tests.command import Musicgen
from tests.conftest import tiny_settings

LONG, SHORT, PROCESSES = 2000, 25, 6
ALWAYS = 75  # seed of lines of both kinds, carried out and refused
SEED = "MUSICGEN_LINES_SEED"  # variable that says which lines to try again
VALUES = (
    *("1", "5", "0", "-3", "1.5", "1e-3", "five", "true", "null", "", "''", "'a b'", "[1,2]", "[a,b]"),
    *("{a:1}", "1,2", "Étude", "Dvořák", "it's", "a b", "x=y", "../../x", "~/x", "/nowhere", "${seed}"),
    *("${nope}", "${oc.env:NOPE}", "range(1,3)", "interval(0,1)", "glob(*)", "choice(1,2)", "ema", "corpus"),
    *("folder", "cpu", "]", "{", "$", "\\", "9" * 30, "nan", "inf", "???", "a" * 300, "♯", "2026-11-28"),
    *("0x10", "1_000", "vq_vae", "[vq_vae,evaluate]"),
    *("C:\\Users\\me\\midi", "\\\\server\\midi", "1 ", " 1", '"1', "“1”", "１２", "e\u0301tude", "1,000"),
    *("1.000,5", "1e400", "-inf", "-0", "+1", "1.", "a/" * 2000, "\0", "a\0b", "\n", "1\n2", "\t", "~", "."),
    *("..", "/", "$HOME", "%HOME%", "${missing}", "${", "${}", "${.}", "${hydra:run.dir}", "[", "[]", "{}"),
    *("[[", "()", "a:1", ":", "@", "!", "*", "#", "&", "|", "5epochs", "True", "None", "yes", "[1", "1;2"),
    *("\udc80", "sort(1,2)", "shuffle(1,2)", "tag(log,interval(1,2))", "int(x)", "range(3,1)", "choice()"),
)
WORDS = (
    *("run5", "-x", "--epochs=3", "--epochs", "-m", "--multirun", "epochs", "~epochs", "=5", "=", "~", "+"),
    *("epochs:5", "epochs 5", "epochs", "", " ", "--", "-", "-m=1", "~/x", "..", "/", "vq_vae/num_hiddens=1"),
    *(
        "--cfg",
        "--cfg=job",
        "--info",
        "--resolve",
        "--package",
        "-c",
        "--config-dir",
        "--config-dir=x",
        "--hlep",
    ),
    *("EPOCHS=1", "épochs=1", "--epochs 5", "—m", "-epochs=5", "epochs==5", "a" * 300, "\0", "epochs=5;x=1"),
)
HYDRAS = (
    *("hydra.run.dir", "hydra.sweep.dir", "hydra.verbose", "hydra.sweep.subdir", "hydra.job.name"),
    *("hydra/launcher", "hydra/sweeper", "hydra.mode", "hydra.searchpath", "hydra.job.chdir", "hydra.nope"),
)
SEPARATORS = ("=", "=", "=", "=", "=", "=", "=", " =", "= ", ":", "==")
_compose = composition.compose


@cache
def composed_once(verb: str, overrides: tuple[str, ...]) -> DictConfig:
    return _compose(verb, overrides=list(overrides), return_hydra_config=True)


@cache
def defaults_of(verb: str) -> dict[str, str]:
    """Map what may be set to its default, as it is typed; nothing where it has none."""
    config = composed_once(verb, ())
    settings = {key: written(composition.resolved(config, key)) for key, _ in check.nodes(config)}
    groups = {str(group): str(choice) for group, choice in config.hydra.runtime.choices.items()}
    return {**settings, **groups, **dict.fromkeys(HYDRAS, "")}


def mistyped(word: str, choose: random.Random) -> str:
    place = choose.randrange(len(word))
    return word[:place] + choose.choice(["", "a", "e", "_", ".", "="]) + word[place + choose.randint(0, 1) :]


def random_line(verb: str, choose: random.Random) -> list[str]:
    """Write settings of a verb with any values, some mistyped, with any signs and words between them."""
    line = []
    for _ in range(choose.randint(1, 4)):
        key, default = choose.choice(list(defaults_of(verb).items()))
        if choose.random() < 0.4:
            line.append(f"{key}={default}")
            continue
        if choose.random() < 0.2:
            key = mistyped(key, choose)
        sign = choose.choices(["", "+", "++", "~"], weights=[16, 1, 1, 1])[0]
        dashes = choose.choices(["", "--", "-"], weights=[30, 1, 1])[0]
        line.append(f"{dashes}{sign}{key}{choose.choice(SEPARATORS)}{choose.choice(VALUES)}")
    if choose.random() < 0.25:
        line.insert(choose.randint(0, len(line)), choose.choice(WORDS))
    return line


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


def carried_out(verb: str, line: list[str]) -> bool:
    """Do what a verb does before its work; return false where one sentence refuses the line."""
    try:
        with refusing():
            plan = planned(line, verb=verb, why_settled=lambda config, folder: "")
    except UsageError as error:
        is_sentence = bool(str(error)) and "\n" not in str(error)
        assert is_sentence, error  # noqa: PT017  (either outcome is right)
        assert BUG not in str(error), error  # noqa: PT017
        return False
    return not plan.line.options


def todays_seed() -> int:
    return int(os.environ.get(SEED) or datetime.now(tz=UTC).strftime("%Y%m%d"))


@pytest.mark.parametrize(
    "seed", [ALWAYS, pytest.param(todays_seed(), marks=pytest.mark.gate)], ids=["always", "today"]
)
def test_every_line_is_carried_out_or_refused_in_one_sentence(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    share = try_lines(SHORT, seed=seed, folder=tmp_path, patch=monkeypatch)
    assert share < 0.6
    if seed == ALWAYS:
        assert share > 0  # of so few lines of another day all may be refused


@pytest.mark.long
def test_so_is_every_line_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    share = try_lines(LONG, seed=todays_seed(), folder=tmp_path, patch=monkeypatch)
    assert 0 < share < 0.6


def try_lines(count: int, *, seed: int, folder: Path, patch: pytest.MonkeyPatch) -> float:
    """Try random lines; return the share of them that is carried out."""

    def compose(verb: str, *, overrides: list[str], return_hydra_config: bool) -> DictConfig:
        return copy.deepcopy(composed_once(verb, tuple(overrides)))

    patch.setattr(composition, "compose", compose)
    home, work, other = (folder / name for name in ("home", "work", "other"))
    for place in (home, work, other / "checkpoints"):
        place.mkdir(parents=True)
    (other / "checkpoints" / "vq_vae.ckpt").write_bytes(b"precious")
    before = snapshot(other)
    patch.chdir(work)
    patch.setenv("HOME", str(home))
    choose, outcomes, faults = random.Random(seed), [], []
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        for number in range(count):
            verb = choose.choice(["prepare", "train"])
            line = random_line(verb, choose)
            if number % 10 == 0:
                line.append(f"hydra.run.dir={other}")
            there = {place.name for place in work.iterdir()}
            try:
                outcomes.append(carried_out(verb, line))
                assert number % 10 or not outcomes[-1], "the folder of another run is taken"
                assert snapshot(other) == before, "another run is changed"
                made = {place.name for place in work.iterdir()} - there
                if not any("hydra" in one for one in line):
                    assert made <= {"outputs"}, f"{made} is made"
            except Exception as error:  # noqa: BLE001  (all faults are told at once)
                faults.append(f"musicgen {verb} {line!r}: {type(error).__name__}: {error}"[:1500])
    assert not faults, "\n".join([f"{len(faults)} faults of {count} lines; {SEED}={seed}", *faults])
    return sum(outcomes) / count


@pytest.mark.gate
@pytest.mark.slow
@pytest.mark.parametrize("verb", ["prepare", "train"])
def test_a_sample_of_them_through_real_processes(verb: str, midi_folder: Path, tmp_path: Path):
    work, other = tmp_path / "work", tmp_path / "other"
    for folder in (work, other / "checkpoints"):
        folder.mkdir(parents=True)
    (other / "checkpoints" / "vq_vae.ckpt").write_bytes(b"precious")
    before = snapshot(other)
    pieces = snapshot(midi_folder)
    tiny = [one for one in tiny_settings(midi_folder) if verb == "train" or one.startswith("data")]
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
