"""Rows: the autoencoder's batches, training rate, and how soon it has learnt what the reference learns."""

import time
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import dtype_of, matmul_peak
from benchmarks.measure import Bench, Row, in_turn, row_of, seconds, synchronize
from benchmarks.music import prepared
from benchmarks.reference_autoencoder import ReferenceAutoencoder, ReferenceTraining
from benchmarks.training import RUN_EPOCHS, VQ_VAE_BATCH, seconds_an_update, trainer, vq_vae
from musicgen.data.store.packed import PackedPieces
from musicgen.training.modules.autoencoder_module import AutoencoderModule
from musicgen.training.trainer import fastest_precision

_HELD_OUT = 1024  # slices, for the metrics that are taken again and again while training
_SEEDS = 5  # trainings in each number type
_LOOK_EVERY = 2  # updates between two looks at the held-out metric


def cache_batches(bench: Bench) -> list[Row]:
    """Fetch shuffled batches from the mapped cache, against the rate at which training takes them."""
    pieces = prepared(bench)
    module, data = vq_vae(pieces, width=bench.size.width)
    data.setup("fit")
    precision = fastest_precision(bench.device)

    def fetch() -> float:
        loader = data.train_dataloader()
        elapsed = seconds(lambda: [None for _ in loader])
        return len(loader) / elapsed

    def train() -> float:
        step = seconds_an_update(
            module, data, steps=bench.size.steps, device=bench.device, precision=precision
        )
        return 1 / step

    rates, training, peak, _ = in_turn(fetch, train, repeats=bench.size.repeats)
    return [
        row_of(
            "cache_batches",
            ours=rates,
            reference=training,
            unit="batches/s",
            mark=20,
            peak_mib=peak,
            note=f"batches of {VQ_VAE_BATCH} shuffled slices; the reference is our own training rate",
        )
    ]


def vq_vae_training(bench: Bench) -> list[Row]:
    """Train through Lightning, against float32 with a fresh iterator a step; also at the default batch."""
    size, device = bench.size, bench.device
    pieces = prepared(bench)
    precision = fastest_precision(device)
    theirs = ReferenceTraining(
        float_slices(pieces.splits["train"]), batch_size=size.reference_batch, device=device, width=size.width
    )
    reference_steps = max(1, size.steps // 4)

    def reference() -> float:
        def work() -> None:
            for _ in range(reference_steps):
                theirs.update()

        return reference_steps * size.reference_batch / seconds(work, device=device)

    flops = flops_a_slice(size.width)
    rows = []
    ways = (("", size.reference_batch, size.steps), ("_default_batch", VQ_VAE_BATCH, 8 * size.steps))
    for name, batch_size, steps in ways:
        module, data = vq_vae(pieces, width=size.width, batch_size=batch_size)
        if device == "cuda":
            module.autoencoder.compile()

        def ours(module=module, data=data, steps=steps, batch_size=batch_size) -> float:
            step = seconds_an_update(module, data, steps=steps, device=device, precision=precision)
            return batch_size / step

        rates, reference_rates, peak, reference_peak = in_turn(ours, reference, repeats=size.repeats)
        share = float(np.median(rates)) * flops / 1e9 / matmul_peak(dtype_of(precision), device=device)
        row = row_of(
            f"vq_vae_training{name}",
            ours=rates,
            reference=reference_rates,
            unit="slices/s",
            mark=2.5 if device == "cpu" and not name else None,
            peak_mib=peak,
            reference_peak_mib=reference_peak,
            note=f"{precision}, batch {batch_size}, {share:.0%} of the matmul peak; "
            f"reference batch {size.reference_batch}; {flops / 1e6:.0f} MFLOP a slice",
        )
        rows.append(row)
    return [*rows, _equal_updates(bench, precision)]


def vq_vae_learning(bench: Bench) -> list[Row]:
    """Train until the held-out BCE is what the reference has after its updates; only training is timed."""
    size, device = bench.size, bench.device
    pieces = prepared(bench)
    held_out = some_slices(pieces.splits["val"])
    theirs = ReferenceTraining(
        float_slices(pieces.splits["train"]), batch_size=size.reference_batch, device=device, width=size.width
    )
    reference_s = seconds(lambda: [theirs.update() for _ in range(size.reference_updates)], device=device)
    target = theirs.held_out_bce(held_out)
    times, updates = [], []
    for _ in range(min(3, size.repeats)):
        module, data = vq_vae(pieces, width=size.width)
        watch = UntilBce(held_out, target=target, device=device)
        precision = fastest_precision(device)
        training = trainer(-1, device=device, precision=precision, callbacks=[watch], max_epochs=RUN_EPOCHS)
        training.fit(module, datamodule=data)
        times.append(watch.seconds)
        updates.append(watch.updates)
    return [
        row_of(
            "vq_vae_learning",
            ours=times,
            reference=[reference_s] * len(times),
            unit="s",
            lower_is_better=True,
            mark=30,
            note=f"held-out BCE {target:.4f}: {int(np.median(updates))} updates of {VQ_VAE_BATCH} against "
            f"{size.reference_updates} of {size.reference_batch}",
        )
    ]


def _equal_updates(bench: Bench, precision: str) -> Row:
    """Compare held-out BCE in the chosen number type and in float32 after equally many updates, by seeds."""
    pieces, num_updates = prepared(bench), bench.size.equal_updates
    held_out = some_slices(pieces.splits["val"])

    def reached(kind: str, seed: int) -> float:
        module, data = vq_vae(pieces, width=bench.size.width, seed=seed)
        trainer(num_updates, device=bench.device, precision=kind, callbacks=[]).fit(module, datamodule=data)
        return held_out_bce(module, held_out)

    seeds = range(min(_SEEDS, bench.size.repeats))
    pairs = [(reached(precision, seed), reached("32-true", seed)) for seed in seeds]
    return row_of(
        "vq_vae_equal_updates",
        ours=[own for own, _ in pairs],
        reference=[theirs for _, theirs in pairs],
        unit="BCE, nats a cell",
        lower_is_better=True,
        note=f"{precision} and float32 after {num_updates} updates of {VQ_VAE_BATCH}, by seeds: "
        + ", ".join(f"{own:.4f}/{theirs:.4f}" for own, theirs in pairs),
    )


class UntilBce(Callback):
    """Stop training at a held-out BCE; the time of looking is not counted.

    Args:
        held_out: Slices, float32 (slices, 1, 88, 32).
        target: BCE to reach.
        device: To wait for.
    """

    def __init__(self, held_out: Tensor, *, target: float, device: str) -> None:
        self.held_out, self.target, self.device = held_out, target, device
        self.seconds, self.updates = 0.0, 0
        self._start = 0.0

    def on_train_batch_start(self, *arguments: Any) -> None:
        """Start the clock."""
        synchronize(self.device)
        self._start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: AutoencoderModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop the clock, and look now and then."""
        synchronize(self.device)
        self.seconds += time.perf_counter() - self._start
        self.updates += 1
        if self.updates % _LOOK_EVERY == 0 and held_out_bce(pl_module, self.held_out) <= self.target:
            trainer.should_stop = True


@torch.no_grad()
def held_out_bce(module: AutoencoderModule, slices: Tensor) -> float:
    """Measure our autoencoder's BCE in float32 on slices (slices, 1, 88, 32)."""
    network = module.autoencoder
    network.eval()
    device = next(network.parameters()).device
    total = 0.0
    with torch.autocast(device.type, enabled=False):
        for part in slices.split(256):
            logits = network.cells.marginal_logits(network(part.to(device)).maps).cpu()
            total += float(functional.binary_cross_entropy_with_logits(logits, part[:, 0])) * len(part)
    network.train()
    return total / len(slices)


def float_slices(pieces: PackedPieces) -> Tensor:
    """Unpack all slices of a split, float32 (slices, 1, 88, 32)."""
    return pieces.gather(np.arange(len(pieces))).float()


def some_slices(pieces: PackedPieces) -> Tensor:
    """Unpack slices spread over a split."""
    index = np.linspace(0, len(pieces) - 1, min(_HELD_OUT, len(pieces))).astype(np.int64)
    return pieces.gather(index).float()


def flops_a_slice(width: int) -> float:
    """Count the operations of a training step on a slice, forward and backward, in FLOP."""
    network, slices = ReferenceAutoencoder(width), torch.zeros(2, 1, 88, 32)
    with FlopCounterMode(display=False) as counter:
        probabilities, _ = network(slices)
        probabilities.sum().backward()
    return counter.get_total_flops() / len(slices)
