"""A metric of the user's own: one function and one yaml file, no change of the package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from musicgen.cli.shared.own_metrics import register_metrics
from tests.command import ENVIRONMENT, ROOT

CODE = """
import numpy as np

def leap_rate(performance):
    return float(np.mean(np.abs(np.diff(performance.pitch)) > 12)) if len(performance) > 1 else float("nan")
"""
YAML = """
leap_rate:
  _target_: musicgen.measure.spec.MetricSpec
  name: leap_rate
  title: Leaps over an octave
  unit: share
  better: closer
  meaning: Share of steps between successive notes that are wider than an octave.
  measure: {_target_: hydra.utils.get_method, path: their_metrics.leap_rate}
"""


@pytest.mark.gate
def test_it_is_measured_and_shown_beside_ours(midi_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "their_metrics.py").write_text(CODE)
    (tmp_path / "theirs" / "own_metrics").mkdir(parents=True)
    (tmp_path / "theirs" / "own_metrics" / "leaps.yaml").write_text(YAML)
    arguments = [
        *("evaluate", "data=folder", f"data.root={midi_folder}", f"against={midi_folder}"),
        *(f"data.cache_dir={tmp_path / 'cache'}", "page.audio_s=0", "page.max_pieces=1"),
        *("hydra.run.dir=out", f"hydra.searchpath=[file://{tmp_path / 'theirs'}]", "own_metrics=leaps"),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "musicgen", *arguments],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert 0 <= metrics["generated/leap_rate"] <= 1
    assert 0 <= metrics["real/leap_rate"] <= 1
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "Leaps over an octave" in page
    assert "wider than an octave." in page
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard"))
    events.Reload()
    [event] = events.Tensors("metrics/text_summary")
    assert "Leaps over an octave →" in event.tensor_proto.string_val[0].decode()


def test_what_describes_no_metric_is_refused() -> None:
    config = OmegaConf.create({"own_metrics": {"mine": {"_target_": "builtins.dict", "name": "mine"}}})
    with pytest.raises(ValueError, match=r"own_metrics\.mine is a dict"):
        register_metrics(config)
    register_metrics(OmegaConf.create({}))  # configs of earlier versions have none
