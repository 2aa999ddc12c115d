"""What of the code decides a stage: all that it imports, and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from musicgen.pipeline.reuse import imports
from musicgen.pipeline.reuse.imports import closure, code_digest
from musicgen.pipeline.stages.autoencoder import AutoencoderStage
from musicgen.pipeline.stages.prior import PriorStage

CODES = ["musicgen.generation.tokenize"]


def roots(stage: type) -> list[str]:
    return stage.modules(object.__new__(stage))


def digests() -> tuple[str, str, str]:
    """Compute those of the autoencoder, of the codes and of the prior, from the sources as they are now."""
    imports.source_of.cache_clear()
    imports._parsed.cache_clear()
    return code_digest(roots(AutoencoderStage)), code_digest(CODES), code_digest(roots(PriorStage))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a copy of the package's sources that may be changed."""
    copy = tmp_path / "musicgen"
    shutil.copytree(imports.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "conf"))
    monkeypatch.setattr(imports, "PACKAGE", copy)
    yield copy
    imports.source_of.cache_clear()
    imports._parsed.cache_clear()


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_what_makes_the_codes_decides_codes_and_prior(package: Path):
    autoencoder, codes, prior = digests()
    append(package / "generation" / "tokenize.py", "\nCHANGED = 1\n")
    now = digests()
    assert now[0] == autoencoder
    assert now[1] != codes
    assert now[2] != prior


@pytest.mark.parametrize(
    "file",
    ["training/optim.py", "models/autoencoder.py", "pipeline/stage.py", "pipeline/network_stage.py"],
)
def test_what_trains_decides_every_stage(package: Path, file: str):
    autoencoder, _, prior = digests()
    append(package / file, "\nCHANGED = 1\n")
    now = digests()
    assert now[0] != autoencoder
    assert now[2] != prior


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("music/notation/musicxml.py", "\n# a comment\n"),
        ("music/notation/musicxml.py", "\nCHANGED = 1\n"),
        ("measure/generated.py", "\nCHANGED = 1\n"),
        ("sweeps/watch.py", "\nCHANGED = 1\n"),
        ("pipeline/status.py", "\nCHANGED = 1\n"),
        ("training/optim.py", "\n# a comment\n"),
    ],
)
def test_what_no_weight_depends_on_decides_nothing(package: Path, file: str, text: str):
    before = digests()
    append(package / file, text)
    assert digests() == before


def test_docstrings_and_layout_decide_nothing(package: Path):
    before = digests()
    path = package / "training" / "optim.py"
    path.write_text(path.read_text().replace('"""', '"""Other words: ', 1).replace("\n\n\n", "\n\n\n\n"))
    assert digests() == before


def test_a_users_module_brings_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own_stage.py").write_text("from musicgen.models.losses import code_loss\n")
    monkeypatch.syspath_prepend(tmp_path)
    imports.source_of.cache_clear()
    assert "musicgen.models.losses" in closure(["own_stage"])
    assert "own_stage" not in closure(["own_stage"])
