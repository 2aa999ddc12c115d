"""The whole study on small pieces: it runs, is not run twice, and its page says what was and was not done."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from reproduction.budgets import BUDGETS
from reproduction.sweeps import ARMS, CURVE, FRESH_ARMS, Inputs, all_sweeps

from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer
from tests.compat.published import published

ROOT = Path(__file__).resolve().parents[2]


def study(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Call the recipe as a user does; it must end well."""
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "reproduce_epochs.py"),
            "budget=tiny",
            "processes=1",
            *arguments,
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "MUSICGEN_CACHE": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def inputs(weights: Path | None, folder: Path) -> Inputs:
    return Inputs(data=("data=corpus",), weights=weights, students=None, runs=folder)


def test_all_arms_and_seeds_are_asked_for_and_the_most_telling_come_first(tmp_path: Path):
    sweeps = all_sweeps(inputs(tmp_path, tmp_path), BUDGETS["full"])
    keys = [key for sweep in sweeps for key in sweep.keys]
    assert {arm for arm, _, _ in keys} == {"bachsformer", CURVE, *ARMS}
    assert {epochs for arm, epochs, _ in keys if arm == CURVE} == {1, 2, 5, 10, 20, 50}
    assert sum(key[:2] in {(CURVE, 5), (CURVE, 10)} for key in keys) == 20
    assert {key[1] for key in sweeps[1].keys} == {5}
    for sweep in sweeps[1:]:
        assert f"+trainer.check_val_every_n_epoch={sweep.keys[0][1]}" in sweep.overrides
    assert len(set(keys)) == len(keys)
    assert len({sweep.folder for sweep in sweeps}) == len(sweeps)


def test_without_weights_only_the_arms_that_start_afresh_are_left(tmp_path: Path):
    sweeps = all_sweeps(inputs(None, tmp_path), BUDGETS["small"])
    assert {key[0] for sweep in sweeps for key in sweep.keys} == {CURVE, *FRESH_ARMS}


def test_a_sweep_is_started_once_and_then_resumed_with_its_own_settings_only(tmp_path: Path):
    sweep, *_ = all_sweeps(inputs(None, tmp_path), BUDGETS["tiny"])
    started = sweep.command(processes=2)
    assert started is not None
    assert started[:2] == ["train", "-m"]
    assert started[-1] == "hydra.launcher.n_jobs=2"
    sweep.folder.mkdir()
    lines = "".join(f"    - {one}\n" for one in sweep.overrides)
    (sweep.folder / "multirun.yaml").write_text(f"hydra:\n  overrides:\n    task:\n{lines}")
    assert sweep.command(processes=1) == ["train", f"resume={sweep.folder}", "retry_failed=true"]
    (sweep.folder / "multirun.yaml").write_text(f"hydra:\n  overrides:\n    task:\n{lines[:-1]}2\n")
    with pytest.raises(ValueError, match="other settings"):
        sweep.command(processes=1)


@pytest.mark.parametrize(
    ("argument", "said"), [("budge=small", "use any of budget"), ("budget=huge", "use one of")]
)
def test_a_mistake_is_told_in_a_line(argument: str, said: str, monkeypatch: pytest.MonkeyPatch):
    from reproduce_epochs import Settings
    from settings import read_settings

    with pytest.raises(ValueError, match=said):
        read_settings(Settings, [argument])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give fresh weights of Bachsformer's shapes under its names."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    autoencoder = ConvolutionalAutoencoder(VectorQuantizer())
    autoencoder((torch.rand(16, 1, 88, 32) < 0.1).float())
    prior = Transformer(max_positions=191, start_token=False)
    torch.save(published(autoencoder), folder / "vq_vae.pt")
    torch.save(published(prior), folder / "transformer.pt")
    return folder


@pytest.mark.long
def test_the_tiny_study_makes_the_whole_page_and_does_nothing_twice(
    weights: Path, midi_folder: Path, tmp_path: Path
):
    arguments = [
        f"folder={midi_folder}",
        f"weights={weights}",
        f"students={_students(midi_folder, tmp_path)}",
    ]
    first = study(tmp_path, *arguments)
    page = (tmp_path / "docs" / "lab" / "reproduction.md").read_text()
    [jobs] = re.findall(r"\| runs \| (\d+) of \1 \|", page)
    assert str(tmp_path) not in page
    for part in ("sentences", "More epochs", "To look at", "What each defect costs"):
        assert part in page
    for label in ARMS.values():
        assert label in page or label == "sampling without seams"
    verdicts = re.findall(r"\*\*(borne out|not borne out|not decidable)\*\*", page)
    claims = list(csv.DictReader((tmp_path / "docs" / "lab" / "reproduction" / "tiny" / "claims.csv").open()))
    assert [row["verdict"] for row in claims] == verdicts
    runs = list(csv.DictReader((tmp_path / "docs" / "lab" / "reproduction" / "tiny" / "runs.csv").open()))
    assert len(runs) == int(jobs)
    assert all(row["command"].startswith("python -m musicgen ") and "DATA" in row["command"] for row in runs)
    assert not any(
        str(folder) in row["command"] for row in runs for folder in (tmp_path, midi_folder, weights)
    )
    pictures = {path.name for path in (tmp_path / "docs" / "lab" / "reproduction" / "tiny").glob("*.png")}
    assert pictures == {"curves.png", "rolls.png", "rolls_report.png"}

    trained = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("metrics.json")}
    again = study(tmp_path, *arguments)
    assert "resume=" in again.stdout
    assert "resume=" not in first.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("metrics.json")} == trained
    assert (tmp_path / "docs" / "lab" / "reproduction.md").read_text() == page


def _students(midi_folder: Path, folder: Path) -> Path:
    """Give two pieces under the names of the report's."""
    students = folder / "students"
    students.mkdir()
    for name, piece in zip(
        ("chopin_noc_5.mid", "chopin_noc_10.mid"), midi_folder.glob("*.mid"), strict=False
    ):
        (students / name).write_bytes(piece.read_bytes())
    return students
