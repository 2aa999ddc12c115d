"""The commands of the user docs run, with tiny settings; paths and links that the docs name exist."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import Musicgen
from tests.conftest import tiny_settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON_PAGES = [ROOT / "README.md", ROOT / "docs" / "python.md"]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "lab").glob("*.md"))]
FENCE = re.compile(r"(?P<before>[^\n]*)\n```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
NOT_RUN = "<!-- not run:"  # on the line before a fence, with the reason
# What stands for more work than a test can do, or for data that it does not have.
SMALLER = {
    "data": "folder",
    "data.composer": "[Tester]",
    "data.title": "Etude",
    "num_trials": "2",
    "num_pieces": "1",
    "num_quarters": "16",
    "prompt_quarters": "4",
    "epochs": "1",
    "folds": "[0]",
}
DROPPED = (
    "composer",
    "attributes.density",
    "keep",
    "data.era",
    "data.download",
    "data.root",
    "data.max_pieces",
    "init_from",
)
TRAINING = ("train", "search")


@dataclass(frozen=True)
class Command:
    """One command of a page."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def fences(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of a page in a language, those marked as not run left out."""
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        if match["language"] == language and not match["before"].startswith(NOT_RUN):
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
OTHERS = [one for one in ALL if "musicgen" not in one.words[:3]]


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


@pytest.mark.long
@pytest.mark.parametrize("command", VERBS, ids=str)
def test_every_command_of_the_docs_runs(
    command: Command, tiny_run: Path, midi_folder: Path, tmp_path: Path
) -> None:
    names = {
        "giantmidi-small": tiny_run,
        "chorales-small": tiny_run,
        "MIDI_DIR": midi_folder,
        "FILE.mid": next(midi_folder.glob("*.mid")),
        "DIR": tiny_run,
    }
    verb, *words = command.words
    if "outputs" in words:
        shutil.copytree(tiny_run, tmp_path / "outputs" / "run")
    words = smaller(tuple(words))
    for name, path in names.items():
        words = [re.sub(rf"(?<![\w/]){re.escape(name)}(?!\w)", str(path), word) for word in words]
    tiny = tiny_settings(midi_folder, tmp_path)
    run = Musicgen(tmp_path)
    resumed = any(word.startswith("resume=") for word in words)
    if verb in TRAINING and not resumed:
        words = with_tiny(words, tiny)
    elif verb in ("prepare", "classify", "baseline") or "data=folder" in words:
        words = with_tiny(words, [one for one in tiny if one.startswith("data")])
    if "weights=outputs/classifier" in words:
        run("classify", "hydra.run.dir=outputs/classifier", "epochs=1", *tiny[:5])
    run(verb, *words)


def test_commands_of_all_user_docs_are_found() -> None:
    found = {command.page for command in VERBS}
    assert found >= {"README.md", "index.md", "own_midi.md", "sweeps.md", "search.md", "metrics.md"}


@pytest.mark.parametrize("command", OTHERS, ids=str)
def test_other_commands_are_known(command: Command) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    line = " ".join(command.words)
    if "pip install" in line:
        extras = re.findall(r"\[([\w,]+)\]", line)
        assert set(",".join(extras).split(",")) - {""} <= set(project["optional-dependencies"])
    elif command.words[0] == "python" and command.words[1].endswith(".py"):
        assert (ROOT / command.words[1]).is_file()
    else:
        assert line.split()[0] in ("tensorboard", "pre-commit", "mkdocs") or line == "python -m pytest"


@pytest.mark.parametrize("text", [text for page in PYTHON_PAGES for text in fences(page, "python")])
def test_the_python_examples_run(
    text: str, tiny_run: Path, midi_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, path in {"FILE.mid": next(midi_folder.glob("*.mid")), "DIR": tiny_run}.items():
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
