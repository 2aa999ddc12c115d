"""Checkpoints of a stage: what is kept, how it is written, how a run goes on from it."""

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
    """Write checkpoints beside their place and move them there; read tensors and plain values only.

    Lightning writes to the system's folder for temporary files, from where another disk is only reached by
    copying, and waits for no disk.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint, whole or not at all."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_tensors(checkpoint, path)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Callable | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint on the CPU, with `weights_only=True` whatever is asked for."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint if it is there."""
        Path(path).unlink(missing_ok=True)


class StageCheckpoint(ModelCheckpoint):
    """Keep the best and the last state of a stage: `STAGE.ckpt` and `STAGE-last.ckpt`.

    Args:
        folder: Where they go.
        stage: `vq_vae`, `transformer` or `style`.
        monitor: The held-out metric that says which is best; lower is better. None keeps the last.
        description: Plain dictionary that travels in the file: config, version, commit, fingerprints.

    Files are written whole or not at all, and read with nothing in them that could run code.
    """

    def __init__(self, folder: Path, *, stage: str, monitor: str | None, description: dict[str, Any]) -> None:
        self.CHECKPOINT_NAME_LAST = f"{stage}-last"
        super().__init__(
            dirpath=folder,
            filename=stage,
            monitor=monitor,
            mode="min",
            save_last=True,
            save_on_train_epoch_end=True,  # when the training metrics of the epoch are known, too
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self.description = description

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Have the trainer write and read checkpoints our way, whatever its strategy."""
        super().setup(trainer, pl_module, stage)
        trainer.strategy.checkpoint_io = WholeCheckpoints()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best metric so far, also where the run folder was moved or copied."""

        def here(path: str) -> str:
            return str(Path(str(self.dirpath), Path(path).name)) if path else path

        moved = {name: here(state_dict[name]) for name in _PATHS if name in state_dict}
        best = {here(path): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": best, "dirpath": self.dirpath})

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Put the description, the epoch's metrics and how far the logs are beside the tensors."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        checkpoint["musicgen"] = {**self.description, "metrics": metrics}
        if trainer.is_global_zero:
            run = Path(str(self.dirpath)).parent
            checkpoint["logs"] = log_position(trainer.loggers, run, self.description["stage"])


class RandomState(Callback):
    """Save PyTorch's random state with a checkpoint, so that a resumed run draws what it would have."""

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Put the states of the CPU and of all CUDA devices into the checkpoint."""
        checkpoint["random_state"] = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict
    ) -> None:
        """Keep the states until training begins: what is set up in between draws numbers, too."""
        self._loaded = checkpoint.get("random_state")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on from the loaded states."""
        loaded = getattr(self, "_loaded", None)
        if loaded is None:
            return
        torch.set_rng_state(loaded["cpu"].cpu())
        if len(loaded["cuda"]) == torch.cuda.device_count() > 0:
            torch.cuda.set_rng_state_all([state.cpu() for state in loaded["cuda"]])
