"""Run a baseline: it learns, is measured on held-out pieces, writes, and leaves a folder as a run does."""

import csv
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.measure.evaluate import METRICS_FILE, music_metrics, write_metrics
from musicgen.measure.reference import distance_metrics
from musicgen.measure.statistics import LEVEL
from musicgen.music.midi import write_midi
from musicgen.style.classifier import StyleClassifier
from musicgen.style.predictions import style_metrics

log = logging.getLogger(__name__)
BITS_FILE = "bits.csv"


def run_baseline(
    baseline: Baseline,
    material: BaselineData,
    *,
    folder: Path,
    num_pieces: int,
    num_quarters: int,
    tempo_bpm: float,
    seed: int,
    classifier: StyleClassifier | None = None,
) -> dict[str, float]:
    """Fit, measure, write; leave `generated/000.mid …`, `metrics.json`, and `bits.csv` where there are bits.

    Args:
        baseline: What is run.
        material: What it may see.
        folder: Where its files go.
        num_pieces: How many pieces it writes.
        num_quarters: Their length.
        tempo_bpm: Their tempo.
        seed: Of its draws.
        classifier: Says whose style the pieces have, and how far they are from real ones in its embedding.

    Returns:
        The metrics: `val/bits_per_quarter` with `/low` and `/high` where there is a likelihood,
        `generated/…` as of any run, distances from real music, `baseline/parameters` and `time/fit_cpu_s`,
        with the time of networks that were trained before.
    """
    generated = folder / "generated"
    generated.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    baseline.fit(material)
    metrics = {
        "time/fit_cpu_s": time.process_time() - began + baseline.earlier_cpu_s(),
        "baseline/parameters": float(baseline.num_parameters()),
    }
    told = held_out_bits(baseline, material)
    if told is not None:
        write_bits(told, [piece.path.name for piece in material.held_out.pieces], folder / BITS_FILE)
        metrics |= bits_metrics(told, seed=seed)
    pieces = baseline.sample(num_pieces=num_pieces, num_quarters=num_quarters, seed=seed)
    for number, piece in enumerate(pieces):
        write_midi(piece, generated / f"{number:03d}.mid", tempo_bpm=tempo_bpm)
    log.info("Wrote %d pieces to %s", len(pieces), generated)
    metrics |= music_metrics(pieces, prefix="generated")
    reference = baseline.compared_with(material.reference)
    metrics |= distance_metrics(pieces, reference, seed=seed)
    if classifier is not None:
        composers = {piece.surname for piece in material.train.pieces}
        metrics |= style_metrics(classifier, pieces, reference, composers=sorted(composers), seed=seed)
    write_metrics(metrics, folder / METRICS_FILE)
    return metrics


@dataclass(frozen=True)
class HeldOutBits:
    """What held-out pieces cost.

    Attributes:
        bits: Of each piece.
        quarters: Its length.
    """

    bits: Float[np.ndarray, " pieces"]
    quarters: Int[np.ndarray, " pieces"]


def held_out_bits(baseline: Baseline, material: BaselineData) -> HeldOutBits | None:
    """Take the bits of each held-out piece; None where there is no likelihood or no piece."""
    pieces = [np.array(material.held_out.piece(n)) for n in range(len(material.held_out.pieces))]
    bits = [baseline.bits(packed) for packed in pieces]
    told = [one for one in bits if one is not None]
    if len(told) < len(bits) or not bits:
        return None
    return HeldOutBits(np.array(told), np.array([len(packed) for packed in pieces]))


def bits_metrics(told: HeldOutBits, *, seed: int) -> dict[str, float]:
    """Give `val/bits_per_quarter` over all held-out pieces, and the ends of its interval over pieces."""
    low, high = bootstrap_ratio(told.bits, told.quarters, seed=seed)
    return {
        "val/bits_per_quarter": float(told.bits.sum() / told.quarters.sum()),
        "val/bits_per_quarter/low": low,
        "val/bits_per_quarter/high": high,
    }


def write_bits(told: HeldOutBits, names: Sequence[str], path: Path) -> None:
    """Write a row a piece: file, quarters, bits; two baselines are compared piece by piece.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "quarters", "bits"])
        for name, quarters, bits in zip(names, told.quarters, told.bits, strict=True):
            writer.writerow([name, int(quarters), f"{bits:.3f}"])


def bootstrap_ratio(
    numerator: Float[np.ndarray, " pieces"],
    denominator: Int[np.ndarray, " pieces"],
    *,
    seed: int,
    resamples: int = 2000,
) -> tuple[float, float]:
    """Give the 95 % bootstrap interval of a ratio of sums over pieces.

    Args:
        numerator: One number a piece.
        denominator: The same, above 0.
        seed: Of the draws.
        resamples: How many draws.

    Returns:
        Its ends; both the ratio itself for one piece, which tells nothing of others.
    """
    drawn = np.random.default_rng(seed).integers(len(numerator), size=(resamples, len(numerator)))
    ratios = numerator[drawn].sum(axis=1) / denominator[drawn].sum(axis=1)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
