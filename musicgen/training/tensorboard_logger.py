"""TensorBoard logger that explains its charts and drops Lightning's `epoch` scalar."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from musicgen.measure.spec import metric


class TensorBoardWithoutEpoch(TensorBoardLogger):
    """Write Lightning's metrics but for `epoch`, each with what the table of metrics says of it.

    Lightning adds `epoch` to all that is logged, by the updates of whichever stage is trained, so that a run
    of two stages draws a zigzag; `vq_vae/epoch` and `transformer/epoch` say the same a stage.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._explained: set[str] = set()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write metrics by name at a step."""
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

        scalars = SummaryMetadata.PluginData(plugin_name="scalars")
        for name, value in metrics.items():
            if name == "epoch":
                continue
            about = None
            if name not in self._explained:
                self._explained.add(name)
                about = SummaryMetadata(summary_description=_description(name), plugin_data=scalars)
            point = Summary.Value(tag=name, simple_value=float(value), metadata=about)
            self.experiment._get_file_writer().add_summary(Summary(value=[point]), step)


def _description(name: str) -> str:
    described = metric(name)
    return f"**{described.title}** {described.arrow} {described.explanation}".strip()
