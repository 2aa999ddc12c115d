"""Studies and workers whose runs are a formula."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from musicgen.search.objectives import read_objectives
from musicgen.search.space import read_space
from musicgen.search.study import open_study
from musicgen.search.trials import Worker

KNOBS = {"x": "interval(-1,1)", "n": "1,2,3,4"}


def squares(folder: Path, values: list[str], watchers: list) -> dict[str, float]:
    """Stand in for training: the loss is a bowl; each run counts how often it was begun."""
    given = {"x": 0.0, **{key: float(value) for key, value in (one.split("=") for one in values)}}
    begun = folder / "begun.txt"
    begun.write_text(begun.read_text() + "." if begun.is_file() else ".")
    metrics = {"val/bce": (given["x"] - 0.3) ** 2 + given["n"], "model/parameters": 10 / given["n"]}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return metrics


@pytest.fixture
def make_worker(tmp_path: Path) -> Callable[..., Worker]:
    """Give a maker of workers on one study in a file; each draws anew."""
    seeds = itertools.count(1)

    def make(
        train=squares,
        *,
        storage: str | None = None,
        metrics=("val/bce",),
        pruner=None,
        settings=(),
        heartbeat_s=30,
        knobs=KNOBS,
    ):
        objectives = read_objectives(metrics)
        study = open_study(
            "bowl",
            storage=storage or f"sqlite:///{tmp_path / 'study.db'}",
            objectives=objectives,
            settings=settings,
            sampler=optuna.samplers.RandomSampler(seed=next(seeds)),
            pruner=pruner,
            heartbeat_s=heartbeat_s,
        )
        folder = tmp_path / "trials"
        return Worker(study, space=read_space(knobs), objectives=objectives, folder=folder, train=train)

    return make
