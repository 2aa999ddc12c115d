"""The charts that TensorBoard is given."""

import re
from pathlib import Path

from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2, metadata

from musicgen.pipeline.charts import CHARTS, log_layout


def read_layout(folder: Path) -> layout_pb2.Layout:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    [event] = events.Tensors(metadata.CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout()
    layout.ParseFromString(event.tensor_proto.string_val[0])
    return layout


def test_each_chart_takes_the_curves_of_its_metric_and_no_others(tmp_path: Path):
    logger = TensorBoardLogger(tmp_path, name="", version="tensorboard")
    log_layout([CSVLogger(tmp_path), logger])
    logger.finalize("success")
    layout = read_layout(tmp_path / "tensorboard")
    assert [category.title for category in layout.category] == list(CHARTS)
    names = {name for charts in CHARTS.values() for curves in charts.values() for name in curves}
    for category in layout.category:
        for chart in category.chart:
            found = [name for name in names if any(re.search(tag, name) for tag in chart.multiline.tag)]
            assert sorted(found) == sorted(CHARTS[category.title][chart.title])


def test_two_runs_give_the_same_charts(tmp_path: Path):
    layouts = []
    for run in ("a", "b"):
        logger = TensorBoardLogger(tmp_path / run, name="", version="tensorboard")
        log_layout([logger])
        logger.finalize("success")
        layouts.append(read_layout(tmp_path / run / "tensorboard"))
    assert layouts[0] == layouts[1]
