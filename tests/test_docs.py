"""The commands of the user docs run, with tiny settings; paths and links that the docs name exist."""

import os
import re
import runpy
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import Musicgen
from tests.conftest import tiny_settings, write_etudes
from tests.music.expression.test_attributes import played
from tests.search.postgres import postgres_server
from tests.studio.running import RunningStudio

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LAB = sorted((ROOT / "docs" / "lab").glob("*.md"))  # evidence: hours of work, so their commands are not run
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", *LAB]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL, PYTHON = "bash", "python"
# What stands for more work than a test can do, or for data that it does not have.
SMALLER = {
    "data": "folder",
    "num_trials": "2",
    "num_pieces": "1",
    "keep": "1",
    "num_quarters": "16",
    "prompt_quarters": "4",
    "epochs": "1",
    "folds": "[0]",
}
DROPPED = ("data.era", "data.download", "data.root", "data.max_pieces")
TRAINING = ("train", "search")
RENDERER = ("renderer.width=16", "renderer.depth=1", "renderer.memory=8", "batch_size.renderer=2")
QUESTIONS = ("pieces=1", "num_quarters=16", "seeds=[0]", "cases=2", "gap_quarters=2", "threads=1")


@dataclass(frozen=True)
class Command:
    """One command of a page."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def fences(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of a page in a language."""
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        if match["language"] == language:
            yield match["text"]


def commands(page: Path) -> Iterator[Command]:
    """The shell commands of a page, one a line; comments and chains are taken apart."""
    for text in fences(page, "bash"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words:
                end = words.index("&&") if "&&" in words else len(words)
                yield Command(page.name, tuple(words[:end]))
                words = words[end + 1 :]


ALL = list(dict.fromkeys(command for page in PAGES for command in commands(page)))
VERBS = [
    Command(one.page, one.words[start:])
    for one in ALL
    for start, head in ((1, ("musicgen",)), (3, ("python", "-m", "musicgen")))
    if one.words[:start] == head
]
SCRIPTS = [one for one in ALL if one.words[0] == "python" and one.words[1].endswith(".py")]
OTHERS = [one for one in ALL if one not in SCRIPTS and "musicgen" not in one.words[:3]]


@pytest.fixture(scope="session")
def composers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of small pieces by two composers, played louder and softer."""
    composers = ["Bach, Johann Sebastian", "Chopin, Frédéric"]
    return write_etudes(
        tmp_path_factory.mktemp("composers"), played, composers=composers, title="Nocturne", number=16
    )


@pytest.fixture(scope="session")
def able_run(composers_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small run that can do all that the docs ask of a run: labels, attributes, a renderer."""
    folder = tmp_path_factory.mktemp("able")
    settings = [*tiny_settings(composers_folder), *RENDERER, "condition=composer_and_attributes"]
    stages = "stages=[vq_vae,transformer,renderer,generate,evaluate]"
    Musicgen(folder)("train", *settings, stages, f"hydra.run.dir={folder / 'run'}")
    return folder / "run"


def smaller(words: tuple[str, ...]) -> list[str]:
    """Cut the first list to two values and later ones to one, and large numbers to small ones."""
    settings, values = [], 2
    for word in words:
        key, equals, value = word.partition("=")
        if key in DROPPED:
            continue
        if re.fullmatch(r"[\w./]+(,[\w./]+)+", value):
            value, values = ",".join(value.split(",")[:values]), 1
        elif re.fullmatch(r"range\(.*\)", value) and key == "transformer.width":
            value = "16,32"
        else:
            value = SMALLER.get(key, value)
        settings.append(f"{key}{equals}{value}")
    return settings


def with_tiny(words: list[str], tiny: list[str]) -> list[str]:
    """Add the settings of a tiny run that the command does not set itself."""
    given = {word.partition("=")[0].lstrip("+~") for word in words}
    return [*words, *(one for one in tiny if one.partition("=")[0] not in given)]


def in_place(words: list[str], names: dict[str, object]) -> list[str]:
    """Put what is there into the place of what the docs call it."""
    for name, path in names.items():
        words = [re.sub(rf"(?<![\w/]){re.escape(name)}(?!\w)", str(path), word) for word in words]
    return words


@pytest.mark.long
@pytest.mark.parametrize("command", VERBS, ids=str)
def test_every_command_of_the_docs_runs(
    command: Command, able_run: Path, composers_folder: Path, tmp_path: Path
) -> None:
    names = {
        "giantmidi-small": able_run,
        "chorales-small": able_run,
        "Debussy": "Chopin",
        "MIDI_DIR": composers_folder,
        "FILE.mid": next(composers_folder.glob("*Chopin*.mid")),
        "DIR": able_run,
    }
    verb, *words = command.words
    if "outputs" in words:
        shutil.copytree(able_run, tmp_path / "outputs" / "run")
    words = in_place(smaller(tuple(words)), names)
    tiny = [*tiny_settings(composers_folder), *RENDERER]
    run = Musicgen(tmp_path)
    resumed = any(word.startswith("resume=") for word in words)
    if verb == "studio":
        studio = RunningStudio(able_run, tmp_path / "pieces", *(w for w in words if not w.startswith("run=")))
        assert studio.stop() == 0
        return
    if verb in TRAINING and not resumed:
        words = with_tiny(words, tiny)
    elif verb in ("prepare", "classify", "baseline", "style") or "data=folder" in words:
        words = with_tiny(words, [one for one in tiny if one.startswith("data")])
    if "weights=outputs/classifier" in words:
        run("classify", "hydra.run.dir=outputs/classifier", "epochs=1", *tiny[:5])
    if any("postgresql://" in word for word in words):
        with postgres_server() as storage:
            address = f"storage='{storage}'"
            run(verb, *(address if word.startswith("storage=") else word for word in words))
        return
    run(verb, *words)


def test_commands_of_all_user_docs_are_found() -> None:
    found = {command.page for command in VERBS}
    silent = {"architecture.md", "log.md", "python.md"}
    assert found == {page.name for page in PAGES} - silent


def test_every_block_of_the_docs_is_run() -> None:
    """No block escapes by a language that no test reads; console and text only show."""
    for page in PAGES:
        languages = {match["language"] for match in FENCE.finditer(page.read_text(encoding="utf-8"))}
        assert languages <= {SHELL, PYTHON, "text"}, page.name


@pytest.mark.parametrize("command", OTHERS, ids=str)
def test_other_commands_are_known(command: Command) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    line = " ".join(command.words)
    if "pip install" in line:
        extras = re.findall(r"\[([\w,]+)\]", line)
        assert set(",".join(extras).split(",")) - {""} <= set(project["optional-dependencies"])
    else:
        assert line == "python -m pytest"


@pytest.mark.long
@pytest.mark.parametrize("command", SCRIPTS, ids=str)
def test_every_script_of_the_docs_runs(
    command: Command,
    able_run: Path,
    composers_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tiny_settings(composers_folder)[:5]
    Musicgen(tmp_path)("classify", "hydra.run.dir=outputs/classifier", "epochs=1", *data)
    script, *words = command.words[1:]
    words = with_tiny(in_place(words, {"DIR": able_run}), list(QUESTIONS))
    runpy.run_path(str(ROOT / script))["main"](words)
    assert os.listdir(tmp_path / "outputs" / "questions")


@pytest.mark.long
@pytest.mark.parametrize("text", [text for page in PAGES for text in fences(page, PYTHON)])
def test_the_python_examples_run(
    text: str, able_run: Path, composers_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, path in {"FILE.mid": next(composers_folder.glob("*.mid")), "DIR": able_run}.items():
        text = text.replace(f'"{name}"', repr(str(path)))
    exec(compile(text, "example", "exec"), {})
    assert "write_midi" not in text or (tmp_path / "new.mid").stat().st_size > 0


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_paths_and_links_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (page.parent / link).exists()]
    if page.name != "log.md":  # what it says was true on its date
        named = re.findall(r"`((?:musicgen|scripts|tests|docs|conf|notebooks)/[\w./]*)", text)
        missing += [path for path in named if not (ROOT / path).exists()]
    assert missing == []
