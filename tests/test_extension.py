"""New ideas without a change to the package: a class and a yaml file for each kind.

The classes are in this module, the yaml files in a temporary search path.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Bool, Float, Int, Shaped
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn
from torch.nn import functional

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.models.bottlenecks.base import (
    Bottleneck,
    BottleneckOutput,
    CodePattern,
    DiscreteBottleneck,
    Vocabulary,
)
from musicgen.models.cells.base import CellLoss, CellModel, DrawnCells, cell_bce, log_odds, pack_cells
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.priors.base import Prior
from musicgen.music.notes import Performance
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.stage import Stage


class Halved(Bottleneck):
    """A bottleneck without codes: latents at half their size."""

    def __init__(self, *, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        loss = 0.01 * latents.float().square().mean()
        return BottleneckOutput(
            latents=latents.float() / 2, codes=None, loss=loss, metrics={"latent_power": loss.detach()}
        )


class TwoSigns(DiscreteBottleneck):
    """Two codebooks of two codes: the signs of the first two channels of each latent."""

    def __init__(self, *, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.size = nn.Parameter(torch.ones(2))

    def forward(self, latents: Float[Tensor, "batch dim h w"]) -> BottleneckOutput:
        codes = self.encode(latents)
        height, width = latents.shape[2:]
        chosen = self.lookup(codes).view(len(latents), height, width, -1).permute(0, 3, 1, 2)
        return BottleneckOutput(
            latents=latents.float() + (chosen - latents.float()).detach() + (chosen - chosen.detach()),
            codes=codes,
            loss=functional.mse_loss(latents.float(), chosen.detach()),
        )

    def encode(self, latents: Float[Tensor, "batch dim h w"]) -> Int[Tensor, "batch positions codebooks"]:
        return (latents[:, :2] > 0).long().flatten(2).transpose(1, 2)

    def lookup(self, codes: Int[Tensor, "batch positions codebooks"]) -> Float[Tensor, "batch positions dim"]:
        signs = self.size * (2.0 * codes - 1.0)
        return functional.pad(signs, (0, self.embedding_dim - 2))

    def vocabulary(self, *, positions: int) -> Vocabulary:
        return Vocabulary(positions=positions, codebooks=2, size=2)


class BackwardPattern(CodePattern):
    """From the highest position down."""

    def order(self, *, positions: int, codebooks: int) -> list[int]:
        return list(reversed(range(positions * codebooks)))


class FocalCells(CellModel):
    """Independent cells whose loss looks at the hard ones (Lin et al. 2017, equation 5)."""

    channels = maps = 1

    def __init__(self, *, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def loss(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
        progress: float = 1.0,
    ) -> CellLoss:
        logits, cells = maps[:, 0].float(), slices[:, 0].float()
        nats = functional.binary_cross_entropy_with_logits(logits, cells, reduction="none")
        focal = ((1 - torch.exp(-nats)) ** self.gamma * nats).mean()
        return CellLoss(total=focal, metrics={"bce": cell_bce(logits, cells), "focal": focal.detach()})

    def cell_nats(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        slices: Shaped[Tensor, "batch channels pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        logits, cells = maps[:, 0].float(), slices[:, 0].float()
        return functional.binary_cross_entropy_with_logits(logits, cells, reduction="none")

    def marginal_logits(
        self,
        maps: Float[Tensor, "batch maps pitches ticks"],
        *,
        before: Shaped[Tensor, "batch pitches"] | None = None,
    ) -> Float[Tensor, "batch pitches ticks"]:
        return maps[:, 0].float()

    def draw(
        self,
        evidence: Shaped[Tensor, "quarters ..."],
        *,
        before: Bool[np.ndarray, " pitches"] | None = None,
        generator: torch.Generator | None = None,
    ) -> DrawnCells:
        return DrawnCells(packed=pack_cells(evidence[:, 0] > 0).numpy().view(np.uint32), onsets=None)

    def output_bias(self, densities: Sequence[float]) -> Float[Tensor, " maps"]:
        return torch.tensor([log_odds(densities[0])])


class Louder(Conditioner):
    """A condition that has learned one vector for every piece."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.ones(1, 1, width))

    def forward(
        self, labels: Int[Tensor, "batch quarters fields"] | None
    ) -> Float[Tensor, "batch quarters width"] | None:
        return self.vector


@dataclass
class Length:
    length: int = 0

    def clear(self) -> None:
        self.length = 0


class Bigram(Prior):
    """A prior that sees the code before alone."""

    def __init__(
        self, *, vocabulary: Vocabulary, conditioner: Conditioner, width: int, context_quarters: int
    ) -> None:
        super().__init__(
            vocabulary=vocabulary,
            conditioner=conditioner,
            context_quarters=context_quarters,
            max_positions=None,
            start_token=True,
        )
        self.embedding = nn.Embedding(self.num_inputs, width)
        self.head = nn.Linear(width, vocabulary.size)

    def forward(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: Length | None = None,
        *,
        labels: Int[Tensor, "batch quarters fields"] | None = None,
    ) -> Float[Tensor, "batch positions vocab"]:
        past = 0 if cache is None else cache.length
        end = self.end_of_input(codes, cache)
        if cache is not None:
            cache.length = end
        condition = self.conditioner(labels)
        return self.head(self.embedding(self.input_numbers(codes, past=past)) + condition)

    def new_cache(self, batch: int) -> Length:
        return Length()


@dataclass(kw_only=True)
class CountCodes(Stage):
    """A stage between autoencoder and prior: how often each code occurs."""

    needs: Sequence[str] = ("vq_vae",)

    def run(self, run: RunContext, checkpoint: Path | None) -> None:
        counts = np.bincount(run.codes["train"].codes.flatten(), minlength=2)
        (run.folder / "counts.json").write_text(json.dumps(counts.tolist()))


def top_pitch(performance: Performance) -> float:
    return float(performance.pitch.max()) if len(performance) else float("nan")


HERE = "tests.test_extension"
YAMLS = {
    "bottleneck/halved": f"# @package _global_\nbottleneck: {{_target_: {HERE}.Halved, embedding_dim: 32}}",
    "bottleneck/signs": f"# @package _global_\nbottleneck: {{_target_: {HERE}.TwoSigns, embedding_dim: 32}}",
    "pattern/backward": f"_target_: {HERE}.BackwardPattern",
    "cells/focal": f"_target_: {HERE}.FocalCells\ngamma: 1.0",
    "transformer/bigram": f"_target_: {HERE}.Bigram\nwidth: 16\n"
    "context_quarters: ${windows.window_quarters}\n"
    f"conditioner: {{_target_: {HERE}.Louder, width: 16}}",
    "stage/count": f"_target_: {HERE}.CountCodes\ntitle: Code counts",
    "own_metrics/top": "top_pitch:\n  _target_: musicgen.measure.metric_spec.MetricSpec\n  name: top_pitch\n"
    "  title: Highest note\n  better: closer\n  meaning: The highest note of a piece.\n"
    f"  measure: {{_target_: hydra.utils.get_method, path: {HERE}.top_pitch}}",
}
TINY = ["max_epochs.vq_vae=3", "data.val_fraction=0.25", "generate.num_quarters=8"]


@pytest.fixture
def own(tmp_path: Path) -> str:
    """Write the yaml files, and give the setting that lets Hydra find them."""
    for name, text in YAMLS.items():
        path = tmp_path / "theirs" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return f"hydra.searchpath=[file://{tmp_path / 'theirs'}]"


def small(tiny: list[str]) -> list[str]:
    """Leave out the settings of networks that are not those of the package."""
    return [
        setting for setting in tiny if not setting.startswith(("quantizer.", "transformer.", "max_epochs."))
    ]


@pytest.mark.slow
def test_a_bottleneck_without_codes_trains_and_its_prior_is_refused(musicgen, tiny, tmp_path, own):
    done = musicgen(
        "train", *small(tiny), *TINY, own, "bottleneck=halved", f"hydra.run.dir={tmp_path / 'run'}"
    )
    assert "Halved has no codes" in done.stdout + done.stderr
    network = load_autoencoder(tmp_path / "run")
    assert isinstance(network.module.bottleneck, Halved)
    assert network.metrics["vq_vae/train/latent_power"] > 0


@pytest.mark.slow
def test_codebooks_pattern_cells_prior_condition_stage_and_metric_of_ones_own(musicgen, tiny, tmp_path, own):
    run = tmp_path / "runs" / "run"
    settings = [
        *small(tiny),
        *TINY,
        own,
        *("bottleneck=signs", "pattern=backward", "cells=focal", "transformer=bigram", "own_metrics=top"),
        *("+stage@stage.count=count", "stages=[vq_vae,count,transformer,generate,evaluate]"),
        f"hydra.run.dir={run}",
    ]
    cut = "+callbacks.cut={_target_: tests.interruption.PowerCut, stage: vq_vae, epoch: 1}"
    musicgen("train", *settings, cut, fails=True)
    musicgen("train", *settings, "ckpt_path=last")
    autoencoder = load_autoencoder(run)
    assert isinstance(autoencoder.module.cells, FocalCells)
    assert autoencoder.module.vocabulary == Vocabulary(11, 2, 2, order=tuple(reversed(range(22))))
    prior = load_transformer(run, autoencoder=autoencoder.module).module
    assert isinstance(prior, Bigram)
    assert isinstance(prior.conditioner, Louder)
    assert len(json.loads((run / "counts.json").read_text())) == 2
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["real/top_pitch/mean" if "real/top_pitch/mean" in metrics else "real/top_pitch"] > 60
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    [table] = events.Tensors("metrics/text_summary")
    assert b"Highest note" in table.tensor_proto.string_val[0]
    musicgen("compare", str(run), f"hydra.run.dir={tmp_path / 'comparison'}")
    page = (tmp_path / "comparison" / "comparison.html").read_text()
    assert "top_pitch" in page
