"""A run becomes a model: exported, found by its name, measured alike, trained on, built into a wheel."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from musicgen.music.midi import write_midi
from tests.command import ROOT, Musicgen
from tests.conftest import etude, tiny_settings

MODEL_PACKAGE = ROOT / "models" / "giantmidi-small"
ALLOWED = 0.005  # share by which rounding to 16 bits may move a metric of the networks


@pytest.fixture(scope="module")
def run(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small run that was told the composers of its pieces."""
    folder = tmp_path_factory.mktemp("told")
    settings = [*tiny_settings(midi_folder), "condition=composer"]
    Musicgen(folder)("train", *settings, f"hydra.run.dir={folder / 'run'}")
    return folder / "run"


@pytest.fixture
def model(run: Path, musicgen: Musicgen) -> Path:
    """Give the exported model, below outputs/ of the folder where commands are called."""
    done = musicgen("export", f"run={run}", "to=outputs/small")
    assert "vq_vae, transformer" in done.stdout
    assert (musicgen.folder / "outputs" / "small" / "copies.npz").is_file()
    return musicgen.folder / "outputs" / "small"


@pytest.mark.slow
def test_a_model_has_the_metrics_of_its_run(model: Path, run: Path, midi_folder: Path, musicgen: Musicgen):
    musicgen("evaluate", "run=small", f"data.root={midi_folder}", "hydra.run.dir=again", "page.max_pieces=0")
    again = json.loads((musicgen.folder / "again" / "metrics.json").read_text())
    before = json.loads((run / "metrics.json").read_text())
    for name in ("vq_vae/val/bce", "transformer/val/nats_per_code", "val/bits_per_quarter"):
        assert again[name] == pytest.approx(before[name], rel=ALLOWED), name


@pytest.mark.slow
def test_a_model_writes_by_its_name_and_a_second_export_is_refused(
    model: Path, run: Path, musicgen: Musicgen
):
    asked = ["run=small", "composer=Tester", "num_pieces=1", "num_quarters=4", "page.max_pieces=0"]
    musicgen("generate", *asked, "threads=1", "hydra.run.dir=new")
    assert (musicgen.folder / "new" / "000.mid").is_file()
    again = musicgen("export", f"run={run}", "to=outputs/small", fails=True)
    assert again.returncode == 2
    assert "remove it" in again.stderr
    unknown = musicgen("generate", "run=smal", fails=True)
    assert unknown.returncode == 2
    assert "no such model" in unknown.stderr


@pytest.mark.gate
def test_training_goes_on_with_pieces_of_another_composer(model: Path, musicgen: Musicgen):
    other = musicgen.folder / "other"
    for number in range(6):
        write_midi(etude(100 + number), other / f"Alkan, Charles, Prelude No.{number}, id{number}.mid")
    kept = ("vq_vae.", "quantizer.", "transformer.", "windows.", "max_epochs")  # which come from the model
    settings = [one for one in tiny_settings(other) if not one.startswith(kept)]
    musicgen(
        "train", "init_from=small", *settings, "max_epochs.vq_vae=1", "batch_size=2", "hydra.run.dir=tuned"
    )
    asked = ["run=tuned", "num_pieces=1", "num_quarters=4", "page.max_pieces=0", "threads=1"]
    for composer in ("Alkan", "Tester"):  # the new one, and the one that the model knew
        musicgen("generate", *asked, f"composer={composer}", f"hydra.run.dir={composer}")


@pytest.mark.slow
def test_the_wheel_brings_the_model(run: Path, musicgen: Musicgen, tmp_path: Path):
    pytest.importorskip("hatchling")
    package = tmp_path / "package"
    shutil.copytree(MODEL_PACKAGE, package, ignore=shutil.ignore_patterns("giantmidi-small", "dist"))
    place = package / "musicgen_lab_giantmidi" / "giantmidi-small"
    musicgen("export", f"run={run}", f"to={place}")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=package, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("musicgen_lab_giantmidi-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    find = "from musicgen.files.run_folders import find_run; print(find_run('giantmidi-small'))"
    found = subprocess.run(
        [sys.executable, "-c", find],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path / 'site'}"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    names = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert {str(path.relative_to(found)) for path in Path(found).rglob("*") if path.is_file()} == names
    assert ".hydra/config.yaml" in names
