"""The charts that TensorBoard is given."""

import re
from pathlib import Path

import pytest
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2, metadata

from musicgen.measure.spec import METRICS, MetricSpec, register
from musicgen.pipeline.charts import chart_tags, log_layout

NAMES = [
    "baseline/bigram/nats_per_code",
    "baseline/pitch/bce",
    "transformer/val/nats_per_code",
    "val/bits_per_quarter",
    "vq_vae/step/bce",
    "vq_vae/train/bce",
    "vq_vae/val/bce",
    "vq_vae/val/cell_f1",
    "vq_vae/val/note_f1",
    "vq_vae/val/onset_f1",
    "vq_vae/val/perplexity",
]


def read_layout(folder: Path) -> layout_pb2.Layout:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    [event] = events.Tensors(metadata.CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout()
    layout.ParseFromString(event.tensor_proto.string_val[0])
    return layout


def curves_of(tags: list[str]) -> list[str]:
    return [name for name in NAMES if any(re.search(tag, name) for tag in tags)]


def test_each_chart_takes_the_curves_of_its_metrics_and_their_baselines(tmp_path: Path):
    logger = TensorBoardLogger(tmp_path, name="", version="tensorboard")
    log_layout([CSVLogger(tmp_path), logger])
    logger.finalize("success")
    layout = read_layout(tmp_path / "tensorboard")
    shown = {
        (category.title, chart.title): curves_of(list(chart.multiline.tag))
        for category in layout.category
        for chart in category.chart
    }
    assert shown["Held out", "BCE"] == ["baseline/pitch/bce", "vq_vae/val/bce"]
    assert shown["Training", "BCE"] == ["vq_vae/train/bce"]
    assert shown["Held out", "Perplexity"] == ["vq_vae/val/perplexity"]
    assert shown["Held out", "Nats a code"] == NAMES[:1] + NAMES[2:3]
    assert shown["Held out", "Bits a quarter"] == ["val/bits_per_quarter"]
    assert len(shown["Held out", "F1 of cells, onsets and notes"]) == 3


@pytest.fixture
def sparsity():
    yield register(MetricSpec(name="sparsity", title="Sparsity", chart="Sparsity"))
    del METRICS["sparsity"]


def test_a_registered_metric_brings_its_chart(sparsity):
    (tag,) = chart_tags()["Held out"]["Sparsity"]
    assert re.search(tag, "my_stage/val/sparsity")
    assert not re.search(tag, "my_stage/val/sparsity_loss")


def test_two_runs_give_the_same_charts(tmp_path: Path):
    layouts = []
    for run in ("a", "b"):
        logger = TensorBoardLogger(tmp_path / run, name="", version="tensorboard")
        log_layout([logger])
        logger.finalize("success")
        layouts.append(read_layout(tmp_path / run / "tensorboard"))
    assert layouts[0] == layouts[1]
