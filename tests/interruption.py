"""What a test can order to happen in a run: a power cut, a note from each rank."""

import json
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback


class PowerCut(Callback):
    """Raise in the middle of an epoch of one stage."""

    def __init__(self, stage: str, epoch: int) -> None:
        self.stage, self.epoch = stage, epoch

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *rest: object) -> None:
        if pl_module.stage == self.stage and trainer.current_epoch == self.epoch:
            raise RuntimeError("power cut")


class NoteOfRank(Callback):
    """Leave what a rank has at the end of a stage beside the run folder: its codebook and its metrics."""

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        tensors = dict(pl_module.named_buffers())
        codebook = tensors.get("autoencoder.bottleneck.codebook")
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        note = {"codebook": None if codebook is None else codebook.tolist(), "metrics": metrics}
        folder = Path(trainer.default_root_dir).parent
        (folder / f"{pl_module.stage}-{trainer.global_rank}.json").write_text(json.dumps(note))
