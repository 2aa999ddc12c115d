"""Measure what starting from a model brings: ten pieces of one composer, from it and from nothing.

python scripts/fine_tuning.py giantmidi-small composer=Liszt epochs=2,10,30 seed=0,1,2 [key=value …]

The ten pieces are ones that the model was not trained on: those of its test split are trained on, those of
its validation split, by which its best epoch was chosen, are held out. The first two arms have the same
networks and the same number of updates, so they take the same time; in the third the prior alone goes on,
over the codes that it knew. The CPU-seconds that each took are in the table. The sweeps are of
`musicgen train`: they are resumed by the same command, and `musicgen compare` shows them.
"""

import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.config.build import build
from musicgen.config.tree import plain, read_run_config
from musicgen.data.catalogue.pieces import Piece, distinct
from musicgen.data.catalogue.splitting import hash_position
from musicgen.data.sources.composers import normalise
from musicgen.files.run_folders import find_run
from musicgen.pipeline.reuse.record import read_records
from musicgen.reports.runs.runs import Run, load_runs

FOLDER = Path("outputs/fine_tuning")
MEASURED = "val/bits_per_quarter"
VAL_FRACTION = 0.1  # so that the split by content hash parts the pieces as the model's did
PIECES = {"test": 7, "val": 3}  # of the model's splits: trained on, held out
ARMS = {  # by sweep: where to start from, what to train
    "sweep": ("null,{model}", "[vq_vae,transformer,evaluate]"),
    "prior": ("{model}", "[transformer,evaluate]"),
}


def held_out_pieces(model: Path, composer: str) -> list[Piece]:
    """List ten pieces of a composer that a model was not trained on.

    Raises:
        ValueError: Its data cannot be found, or it held out too few pieces of this composer.
    """
    config = read_run_config(model / ".hydra" / "config.yaml")
    prepared = prepared_pieces(config, make=lambda named: build(plain(named)))
    found: list[Piece] = []
    for split, count in PIECES.items():
        pieces = distinct(prepared.splits[split].pieces)
        own = [one for one in pieces if normalise(composer) in normalise(one.composer)]
        own = [one for one in own if (hash_position(one.content) < VAL_FRACTION) == (split == "val")]
        if len(own) < count:
            raise ValueError(
                f"composer={composer}: {len(own)} pieces in the model's {split} split, {count} are needed; "
                "choose a composer of more pieces"
            )
        found += own[:count]
    return found


def sweep_command(model: Path, root: Path, settings: Sequence[str], *, name: str = "sweep") -> list[str]:
    """Write the command of a sweep over arms."""
    folder = root.with_name(name)
    start, stages = ARMS[name]
    if (folder / "multirun.yaml").is_file():
        return ["train", f"resume={folder}"]
    data = ["data=folder", f"data.root={root}", f"data.val_fraction={VAL_FRACTION}", "data.test_fraction=0"]
    arms = [f"init_from={start.format(model=model)}", f"stages={stages}", f"hydra.sweep.dir={folder}"]
    return ["train", "-m", *data, *arms, *settings]


def rows(runs: Sequence[Run], *, swept: Sequence[str]) -> Iterator[str]:
    """Write a row in Markdown for each arm and each value of what is swept: mean over seeds, and range."""
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        arm = "the model" if run.config.get("init_from") else "nothing"
        arm += "" if "vq_vae" in run.config["stages"] else ", prior alone"
        config = OmegaConf.create(dict(run.config))
        setting = " ".join(f"{key}={OmegaConf.select(config, key)}" for key in swept)
        groups[setting, arm].append(run)
    yield f"| settings | from | runs | `{MEASURED}` | lowest, highest | CPU-seconds |"
    yield "|---|---|---|---|---|---|"
    for (setting, arm), group in sorted(groups.items()):
        bits = [run.metrics[MEASURED] for run in group if MEASURED in run.metrics]
        seconds = [sum(record.cpu_seconds for record in read_records(run.folder)) for run in group]
        if bits:
            spread = f"{min(bits):.2f}, {max(bits):.2f}"
            mean = f"{statistics.mean(bits):.2f} | {spread} | {statistics.mean(seconds):.0f}"
            yield f"| {setting} | {arm} | {len(bits)} | {mean} |"


def main() -> None:
    """Lay out the pieces, run the sweeps, print the table."""
    words = [word for word in sys.argv[1:] if "=" not in word]
    options = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    composer = options.pop("composer", "")
    if len(words) != 1 or not composer:
        sys.exit(__doc__)
    model = find_run(words[0]).resolve()
    root = (FOLDER / composer / "pieces").resolve()
    root.mkdir(parents=True, exist_ok=True)
    for piece in held_out_pieces(model, composer):
        shutil.copyfile(piece.path, root / piece.path.name)
    settings = [f"{key}={value}" for key, value in options.items()]
    failed = [name for name in ARMS if run_sweep(sweep_command(model, root, settings, name=name))]
    swept = [key for key, values in options.items() if "," in values and key != "seed"]
    runs = [run for name in ARMS for run in load_runs(root.with_name(name))]
    print(*rows(runs, swept=swept), sep="\n")
    if failed:
        sys.exit("not all runs succeeded; the same command resumes them")


def run_sweep(command: Sequence[str]) -> int:
    """Run a sweep, or resume it; return its exit status."""
    print("musicgen", *command, flush=True)
    return subprocess.run([sys.executable, "-m", "musicgen", *command], check=False).returncode


if __name__ == "__main__":
    main()
