"""Rows: training alone, and beside a process that keeps one core busy."""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator

import torch

from benchmarks.measure import Bench, Row, in_turn, row_of
from benchmarks.music import prepared
from benchmarks.training import seconds_an_update, vq_vae
from musicgen.training.threads import ThreadPolicy
from musicgen.training.trainer import fastest_precision


def busy_neighbour(bench: Bench) -> list[Row]:
    """Train with a thread per free core: alone against all threads, beside a neighbour against one."""
    pieces = prepared(bench)
    module, data = vq_vae(pieces, width=bench.size.width)
    data.setup("fit")
    precision = fastest_precision(bench.device)

    def with_threads(choose: Callable[[], int]) -> Callable[[], float]:
        def train() -> float:
            torch.set_num_threads(choose())
            step = seconds_an_update(
                module, data, steps=bench.size.steps, device=bench.device, precision=precision
            )
            return 1 / step

        return train

    free = with_threads(lambda: ThreadPolicy(share=bench.threads).choose().number)
    ways = (("alone", contextlib.nullcontext, bench.threads), ("beside_a_neighbour", _neighbour, 1))
    rows = []
    for name, company, threads in ways:
        with company():
            rates, reference, peak, _ = in_turn(
                free, with_threads(lambda threads=threads: threads), repeats=bench.size.repeats
            )
        rows.append(
            row_of(
                f"busy_neighbour_{name}",
                ours=rates,
                reference=reference,
                unit="updates/s",
                mark=0.9,
                peak_mib=peak,
                note=f"VQ-VAE, a thread per free core; threads of the reference: {threads}",
            )
        )
    torch.set_num_threads(bench.threads)
    return rows


@contextlib.contextmanager
def _neighbour() -> Iterator[None]:
    """Keep one core busy while the block runs."""
    process = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _spin() -> None:
    while True:
        pass
