"""TensorBoard logger that drops Lightning's `epoch` scalar and describes metrics."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from musicgen.measure.spec import Metric, metric

CARD_WIDTH_IN = 5.4  # of a picture that its cards show in half its size


class TensorBoardWithoutEpoch(TensorBoardLogger):
    """Write Lightning's metrics except `epoch`, each with its description.

    Lightning logs `epoch` against the updates of the current stage, which is a zigzag for a run of several
    stages; `vq_vae/epoch` and `transformer/epoch` replace it. Headline metrics are repeated in a group that
    TensorBoard shows first.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known: dict[str, Metric] = {}

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write metrics by name at a step."""
        for name, value in metrics.items():
            if name == "epoch":
                continue
            is_new = name not in self._known
            described = self._known.setdefault(name, metric(name))
            for tag in filter(None, [name, described.first_tag]):
                self._write(tag, float(value), step, explanation=_markdown(described) if is_new else "")

    def _write(self, tag: str, value: float, step: int | None, *, explanation: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import (  # pyright: ignore[reportAttributeAccessIssue]
            Summary,  # pyright: ignore[reportAttributeAccessIssue]
            SummaryMetadata,  # pyright: ignore[reportAttributeAccessIssue]
        )

        scalars = SummaryMetadata.PluginData(plugin_name="scalars")
        about = SummaryMetadata(summary_description=explanation, plugin_data=scalars) if explanation else None
        point = Summary.Value(tag=tag, simple_value=value, metadata=about)
        self.experiment._get_file_writer().add_summary(Summary(value=[point]), step)


def _markdown(described: Metric) -> str:
    return f"**{described.title}** {described.arrow} {described.explanation}"
