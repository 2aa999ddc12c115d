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
from typing import TYPE_CHECKING

from benchmarks.measure import peak_mib
from benchmarks.music import pieces_folder
from benchmarks.startup import musicgen
from benchmarks.variants import write_variants

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from musicgen.data.prepare import Prepared

OPTIONS = {"counts": "4000,40000", "batches": "2000", "json": ""}
SLICES, WINDOWS = 32, 16  # a batch


def main(arguments: list[str]) -> None:
    """Measure every count, print what comes out, and the growth from the first to the last."""
    given = {argument.partition("=")[0]: argument.partition("=")[2] for argument in arguments}
    if set(given) - set(OPTIONS):
        sys.exit(f"{__doc__}\nUnknown: {', '.join(set(given) - set(OPTIONS))}. Options: {', '.join(OPTIONS)}")
    options = {**OPTIONS, **given}
    counts = [int(count) for count in options["counts"].split(",")]
    metrics = []
    with pieces_folder() as (root, source):
        print(f"Pieces: {source}, transposed and at other tempos", flush=True)
        files = distinct_files(root)
        for count in counts:
            metrics.append(measured(files, count=count, batches=int(options["batches"])))
            print(json.dumps(metrics[-1]), flush=True)
    first, last = metrics[0], metrics[-1]
    growth = {key: last[key] / first[key] for key in first}
    print("from first to last, times:", json.dumps({key: round(value, 3) for key, value in growth.items()}))
    if options["json"]:
        Path(options["json"]).write_text(json.dumps({"counts": metrics, "growth": growth}, indent=2) + "\n")


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
        cold = timed(*prepare)
        again = timed(*prepare)
        loading = [loaded(how, folder, batches) for how in LOADERS]
        summary = json.loads((folder / "run" / "summary.json").read_text())
    return {
        "pieces": summary["pieces"],
        "quarters": summary["quarters"],
        **{f"prepare_{name}": value for name, value in cold.items()},
        **{f"prepare_again_{name}": value for name, value in again.items()},
        **{key: value for one in loading for key, value in one.items()},
    }


def timed(*command: str) -> dict[str, float]:
    """Run a command; give its time on the clock and on the processor, and its peak of memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    elapsed_s, peak = musicgen(*command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"s": round(elapsed_s, 2), "cpu_s": round(cpu_s, 2), "mib": round(peak, 1)}


def loaded(how: str, folder: Path, batches: int) -> dict[str, float]:
    """Fetch batches in a process of its own."""
    command = [sys.executable, __file__, how, str(folder), str(batches)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def load_slices(folder: Path, *, batches: int) -> dict[str, float]:
    """Fetch shuffled batches of slices of a prepared folder in this process."""
    from musicgen.data.batches.datamodule import MidiDataModule

    data = MidiDataModule(prepared_again(folder), batch_size=SLICES)
    data.setup("fit")
    return fetched(data, batches, name="slices")


def load_codes(folder: Path, *, batches: int) -> dict[str, float]:
    """Fetch shuffled windows of stand-ins for codes (no network is at hand): bits of 16 pitches."""
    from musicgen.data.batches.datamodule import CodeDataModule
    from musicgen.data.store.code_cache import CodeCache

    prepared, cache = prepared_again(folder), CodeCache(folder / "cache" / "codes", made_by="stand-in")
    codes = {
        name: cache.codes(
            pieces,
            encoder="none",
            num_codes=16,
            encode=lambda pieces=pieces: (packed[:, 32:48] & 15 for packed in pieces.blocks()),
        )
        for name, pieces in prepared.splits.items()
        if name in ("train", "val")
    }
    return fetched(CodeDataModule(codes, batch_size=WINDOWS), batches, name="codes")


def prepared_again(folder: Path) -> "Prepared":
    """Open the packs that the command before has left."""
    from musicgen.data.catalogue.piece_filter import PieceFilter
    from musicgen.data.prepare import prepare
    from musicgen.data.sources.folder import Folder
    from musicgen.music.grid import ClockGrid

    cache = folder / "cache"
    source = Folder(folder / "midi", cache_dir=cache)
    return prepare(source, ClockGrid(), choice=PieceFilter(), cache_dir=cache, num_workers=1, progress=False)


def fetched(data: "pl.LightningDataModule", batches: int, *, name: str) -> dict[str, float]:
    """Give the rate of a loader, pass after pass, and the peak of memory of this process."""
    start, count = time.perf_counter(), 0
    while count < batches:
        for _ in data.train_dataloader():
            count += 1
            if count == batches:
                break
    rate = count / (time.perf_counter() - start)
    return {f"{name}_batches_per_s": round(rate, 1), f"{name}_mib": round(peak_mib(), 1)}


LOADERS = {"slices": load_slices, "codes": load_codes}


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in LOADERS:
        print(json.dumps(LOADERS[sys.argv[1]](Path(sys.argv[2]), batches=int(sys.argv[3]))))
    else:
        main(sys.argv[1:])
