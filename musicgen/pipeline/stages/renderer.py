"""Train the renderer: how the notes of the pieces were played."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from musicgen.checkpoint import Network
from musicgen.data.batches.notes import NoteBatch, NoteDataModule, PieceNotes, read_played
from musicgen.data.catalogue.pieces import distinct
from musicgen.data.prepare import Prepared
from musicgen.generation.asking.labelling import FieldValues, names_of
from musicgen.generation.rendering import load_renderer, renderer_labels
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.renderer.network import Renderer
from musicgen.music.expression.attributes import ATTRIBUTES
from musicgen.music.expression.features import FEATURES
from musicgen.music.grid import Grid, PlayedGrid, ticks_of
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.stage import Stages
from musicgen.training.modules.renderer_module import RendererModule

_NOTES_PER_QUARTER = 5  # about, to estimate updates


@dataclass(kw_only=True)
class RendererStage(NetworkStage):
    """Train a renderer on the performances of the training pieces.

    Attributes:
        grid: The run's grid; its notes are what the renderer plays.
        window_notes: Notes per training window.
        fields: What the renderer is told of a piece, `composer` or `era`; others are left out.
    """

    grid: Grid
    window_notes: int = 128
    fields: Sequence[str] = ()
    title: str = "Renderer"
    monitor: str = "renderer/val/nats_per_note"
    network: Renderer = field(init=False, repr=False)

    def build(self, stages: Stages) -> None:
        """Build the renderer, for now without names."""
        self._make()

    def observe(self, prepared: Prepared) -> None:
        """Let the conditioner know the names of the training pieces."""
        conditioner = self.network.conditioner
        if isinstance(conditioner, LabelConditioner):
            names = names_of(prepared.splits["train"].pieces, conditioner.fields)
            values = FieldValues(names, edges=[[] for _ in names])
            self._make(self.with_initial_values(values, conditioner.fields).names)

    def _make(self, names: Sequence[Sequence[str]] | None = None) -> None:
        """Build the network for the grid and the names of what it is told."""
        known = [name for name in self.fields if name in ("composer", "era")]
        arguments: dict[str, Any] = {
            "num_features": len(FEATURES),
            "sizes": list(ATTRIBUTES.values()),
            "ticks": ticks_of(self.grid),
        }
        if known:
            kind = f"{LabelConditioner.__module__}.{LabelConditioner.__qualname__}"
            arguments["conditioner"] = {
                "_target_": kind,
                "fields": known,
                "width": self.settings["network"]["width"],
                "names": names,
            }
        self.rebuild(**arguments)

    def refusal(self, stages: Stages) -> str:
        """Return why the grid's notes cannot be compared with those played; empty if they can."""
        if isinstance(self.grid, PlayedGrid):
            return ""
        name = type(self.grid).__name__
        return f"{name} does not tell when its notes were played; use grid=clock or grid=beats"

    def module(self, run: RunContext | None) -> RendererModule:
        """Build the Lightning module around the network."""
        return RendererModule(self.network, optimizer=self.optimizer, scheduler=self.scheduler)

    def data(self, run: RunContext) -> pl.LightningDataModule:
        """Build batches of windows of notes.

        Raises:
            ValueError: The training pieces have one velocity, as scores do.
        """
        assert isinstance(self.grid, PlayedGrid), "a stage that is refused has no data"
        notes = {}
        for name in ("train", "val"):
            pieces = run.prepared.splits[name].pieces
            played = read_played(pieces, self.grid, description=f"Reading how {name} pieces are played")
            notes[name] = PieceNotes.of(
                played, labels=renderer_labels(self.network, [(p.composer, p.era) for p in distinct(pieces)])
            )
        if len(np.unique(notes["train"].classes[:, 0])) < 2:
            raise ValueError(
                f"all {len(notes['train'].classes):,} training notes are equally loud: scores, which nobody "
                "played; leave renderer out of stages, or choose performances such as data=giantmidi"
            )
        return NoteDataModule(
            notes,
            batch_size=self.batch_size,
            window_notes=self.window_notes,
            seed=run.seed,
            updates_per_epoch=self.updates_per_epoch,
        )

    def build_batch(self) -> NoteBatch:
        """Make a batch of windows of random notes."""
        shape = (self.batch_size, self.window_notes)
        classes = torch.stack([torch.randint(0, size, shape) for size in self.network.sizes], dim=-1)
        mask = torch.ones_like(classes, dtype=torch.bool)
        return NoteBatch(torch.randn(*shape, len(FEATURES)), before=classes, classes=classes, mask=mask)

    def count_samples(self, train_quarters: int) -> int:
        """Estimate the windows of an epoch from the usual number of notes a quarter."""
        return train_quarters * _NOTES_PER_QUARTER // self.window_notes

    def shape(self) -> dict[str, Any]:
        """Collect the settings that affect the time of an update."""
        return {**super().shape(), "window_notes": self.window_notes}

    def modules(self) -> list[str]:
        """Names of the modules whose code affects the result, including how notes are described."""
        return [*super().modules(), read_played.__module__]

    def load(self, run: RunContext) -> Network[Renderer]:
        """Read the trained renderer."""
        return load_renderer(run.folder)
