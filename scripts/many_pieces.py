"""Show that preparation takes linear time, and that cache and loader take constant memory.

    GIANTMIDI_ROOT=DIR python scripts/many_pieces.py json=FILE               # 4,000 and 40,000 pieces
    python scripts/many_pieces.py counts=40,400 batches=50                   # the short form

The pieces are those of GIANTMIDI_ROOT (or synthetic ones) under new content by transposition and tempo, in a
temporary folder below TMPDIR. 40,000 pieces need about 22 GB there.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import peak_mib
from benchmarks.music import pieces_folder
from benchmarks.startup import musicgen
from benchmarks.variants import write_variants

OPTIONS = {"counts": "4000,40000", "batches": "2000", "json": ""}
_BATCH = 32


def main(arguments: list[str]) -> None:
    """Measure every count, print what comes out, and the growth from the first to the last."""
    given = {argument.partition("=")[0]: argument.partition("=")[2] for argument in arguments}
    if set(given) - set(OPTIONS):
        sys.exit(f"{__doc__}\nUnknown: {', '.join(set(given) - set(OPTIONS))}. Options: {', '.join(OPTIONS)}")
    options = {**OPTIONS, **given}
    counts = [int(count) for count in options["counts"].split(",")]
    figures = []
    with pieces_folder() as (root, source):
        print(f"Pieces: {source}, transposed and at other tempos", flush=True)
        files = distinct_files(root)
        for count in counts:
            figures.append(measured(files, count=count, batches=int(options["batches"])))
            print(json.dumps(figures[-1]), flush=True)
    first, last = figures[0], figures[-1]
    growth = {key: last[key] / first[key] for key in first}
    print("from first to last, times:", json.dumps({key: round(value, 3) for key, value in growth.items()}))
    if options["json"]:
        Path(options["json"]).write_text(json.dumps({"counts": figures, "growth": growth}, indent=2) + "\n")


def distinct_files(root: Path) -> list[Path]:
    """List MIDI files below a folder, each content once."""
    by_content = {path.read_bytes(): path for path in sorted(root.rglob("*.mid"))}
    return sorted(by_content.values())


def measured(files: list[Path], *, count: int, batches: int) -> dict[str, float]:
    """Make so many pieces, prepare them from nothing and again, and load batches of them."""
    with tempfile.TemporaryDirectory(prefix="musicgen-many-") as temporary:
        folder = Path(temporary)
        write_variants(files, folder / "midi", count=count)
        prepare = [
            "prepare",
            "data=folder",
            f"data.root={folder / 'midi'}",
            f"data.cache_dir={folder / 'cache'}",
            "data.num_workers=1",
            f"hydra.run.dir={folder / 'run'}",
        ]
        cold = run_of(*prepare)
        again = run_of(*prepare)
        loading = json.loads(
            subprocess.run(
                [sys.executable, __file__, "load", str(folder), str(batches)],
                check=True, capture_output=True, text=True,
            ).stdout
        )  # fmt: skip
        summary = json.loads((folder / "run" / "summary.json").read_text())
    return {
        "pieces": summary["pieces"],
        "quarters": summary["quarters"],
        **{f"prepare_{name}": value for name, value in cold.items()},
        **{f"prepare_again_{name}": value for name, value in again.items()},
        **loading,
    }


def run_of(*command: str) -> dict[str, float]:
    """Run a command; give its time on the clock and on the processor, and its peak of memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    elapsed_s, peak = musicgen(*command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"s": round(elapsed_s, 2), "cpu_s": round(cpu_s, 2), "mib": round(peak, 1)}


def load(folder: Path, *, batches: int) -> dict[str, Any]:
    """Fetch shuffled batches of a prepared folder in this process; give the rate and the peak of memory."""
    from musicgen.data.catalogue import Choice
    from musicgen.data.datamodule import MidiDataModule
    from musicgen.data.folder import Folder
    from musicgen.data.prepare import prepare
    from musicgen.music.grid import ClockGrid

    prepared = prepare(
        Folder(folder / "midi", cache_dir=folder / "cache"),
        ClockGrid(),
        choice=Choice(),
        cache_dir=folder / "cache",
        num_workers=1,
        progress=False,
    )
    data = MidiDataModule(prepared, batch_size=_BATCH)
    data.setup("fit")
    start, fetched = time.perf_counter(), 0
    while fetched < batches:
        for _ in data.train_dataloader():
            fetched += 1
            if fetched == batches:
                break
    rate = fetched / (time.perf_counter() - start)
    return {"batches_per_s": round(rate, 1), "load_mib": round(peak_mib(), 1)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["load"]:
        print(json.dumps(load(Path(sys.argv[2]), batches=int(sys.argv[3]))))
    else:
        main(sys.argv[1:])
