"""A run with a renderer, from files that were played to files that are played."""

import json
from pathlib import Path

import numpy as np
import pytest

from musicgen.generation.rendering import load_renderer
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.music.midi import read_midi
from tests.command import Musicgen
from tests.conftest import tiny_settings, write_etudes
from tests.music.expression.test_attributes import played

STAGES = "stages=[vq_vae,transformer,renderer,generate,evaluate]"
SMALL = ["renderer.width=16", "renderer.depth=1", "renderer.memory=8", "batch_size.renderer=2"]
SHORT = ["num_pieces=1", "num_quarters=4", "threads=1", "page.max_pieces=0"]
pytestmark = pytest.mark.gate


@pytest.fixture(scope="module")
def played_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_etudes(tmp_path_factory.mktemp("played"), played)


@pytest.fixture(scope="module")
def run(played_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    settings = [
        *tiny_settings(played_folder),
        *SMALL,
        STAGES,
        "condition=composer",
        "max_epochs.vq_vae=40",
    ]
    Musicgen(folder)("train", *settings, f"hydra.run.dir={folder / 'run'}")
    return folder / "run"


def test_a_run_with_a_renderer_writes_played_pieces_and_measures_them(run: Path):
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 < metrics["rendered/velocity_divergence"] <= 1
    assert metrics["baseline/flat/pedal_divergence"] == pytest.approx(1.0)
    assert "real/duration_overlap" in metrics
    for path in (run / "generated").glob("*.mid"):
        piece = read_midi(path)
        assert len(set(piece.velocity.tolist())) > 5
    conditioner = load_renderer(run).module.conditioner
    assert isinstance(conditioner, LabelConditioner)
    assert conditioner.fields == ["composer"]
    assert len(conditioner.names[0]) == 2


def test_generate_plays_unless_it_is_told_not_to(run: Path, tmp_path: Path, musicgen: Musicgen):
    def velocities(name: str, *arguments: str) -> set[int]:
        musicgen("generate", f"run={run}", *SHORT, *arguments, f"hydra.run.dir={tmp_path / name}")
        return set(read_midi(tmp_path / name / "000.mid").velocity.tolist())

    assert velocities("flat", "render=false") == {80}
    assert len(velocities("played")) > 3
    assert (tmp_path / "played" / "000.mid").read_bytes() != (tmp_path / "flat" / "000.mid").read_bytes()


def test_evaluate_writes_a_page_with_three_players_a_piece(run: Path, tmp_path: Path, musicgen: Musicgen):
    out = tmp_path / "out"
    musicgen("evaluate", f"run={run}", "threads=1", "page.max_pieces=1", f"hydra.run.dir={out}")
    page = (out / "rendering.html").read_text(encoding="utf-8")
    assert page.count("<audio ") == 3
    assert "Velocity divergence" in page
    again = json.loads((out / "metrics.json").read_text())
    trained = json.loads((run / "metrics.json").read_text())
    names = [name for name in trained if name.startswith("rendered/")]
    assert names
    np.testing.assert_allclose([again[name] for name in names], [trained[name] for name in names], rtol=1e-5)


def test_what_cannot_be_rendered_is_refused_with_a_reason(
    tiny: list[str], tiny_run: Path, tmp_path: Path, musicgen: Musicgen
):
    flat = musicgen(
        "train", *tiny, *SMALL, "stages=[renderer]", f"hydra.run.dir={tmp_path / 'a'}", fails=True
    )
    assert "equally loud" in flat.stdout
    old = ["grid=bachsformer", "stages=[renderer]", f"hydra.run.dir={tmp_path / 'b'}"]
    assert "use grid=clock" in musicgen("train", *tiny, *SMALL, *old, fails=True).stdout
    asked = [f"run={tiny_run}", "render=true", f"hydra.run.dir={tmp_path / 'c'}"]
    refused = musicgen("generate", *asked, *SHORT, fails=True)
    assert "has no renderer" in refused.stderr
    assert not (tmp_path / "c").exists()
