"""TensorBoard without the curve that is none."""

from collections.abc import Mapping

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only


class TensorBoardWithoutEpoch(TensorBoardLogger):
    """Write Lightning's metrics but for `epoch`.

    Lightning adds it to all that is logged, by the updates of whichever stage is trained, so that a run of
    two stages draws a zigzag; `vq_vae/epoch` and `transformer/epoch` say the same a stage.
    """

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write metrics by name at a step."""
        kept = {name: value for name, value in metrics.items() if name != "epoch"}
        if kept:
            super().log_metrics(kept, step)
