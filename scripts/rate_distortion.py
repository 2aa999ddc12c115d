"""What do codes cost, and what do they keep? Bottlenecks, cells and grids at several rates, as one table.

    python scripts/rate_distortion.py runs=outputs/rate_distortion data=chorales seeds=0,1,2
    python scripts/rate_distortion.py data=giantmidi also="data.composer=[Chopin] data.title=Nocturne"

Every family is one sweep of `musicgen train`; the same command resumes what was stopped and leaves what is
done. The table is printed as Markdown: means over seeds, and with two or more the smallest and the largest
total. `picture=FILE` draws what the decoder still needs over what the codes cost, each with its range over
seeds. `musicgen compare DIR` shows the curves of training.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.reports.runs.runs import Run, load_runs
from musicgen.reports.tables.numbers import format_number

FAMILIES: dict[str, tuple[str, ...]] = {
    "pitch": ("quantizer.num_embeddings=16,64,256,1024",),
    "pitch_two_latents": ("vq_vae.latents_per_position=2", "quantizer.num_embeddings=16,64"),
    "residual": ("quantizer=residual", "quantizer.num_embeddings=16,64"),
    "residual_delay": ("quantizer=residual", "pattern=delay", "quantizer.num_embeddings=16,64"),
    "residual_coarse_first": ("quantizer=residual", "pattern=coarse_first", "quantizer.num_embeddings=16,64"),
    "fsq": ("quantizer=fsq", "quantizer.levels=[4,4],[8,8],[8,8,4]"),
    "cosine": ("quantizer=cosine", "quantizer.num_embeddings=64,256"),
    "gradient": ("quantizer=gradient", "quantizer.num_embeddings=64,256"),
    "sim_vq": ("quantizer=library", "quantizer.num_embeddings=64,256"),  # needs the extra `quantizers`
    "bachsformer": ("vq_vae=bachsformer", "quantizer.num_embeddings=16,256"),
    "bachsformer_markov": ("vq_vae=bachsformer", "cells=markov", "quantizer.num_embeddings=16,256"),
    "none": ("bottleneck=none", "quantizer.num_embeddings=64,256"),  # these three by k-means
    "gaussian": ("bottleneck=gaussian", "quantizer.num_embeddings=64,256"),
    "sparse": ("bottleneck=sparse", "quantizer.num_embeddings=64,256"),
}
COLUMNS = {
    "total": ("val/bits_per_quarter", 1),
    "prior": ("val/prior_bits", 1),
    "onsets": ("vq_vae/val/onset_bits", 1),
    "releases": ("vq_vae/val/release_bits", 1),
    "saved": ("codes/saved_bits", 1),
    "BCE": ("vq_vae/val/bce", 4),
    "cell F1": ("vq_vae/val/cell_f1", 3),
    "onset F1": ("vq_vae/val/onset_f1", 3),
    "note F1": ("vq_vae/val/note_f1", 3),
    "codes used": ("vq_vae/val/codes_used", 0),
}
TOTAL = "val/bits_per_quarter"
CURVE = ("val/prior_bits", "vq_vae/val/decoder_bits")
MARKERS = "os^vD*P"  # seven, so that families of one of the ten colours differ
STAGES = ("vq_vae", "kmeans", "transformer")


@dataclass
class Settings:
    """The settings of the command line, as key=value.

    Attributes:
        runs: Where the sweeps are kept.
        data: A file of conf/data.
        also: More settings of all runs, with spaces between.
        seeds: Seeds, with commas between.
        families: Which families, with commas between; all of them by default.
        table: true: only print the table of what is done.
        picture: Where the curves are drawn; empty for none.
    """

    runs: str = "outputs/rate_distortion"
    data: str = "chorales"
    also: str = "epochs=5"
    seeds: str = "0"
    families: str = ",".join(FAMILIES)
    table: bool = False
    picture: str = ""


def run_family(name: str, settings: Settings) -> int:
    """Run a family's sweep, or resume it; return its exit status."""
    folder = Path(settings.runs) / name
    if folder.is_dir():
        command = ["train", f"resume={folder}"]
    else:
        rest = (
            "stages=[vq_vae,kmeans,transformer,evaluate]",
            f"seed={settings.seeds}",
            f"hydra.sweep.dir={folder}",
        )
        command = ["train", "-m", f"data={settings.data}", *settings.also.split(), *FAMILIES[name], *rest]
    return subprocess.run([sys.executable, "-m", "musicgen", *command], check=False).returncode


def rate_of(run: Run) -> str:
    """Describe the codes of a quarter: how many, out of how many."""
    codes = run.metrics.get("model/codes_per_quarter")
    quantizer = run.config["quantizer"]
    size = quantizer.get("num_embeddings") or "×".join(map(str, quantizer["levels"]))
    return f"{codes:.0f} of {size}" if codes else f"{size}"


def cpu_seconds(run: Run) -> float:
    """Read how long both networks were trained and centres were looked for, wherever that was."""
    records = [run.folder / "checkpoints" / f"{stage}.json" for stage in STAGES]
    found = [path for path in records if path.is_file()]
    return sum(json.loads(path.read_text(encoding="utf-8"))["cpu_seconds"] for path in found)


def by_rate(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Group the runs that were measured by what a quarter's codes are."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if TOTAL in run.metrics:
            groups[rate_of(run)].append(run)
    return groups


def table_rows(families: Mapping[str, Iterable[Run]]) -> list[str]:
    """Write the rows of the table, by family and rate, with the mean over seeds."""
    rows = []
    for name, runs in families.items():
        for rate, same in by_rate(runs).items():
            means = [_mean(same, metric, digits) for metric, digits in COLUMNS.values()]
            totals = sorted(run.metrics[TOTAL] for run in same)
            means[0] += f" [{totals[0]:.1f}, {totals[-1]:.1f}]" if len(totals) > 1 else ""
            seconds = sum(map(cpu_seconds, same)) / len(same)
            rows.append("| " + " | ".join([name, rate, *means, f"{seconds:.0f}"]) + " |")
    return rows


def draw_curves(families: Mapping[str, Iterable[Run]], path: Path) -> None:
    """Draw what the decoder needs over what the codes cost by family, with lowest and highest over seeds."""
    figure = Figure(figsize=(7, 4.5), layout="constrained", facecolor="white")
    axes = figure.add_subplot(xlabel="codes, bits a quarter", ylabel="decoder, bits a quarter")
    for (name, runs), marker in zip(families.items(), cycle(MARKERS), strict=False):
        points = []
        for same in by_rate(runs).values():
            over_seeds = [[run.metrics[metric] for run in same] for metric in CURVE]
            points.append([(min(values), sum(values) / len(values), max(values)) for values in over_seeds])
        if points:
            low, mean, high = np.array(sorted(points)).transpose(2, 1, 0)
            spans = zip(mean - low, high - mean, strict=True)
            xerr, yerr = (np.stack(span) for span in spans)
            axes.errorbar(*mean, xerr=xerr, yerr=yerr, marker=marker, label=name)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)


def _mean(runs: list[Run], metric: str, digits: int) -> str:
    values = [run.metrics[metric] for run in runs if metric in run.metrics]
    return format_number(sum(values) / len(values), digits) if values else "–"


def read_settings(arguments: list[str]) -> Settings:
    """Read key=value arguments.

    Raises:
        ValueError: A key, a value or a family is not known; names those that are.
    """
    try:
        settings = OmegaConf.to_object(
            OmegaConf.merge(OmegaConf.structured(Settings), OmegaConf.from_cli(arguments))
        )
    except OmegaConfBaseException as error:
        known = ", ".join(f"{name}=" for name in Settings.__annotations__)
        raise ValueError(f"{error}\nuse {known}") from None
    assert isinstance(settings, Settings)
    for name in settings.families.split(","):
        if name not in FAMILIES:
            raise ValueError(f"families={name} is unknown; use some of {','.join(FAMILIES)}")
    return settings


def main() -> None:
    """Run what is left to run, and print the table."""
    try:
        settings = read_settings(sys.argv[1:])
    except ValueError as error:
        sys.exit(f"rate_distortion: {error}\n{__doc__}")
    names = settings.families.split(",")
    failed = [] if settings.table else [name for name in names if run_family(name, settings)]
    head = ["bottleneck", "codes a quarter", *COLUMNS, "CPU s"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    done = {name: load_runs(folder) for name in names if (folder := Path(settings.runs) / name).is_dir()}
    print("\n".join(table_rows(done)))
    if settings.picture:
        draw_curves(done, Path(settings.picture))
    if failed:
        sys.exit(f"not all runs of {', '.join(failed)} succeeded; the same command resumes them")


if __name__ == "__main__":
    main()
