"""Measure the speed of everything against reference implementations, in one run on this machine.

    python scripts/benchmark.py json=FILE
    python scripts/benchmark.py quick=true                       # under three minutes, smaller settings
    python scripts/benchmark.py only=read_cut,generation threads=1
    python scripts/benchmark.py markdown=docs/lab/benchmark.md       # the page in the documentation

Every row has its ratio from measurements taken in turn, ours and the reference's. Runs on the CPU, and
then on a GPU where there is one (rows that end in _cuda).
"""

import json
import logging
import multiprocessing
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
from benchmarks.generation import generation
from benchmarks.machine import describe
from benchmarks.measure import SIZES, Bench, Row
from benchmarks.music import pieces_folder
from benchmarks.neighbour import busy_neighbour
from benchmarks.page import write_page
from benchmarks.prior import transformer_training
from benchmarks.reading import read_cut
from benchmarks.startup import cold_start, start_up
from benchmarks.table import text_table
from benchmarks.vq_vae import cache_batches, vq_vae_learning, vq_vae_training

ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "read_cut": read_cut,
    "cache_batches": cache_batches,
    "vq_vae_training": vq_vae_training,
    "vq_vae_learning": vq_vae_learning,
    "transformer_training": transformer_training,
    "generation": generation,
    "start_up": start_up,
    "cold_start": cold_start,
    "busy_neighbour": busy_neighbour,
}
ON_A_GPU = ("vq_vae_training", "vq_vae_learning", "transformer_training", "generation")
OPTIONS = {"json": "", "markdown": "", "quick": "false", "only": "", "threads": ""}


def main(arguments: list[str]) -> None:
    """Measure, print the table, and write what was asked for."""
    options = read_options(arguments)
    threads = int(options["threads"] or torch.get_num_threads())
    size = SIZES["quick" if options["quick"] == "true" else "full"]
    names = options["only"].split(",") if options["only"] else list(ROWS)
    machine = describe(threads=threads)
    print(f"{machine}\n{size.name} settings", flush=True)
    rows = []
    with pieces_folder() as (root, source), tempfile.TemporaryDirectory(prefix="musicgen-bench-") as cache:
        print(f"Pieces: {source}\n", flush=True)
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            bench = Bench(size, device, threads, root, Path(cache))
            for name in names if device == "cpu" else [name for name in names if name in ON_A_GPU]:
                rows += in_own_process(name, bench)
                print(f"  {name} on {device}", file=sys.stderr, flush=True)
    print(text_table(rows))
    if options["json"]:
        metrics = {row.name: row.as_json() for row in rows}
        Path(options["json"]).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    if options["markdown"]:
        write_page(Path(options["markdown"]), rows, machine=machine, source=source, arguments=arguments)


def read_options(arguments: list[str]) -> dict[str, str]:
    """Read `key=value` arguments.

    Raises:
        SystemExit: One is unknown; names those there are.
    """
    given = {argument.partition("=")[0]: argument.partition("=")[2] for argument in arguments}
    unknown = set(given) - set(OPTIONS)
    options = {**OPTIONS, **given}
    rows = {name for name in options["only"].split(",") if name} - set(ROWS)
    if unknown or rows or options["quick"] not in ("true", "false"):
        sys.exit(
            f"{__doc__}\nUnknown: {', '.join(sorted(unknown | rows)) or 'quick=' + options['quick']}. "
            f"Options: {', '.join(OPTIONS)}. Rows: {', '.join(ROWS)}"
        )
    return options


def in_own_process(name: str, bench: Bench) -> list[Row]:
    """Measure a row in a process of its own, so that its peak of memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        rows = pool.submit(measured, name, bench).result()
    return rows if bench.device == "cpu" else [replace(row, name=f"{row.name}_cuda") for row in rows]


def measured(name: str, bench: Bench) -> list[Row]:
    """Measure a row in this process."""
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(bench.threads)
    return ROWS[name](bench)


if __name__ == "__main__":
    main(sys.argv[1:])
