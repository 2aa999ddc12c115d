"""Runs are found by path, below outputs/, and as models that a distribution brings."""

from pathlib import Path

import pytest

from musicgen.files import run_folders
from musicgen.files.run_folders import find_run, installed_models, run_label


def run_at(folder: Path) -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    return folder


def install(site: Path, name: str, *, package: str = "musicgen_lab_tiny") -> Path:
    """Lay out what pip leaves of a distribution with one model."""
    folder = run_at(site / package / name)
    (site / package / "__init__.py").write_text(
        'raise RuntimeError("a model is found without running code")\n'
    )
    (site / f"{package}-1.0.dist-info").mkdir(exist_ok=True)
    (site / f"{package}-1.0.dist-info" / "METADATA").write_text(f"Name: {package}\nVersion: 1.0\n")
    points = f"[musicgen.models]\n{name} = {package}\nbroken = no_such_package\n"
    (site / f"{package}-1.0.dist-info" / "entry_points.txt").write_text(points)
    return folder


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(run_folders, "CHECKOUT", tmp_path / "checkout")


def test_a_path_comes_before_outputs_and_outputs_before_models(tmp_path: Path):
    model = install(tmp_path / "site", "small")
    assert find_run("small") == model.resolve()
    below = run_at(Path("outputs/train/small"))
    assert find_run("small") == below
    assert find_run("train/small") == below
    here = run_at(Path("small"))
    assert find_run("small") == here


def test_a_job_of_a_sweep_is_found_and_two_of_one_name_are_refused():
    job = run_at(Path("outputs/sizes/2026-11-28/width=8"))
    assert find_run("width=8") == job
    run_at(Path("outputs/train/width=8"))
    with pytest.raises(ValueError, match=r"may be .* or .*whole path"):
        find_run("width=8")


def test_an_unknown_name_lists_the_models_and_how_to_install_one(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no model is installed.*pip install musicgen-lab-giantmidi"):
        find_run("giantmidi-small")
    install(tmp_path / "site", "small")
    assert list(installed_models()) == ["small"]
    with pytest.raises(FileNotFoundError, match=r"installed models: small"):
        find_run("giantmidi-smal")


def test_the_models_of_a_checkout_need_no_installation(tmp_path: Path):
    model = run_at(tmp_path / "checkout" / "models" / "tiny" / "package" / "tiny-model")
    with pytest.raises(FileNotFoundError):  # as a wheel, beside which `models` may be anybody's
        find_run("tiny-model")
    (tmp_path / "checkout" / "pyproject.toml").touch()
    assert find_run("tiny-model") == model


@pytest.mark.parametrize("name", ["../secret", "/nowhere"])
def test_nothing_outside_of_outputs_is_taken_for_a_run_below_it(name: str):
    run_at(Path("secret"))
    Path("outputs").mkdir()
    with pytest.raises(FileNotFoundError):
        find_run(name)


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("outputs/sweep/2026-11-29_10-00-00/seed=1", "sweep/2026-11-29_10-00-00/seed=1"),
        ("elsewhere/mine", "mine"),
        ("outputs", "outputs"),
    ],
)
def test_a_label_is_without_the_folders_above(folder: str, label: str, tmp_path: Path):
    (tmp_path / folder).mkdir(parents=True)
    assert run_label(tmp_path / folder) == label


def test_the_label_of_a_model_is_its_name():
    assert run_label("giantmidi-small") == "giantmidi-small"
