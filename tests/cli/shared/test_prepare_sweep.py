"""The pieces of a sweep are prepared before its plan, each choice once."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared import pieces
from musicgen.cli.shared.prepare_sweep import PrepareSweep
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.extent import Extent
from musicgen.sweeps.plan import jobs
from musicgen.sweeps.plan.works import known_extent


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let three jobs, two of them with the same pieces, be prepared by a stand-in."""
    calls: list[str] = []

    def prepare(config: DictConfig) -> Prepared:
        calls.append(config.data.title)
        if config.data.title == "broken":
            raise ValueError("no such piece")
        return Prepared([], {"train": quarters(7), "val": quarters(3)}, {})

    monkeypatch.setattr(pieces, "prepared_pieces", prepare)
    monkeypatch.setattr(jobs, "job_overrides", lambda hydra: list(hydra.titles))
    monkeypatch.setattr(jobs, "composed", lambda titles: [a_job(title, tmp_path) for title in titles])
    return calls


def quarters(number: int) -> PackedPieces:
    packed, piece = np.zeros((number, 88), np.uint32), Piece(Path(), "", *[""] * 4)
    return PackedPieces(packed, starts=np.array([0, number]), pieces=[piece])


def a_job(title: str, cache: Path) -> DictConfig:
    return OmegaConf.create({"data": {"title": title, "cache_dir": str(cache)}, "grid": {"ticks": 8}})


def start(*titles: str, launcher: str = "BasicLauncher", budget_s: float = 1) -> None:
    settings = {"launcher": {"_target_": launcher}, "callbacks": {"start": {"budget_s": budget_s}}}
    PrepareSweep().on_multirun_start(OmegaConf.create({"hydra": {**settings, "titles": titles}}))


def test_each_choice_of_pieces_is_prepared_once_and_then_known(prepared: list[str], tmp_path: Path) -> None:
    start("a", "a", "b")
    assert prepared == ["a", "b"]
    assert known_extent(a_job("a", tmp_path)) == Extent(7, 3, 3 + 7)
    start("a", "b")
    assert prepared == ["a", "b"]


def test_jobs_elsewhere_and_plans_without_times_prepare_for_themselves(prepared: list[str]) -> None:
    start("a", launcher="JoblibLauncher")
    start("a", budget_s=0)
    assert prepared == []


def test_what_goes_wrong_is_left_to_the_jobs(prepared: list[str]) -> None:
    start("broken", "a")
    assert prepared == ["broken"]
