"""What trainer overrides do: accumulation, clipping and number types, a step each, on both networks."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from musicgen.checkpoint import Network
from musicgen.data.catalogue.piece_filter import PieceFilter
from musicgen.data.prepare import Prepared, prepare
from musicgen.data.sources.folder import Folder
from musicgen.generation.tokenize import encode_pieces
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer
from musicgen.music.grid import ClockGrid
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.stages.autoencoder import AutoencoderStage
from musicgen.pipeline.stages.prior import PriorStage
from musicgen.pipeline.status import StatusFile
from musicgen.training.optim import OptimizerFactory, constant
from musicgen.training.trainer import fastest_precision

STAGES = ["vq_vae", "transformer"]


@pytest.fixture(scope="module")
def pieces(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    cache = tmp_path_factory.mktemp("cache")
    return prepare(
        Folder(midi_folder),
        ClockGrid(),
        choice=PieceFilter(),
        cache_dir=cache,
        val_fraction=0.25,
        progress=False,
    )


def training(stage: str, pieces: Prepared) -> tuple[NetworkStage, RunContext]:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(num_embeddings=8, embedding_dim=8)
    autoencoder = ConvolutionalAutoencoder(
        quantizer, num_hiddens=8, num_residual_layers=1, num_residual_hiddens=4
    )
    prior = Transformer(vocabulary=autoencoder.vocabulary, num_layers=1, num_heads=2, width=16, dropout=0.0)
    how: dict[str, Any] = {"optimizer": partial(torch.optim.SGD, lr=0.5), "scheduler": constant}
    how |= {"max_epochs": 1, "batch_size": 4}
    stages = {
        "vq_vae": AutoencoderStage(name="vq_vae", make_network=lambda: autoencoder, **how),
        "transformer": PriorStage(
            name="transformer",
            make_network=lambda vocabulary: prior,
            window_quarters=4,
            hop_quarters=4,
            **how,
        ),
    }
    for one in stages.values():
        one.build(stages)
    run = RunContext(
        folder=Path(), prepared=pieces, grid_config={}, seed=0, stages=stages, make_trainer=pl.Trainer,
        make_callbacks=list, loggers=[], status=StatusFile(None), environment={},
    )  # fmt: skip
    if stage == "transformer":
        run._networks["vq_vae"] = Network(autoencoder.eval(), description={}, metrics={}, path=Path())
        codes = {name: encode_pieces(autoencoder, packed) for name, packed in pieces.splits.items()}
        run.__dict__["codes"] = codes
    stages[stage].initialise(run)
    return stages[stage], run


class Watch(pl.Callback):
    """Note the number type of the loss and the length of each update."""

    def __init__(self) -> None:
        self.updates, self.before = [], None

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        self.before = [parameter.detach().clone() for parameter in pl_module.parameters()]

    def on_before_zero_grad(self, trainer, pl_module, optimizer) -> None:
        if self.before is not None:
            now = list(pl_module.parameters())
            moved = [(a.detach() - b).square().sum() for a, b in zip(now, self.before, strict=True)]
            self.updates.append(float(torch.stack(moved).sum().sqrt()))
            self.before = None


def fit(
    stage: str,
    pieces: Prepared,
    *,
    accelerator: str = "cpu",
    optimizer: OptimizerFactory | None = None,
    **overrides,
) -> tuple[pl.Trainer, Watch]:
    (made, run), watch = training(stage, pieces), Watch()
    made.optimizer = optimizer or made.optimizer
    module = made.module(run)
    trainer = pl.Trainer(
        accelerator=accelerator,
        max_epochs=1,
        limit_train_batches=4,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        callbacks=[watch],
        **overrides,
    )
    trainer.fit(module, datamodule=made.data(run))
    assert all(torch.isfinite(parameter).all() for parameter in module.parameters())
    assert torch.isfinite(trainer.callback_metrics[made.monitor])
    return trainer, watch


@pytest.mark.parametrize("stage", STAGES)
def test_gradients_of_several_batches_make_one_update(pieces: Prepared, stage: str):
    trainer, watch = fit(stage, pieces, accumulate_grad_batches=2)
    assert trainer.global_step == 2
    assert len(watch.updates) >= 1
    assert min(watch.updates) > 0


@pytest.mark.parametrize("stage", STAGES)
def test_no_update_is_longer_than_the_clipped_gradient(pieces: Prepared, stage: str):
    free = fit(stage, pieces)[1].updates
    clipped = fit(stage, pieces, gradient_clip_val=1e-3)[1].updates
    assert max(free) > 0.5 * 1.1e-3
    assert max(clipped) <= 0.5 * 1.001e-3
    assert min(clipped) > 0


def test_gradients_are_clipped_in_half_precision_where_the_optimizer_is_fused(pieces: Prepared):
    how: dict[str, Any] = {"precision": "bf16-mixed", "gradient_clip_val": 1e-3}
    adam = partial(torch.optim.Adam, lr=1e-3, fused=True)
    _, watch = fit("vq_vae", pieces, optimizer=adam, **how)
    assert min(watch.updates) > 0


@pytest.mark.parametrize("stage", STAGES)
def test_half_precision_trains_near_to_full(pieces: Prepared, stage: str):
    full = fit(stage, pieces)[0].callback_metrics
    half = fit(stage, pieces, precision="bf16-mixed")[0].callback_metrics
    name = "vq_vae/val/bce" if stage == "vq_vae" else "transformer/val/nats_per_code"
    assert float(half[name]) == pytest.approx(float(full[name]), rel=0.02)
    assert float(half[name]) != float(full[name])


@pytest.mark.parametrize("stage", STAGES)
def test_fp16_is_bf16_on_a_cpu_and_fp16_on_a_gpu(pieces: Prepared, stage: str):
    if torch.cuda.is_available():
        fit(stage, pieces, precision="16-mixed", accelerator="gpu")
    else:
        with pytest.warns(UserWarning, match="fp16 is not supported on CPU"):
            trainer, _ = fit(stage, pieces, precision="16-mixed")
        assert trainer.precision == "bf16-mixed"


@pytest.mark.parametrize(("capability", "precision"), [("AVX512", "bf16-mixed"), ("AVX2", "32-true")])
def test_bf16_is_chosen_only_where_pytorch_may_use_it(
    monkeypatch: pytest.MonkeyPatch, capability: str, precision: str
):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert fastest_precision("cpu") == precision
