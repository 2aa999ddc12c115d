"""Loggers, one override each: curves, settings and final metrics arrive; local stores only."""

import csv
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from musicgen.pipeline.hparams import log_settings
from musicgen.reports.runs.curves import read_curves
from musicgen.training.tensorboard_logger import TensorBoardWithoutEpoch
from tests.composing import composed

FINAL = {"val/bits_per_quarter": 123.0, "generated/nothing": float("nan")}


def log_a_run(folder: Path, *overrides: str) -> None:
    """Log two epochs of a curve and the end of a run with the loggers that the overrides choose."""
    config = composed("train", f"run_dir={folder}", "epochs=7", *overrides)
    loggers = list(instantiate(config.logger).values())
    for step, value in enumerate([0.5, 0.25]):
        for logger in loggers:
            logger.log_metrics({"vq_vae/val/bce": value, "epoch": step}, step=step)
    settings = {"epochs": config.epochs, "vq_vae": OmegaConf.to_container(config.vq_vae, resolve=False)}
    log_settings(loggers, settings, FINAL)


def test_curves_go_to_tensorboard_and_csv(tmp_path):
    log_a_run(tmp_path)
    assert list(tmp_path.glob("tensorboard/events*"))
    with (tmp_path / "csv/metrics.csv").open() as file:
        assert [row["vq_vae/val/bce"] for row in csv.DictReader(file)] == ["0.5", "0.25"]


def test_tensorboards_table_has_what_was_set_by_hand(tmp_path):
    board = TensorBoardWithoutEpoch(tmp_path, name="", version="tensorboard", default_hp_metric=False)
    settings = {"epochs": 7, "seed": 0, "quantizer": {"decay": 0.9}, "data": {"root": "/a", "title": "Etude"}}
    typed = ["quantizer=ema", "++quantizer.decay=0.90", "data.root=/a", "data.title=Etude", "threads=1"]
    log_settings([board], settings, FINAL, typed=typed)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    plugin = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    table = HParamsPluginData.FromString(plugin).session_start_info.hparams
    assert set(table) == {"quantizer", "quantizer.decay", "data.title"}
    assert table["quantizer.decay"].number_value == 0.9
    assert table["quantizer"].string_value == "ema"


def test_a_final_value_ends_its_curve_and_makes_no_chart_of_its_own(tmp_path):
    board = TensorBoardWithoutEpoch(tmp_path, name="", version="tensorboard", default_hp_metric=False)
    for step, bce in ((3, 0.2), (4, 0.3)):  # the best state is kept
        board.log_metrics({"vq_vae/val/bce": bce, "vq_vae/val/perplexity": 9.0}, step=step)
    final = {"vq_vae/val/bce": 0.2, "vq_vae/val/perplexity": 9.0, "generated/polyphony": 3.0}
    log_settings([board], {"epochs": 7}, final)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    names = ["vq_vae/val/bce", "vq_vae/val/perplexity"]
    assert sorted(events.Tags()["scalars"]) == ["Held out/BCE", "Held out/Code perplexity", *names]
    points = [(one.step, round(one.value, 6)) for one in events.Scalars("Held out/BCE")]
    assert points == [(3, 0.2), (4, 0.3), (4, 0.2)]
    assert [one.step for one in events.Scalars("Held out/Code perplexity")] == [3, 4]
    plugin = events.summary_metadata["_hparams_/experiment"].plugin_data.content
    shown = HParamsPluginData.FromString(plugin).experiment.metric_infos
    assert {one.name.tag for one in shown} == {"Held out/BCE", "Held out/Code perplexity"}
    assert set(read_curves(tmp_path)) == set(names)


def test_charts_are_explained_in_tensorboard(tmp_path):
    board = TensorBoardWithoutEpoch(tmp_path, name="", version="tensorboard", default_hp_metric=False)
    for step in (3, 4):
        board.log_metrics({"vq_vae/val/bce": step / 10, "epoch": step}, step=step)
    board.finalize("success")
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(point.step, round(point.value, 6)) for point in events.Scalars("vq_vae/val/bce")] == [
        (3, 0.3),
        (4, 0.4),
    ]
    text = events.summary_metadata["vq_vae/val/bce"].summary_description
    assert text.startswith("**BCE** ↓ vq_vae/val/bce · nats a cell, 0 or more: Binary cross-entropy")
    assert sorted(events.Tags()["scalars"]) == ["Held out/BCE", "vq_vae/val/bce"]


def test_a_run_that_is_started_again_keeps_the_curves_of_before(tmp_path):
    for _ in range(2):
        log_a_run(tmp_path, "logger=csv")
    assert len((tmp_path / "csv/metrics.csv").read_text().splitlines()) == 1 + 2 * 2
    assert read_curves(tmp_path)["vq_vae/val/bce"].value.tolist() == [0.5, 0.25]


def test_weights_and_biases_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="pip install 'musicgen-lab[wandb]'")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("first", "second"):  # jobs of a sweep share a process
        folder = tmp_path / name
        folder.mkdir()
        log_a_run(folder, "logger=wandb", "logger.wandb.offline=true", f"logger.wandb.name={name}")
        (run,) = folder.glob("wandb/offline-run-*/run-*.wandb")
        content = run.read_bytes()
        for text in (name, "vq_vae/val/bce", "final/val/bits_per_quarter", "num_residual_layers"):
            assert text.encode() in content
        assert list(folder.glob("tensorboard/events*"))


def test_mlflow_in_a_local_store(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="pip install 'musicgen-lab[mlflow]'")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    log_a_run(tmp_path / "run", "logger=mlflow", "logger.mlflow.run_name=first")
    client = MlflowClient(tracking_uri=store)
    (run,) = client.search_runs([client.get_experiment_by_name("train").experiment_id])
    assert run.info.run_name == "first"
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "7"
    assert run.data.metrics["final/val/bits_per_quarter"] == 123.0
    assert [one.value for one in client.get_metric_history(run.info.run_id, "vq_vae/val/bce")] == [0.5, 0.25]
