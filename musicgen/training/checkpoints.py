"""Checkpoints of a stage: saving, loading and resuming."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.plugins.io import CheckpointIO

from musicgen.checkpoint import read_checkpoint
from musicgen.tensors import write_tensors
from musicgen.training.stage_logs import log_position

_PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")


class WholeCheckpoints(CheckpointIO):
    """Write checkpoints atomically; read tensors and plain values only.

    Lightning writes to the system's temporary folder, from which a move to another disk is not atomic, and
    does not flush to disk.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint atomically."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_tensors(checkpoint, path)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Callable | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint on the CPU, always with `weights_only=True`."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint if it exists."""
        Path(path).unlink(missing_ok=True)


class StageCheckpoint(ModelCheckpoint):
    """Keep the best and the last state of a stage: `STAGE.ckpt` and `STAGE-last.ckpt`.

    Args:
        folder: Folder of the checkpoints.
        stage: `vq_vae`, `transformer` or `style`.
        monitor: Held-out metric of the best state; lower is better. None to keep the last.
        description: Plain dictionary stored in the file: config, version, commit, fingerprints.

    Files are written atomically and cannot contain code.
    """

    def __init__(self, folder: Path, *, stage: str, monitor: str | None, description: dict[str, Any]) -> None:
        self.CHECKPOINT_NAME_LAST = f"{stage}-last"
        super().__init__(
            dirpath=folder,
            filename=stage,
            monitor=monitor,
            mode="min",
            save_last=True,
            save_on_train_epoch_end=True,  # after the training metrics of the epoch are known
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self.stage = stage
        self.description = description

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Install `WholeCheckpoints` in the trainer's strategy."""
        super().setup(trainer, pl_module, stage)
        trainer.strategy.checkpoint_io = WholeCheckpoints()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best metric, with paths adapted if the run folder was moved or copied."""

        def in_folder(path: str) -> str:
            return str(Path(str(self.dirpath), Path(path).name)) if path else path

        moved = {name: in_folder(state_dict[name]) for name in _PATHS if name in state_dict}
        best = {in_folder(path): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": best, "dirpath": self.dirpath})

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Add the description, the epoch's metrics and the log positions to the checkpoint."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        checkpoint["musicgen"] = {**self.description, "metrics": metrics}
        if trainer.is_global_zero:
            run = Path(str(self.dirpath)).parent
            checkpoint["logs"] = log_position(trainer.loggers, run, self.stage)


class RandomState(Callback):
    """Save PyTorch's random state with a checkpoint, so that a resumed run draws the same numbers."""

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Add the states of the CPU and of all CUDA devices to the checkpoint."""
        checkpoint["random_state"] = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Hold the states until training starts, as the setup in between draws numbers."""
        self._loaded = checkpoint.get("random_state")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the loaded states."""
        loaded = getattr(self, "_loaded", None)
        if loaded is None:
            return
        torch.set_rng_state(loaded["cpu"].cpu())
        if len(loaded["cuda"]) == torch.cuda.device_count() > 0:
            torch.cuda.set_rng_state_all([state.cpu() for state in loaded["cuda"]])
