"""Row: the transformer's training rate."""

import numpy as np
import torch
from hydra.utils import instantiate
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import dtype_of, matmul_peak
from benchmarks.measure import Bench, Row, in_turn, row_of, seconds
from benchmarks.reference_transformer import WINDOW, ReferenceGpt, train_step
from benchmarks.training import DEFAULTS, TRANSFORMER_BATCH, seconds_an_update
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.batches.datamodule import CodeDataModule
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.flat import Transformer
from musicgen.training.modules.prior_module import PriorModule
from musicgen.training.trainer import fastest_precision

_QUARTERS = 12
_SHAPES = {"cpu": (4, 8, 128), "cuda": (12, 12, 768)}  # layers, heads, width


def transformer_training(bench: Bench) -> list[Row]:
    """Train at the default settings through Lightning, against attention step by step in float32."""
    size, device = bench.size, bench.device
    layers, heads, width = _SHAPES[device] if size.name != "tiny" else (1, 2, 16)
    precision = fastest_precision(device)
    torch.manual_seed(0)
    network = Transformer(vocabulary=Vocabulary(16, 1, 16), num_layers=layers, num_heads=heads, width=width)
    flops = flops_a_token(network)
    if device == "cuda":
        network.compile()
    module, data = training_of(network)
    theirs = ReferenceGpt(num_layers=layers, num_heads=heads, width=width).to(device)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3)
    codes = torch.randint(16, (size.reference_windows, WINDOW + 1), device=device)
    reference_steps = max(1, size.steps // 8)

    def ours() -> float:
        step = seconds_an_update(module, data, steps=size.steps, device=device, precision=precision)
        return TRANSFORMER_BATCH * WINDOW / step

    def reference() -> float:
        def work() -> None:
            for _ in range(reference_steps):
                train_step(theirs, optimizer, codes)

        return reference_steps * codes[:, 1:].numel() / seconds(work, device=device)

    rates, reference_rates, peak, reference_peak = in_turn(ours, reference, repeats=size.repeats)
    share = float(np.median(rates)) * flops / 1e9 / matmul_peak(dtype_of(precision), device=device)
    return [
        row_of(
            "transformer_training",
            ours=rates,
            reference=reference_rates,
            unit="tokens/s",
            mark=2 if device == "cpu" else None,
            peak_mib=peak,
            reference_peak_mib=reference_peak,
            note=f"{layers} layers of {width}, {precision}, batch {TRANSFORMER_BATCH}, "
            f"{share:.0%} of the matmul peak; reference batch {size.reference_windows}",
        )
    ]


def training_of(network: Transformer) -> tuple[PriorModule, CodeDataModule]:
    """Put a transformer into training on random codes: the rate does not depend on what they are."""
    random = np.random.default_rng(0)
    lengths = np.full(40, 100)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    codes = PieceCodes(random.integers(0, 16, (int(starts[-1]), 16)).astype(np.uint16), starts)
    module = PriorModule(
        network,
        optimizer=instantiate(DEFAULTS.optimizer.transformer),
        scheduler=instantiate(DEFAULTS.scheduler.transformer),
        codes_per_quarter=16,
        decoder_bits=0.0,
    )
    data = CodeDataModule(
        {"train": codes, "val": codes},
        batch_size=TRANSFORMER_BATCH,
        window_quarters=_QUARTERS,
        start_token=network.start_token,
    )
    return module, data


def flops_a_token(network: Transformer) -> float:
    """Count the operations of a training step on a token, forward and backward, in FLOP."""
    codes = torch.zeros(1, WINDOW, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        network(codes).sum().backward()
    network.zero_grad()
    return counter.get_total_flops() / WINDOW
