"""Print the table of baselines: a row a folder that `musicgen baseline` left, ours first.

python scripts/baseline_table.py ours=outputs/baseline/A "chain of ticks=outputs/baseline/B" …

Bits are also compared piece by piece with the first row: the difference and its 95 % bootstrap interval over
pieces.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np

COLUMNS = {
    "bits a quarter": ("val/bits_per_quarter", 1),
    "overlap": ("generated/oa/mean", 3),
    "divergence": ("generated/kld/mean", 2),
    "Fréchet": ("generated/frechet", 1),
}
PLAIN = {
    "own composer": ("generated/own_composer", 2),
    "parameters": ("baseline/parameters", 0),
    "CPU s": ("time/fit_cpu_s", 0),
}


def main() -> None:
    """Read the folders and print Markdown."""
    rows = [argument.partition("=")[::2] for argument in sys.argv[1:]]
    if not rows or not all(folder for _, folder in rows):
        sys.exit(__doc__)
    first = bits(Path(rows[0][1]))
    head = ["", *COLUMNS, "bits less ours", *PLAIN]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for name, folder in rows:
        metrics = json.loads((Path(folder) / "metrics.json").read_text(encoding="utf-8"))
        cells = [with_interval(metrics, metric, digits) for metric, digits in COLUMNS.values()]
        cells.append(difference(bits(Path(folder)), first) if folder != rows[0][1] else "")
        cells += [number(metrics.get(metric), digits) for metric, digits in PLAIN.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")


def with_interval(metrics: dict[str, float], name: str, digits: int) -> str:
    """Write a metric with its interval."""
    if metrics.get(name) is None:
        return "–"
    low, high = (number(metrics.get(f"{name}/{end}"), digits) for end in ("low", "high"))
    return f"{number(metrics[name], digits)} [{low}, {high}]"


def number(value: float | None, digits: int) -> str:
    """Write a number, a dash for none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def bits(folder: Path) -> dict[str, tuple[float, float]]:
    """Read bits and quarters of each held-out piece; none where there is no likelihood."""
    path = folder / "bits.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["file"], float(row["bits"]), float(row["quarters"])) for row in csv.DictReader(file)]
    totals: dict[str, tuple[float, float]] = {}
    for name, cost, quarters in rows:  # a piece may have many passages
        before = totals.get(name, (0.0, 0.0))
        totals[name] = (before[0] + cost, before[1] + quarters)
    return totals


def difference(
    one: dict[str, tuple[float, float]], other: dict[str, tuple[float, float]], resamples: int = 2000
) -> str:
    """Compare two rows on the same pieces: the difference in bits a quarter, its interval over pieces."""
    shared = sorted(one.keys() & other.keys())
    if not shared:
        return "–"
    gap = np.array([one[name][0] - other[name][0] for name in shared])
    quarters = np.array([one[name][1] for name in shared])
    drawn = np.random.default_rng(0).integers(len(shared), size=(resamples, len(shared)))
    low, high = np.quantile(gap[drawn].sum(axis=1) / quarters[drawn].sum(axis=1), [0.025, 0.975])
    return f"{gap.sum() / quarters.sum():+.1f} [{low:+.1f}, {high:+.1f}]"


if __name__ == "__main__":
    main()
