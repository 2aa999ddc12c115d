"""Run a baseline: fit, measure on held-out pieces, generate, and write a folder as a run does."""

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
from musicgen.models.style import StyleClassifier
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from musicgen.style.predictions import style_metrics

log = logging.getLogger(__name__)
BITS_FILE = "bits.csv"


def run_baseline(
    baseline: Baseline,
    data: BaselineData,
    *,
    folder: Path,
    num_pieces: int,
    num_quarters: int,
    tempo_bpm: float,
    seed: int,
    classifier: StyleClassifier | None = None,
) -> dict[str, float]:
    """Fit a baseline and write `generated/000.mid …`, `metrics.json`, and `bits.csv` if it has a likelihood.

    Args:
        baseline: The model.
        data: Pieces to fit, measure and compare with.
        folder: Output folder.
        num_pieces: Number of generated pieces.
        num_quarters: Length of each, in quarters.
        tempo_bpm: Their tempo.
        seed: Seed of the random draws.
        classifier: Adds the predicted style of the pieces and their Fréchet distance from real ones.

    Returns:
        The metrics: `val/bits_per_quarter` with `/low` and `/high` where there is a likelihood,
        `generated/…` as of any run, distances from real music, `baseline/parameters` and `time/fit_cpu_s`,
        with the time of networks that were trained before.
    """
    generated = folder / "generated"
    generated.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    baseline.fit(data)
    metrics = {
        "time/fit_cpu_s": time.process_time() - began + baseline.earlier_cpu_s(),
        "baseline/parameters": float(baseline.num_parameters()),
    }
    bits = held_out_bits(baseline, data)
    if bits is not None:
        write_bits(bits, [piece.path.name for piece in data.held_out.pieces], folder / BITS_FILE)
        metrics |= bits_metrics(bits, seed=seed)
    pieces = baseline.sample(num_pieces=num_pieces, num_quarters=num_quarters, seed=seed)
    _write_pieces(pieces, generated, tempo_bpm=tempo_bpm)
    metrics |= music_metrics(pieces, prefix="generated")
    reference = baseline.compared_with(data.reference)
    metrics |= distance_metrics(pieces, reference, seed=seed)
    if classifier is not None:
        composers = {piece.surname for piece in data.train.pieces}
        metrics |= style_metrics(classifier, pieces, reference, composers=sorted(composers), seed=seed)
    write_metrics(metrics, folder / METRICS_FILE)
    return metrics


@dataclass(frozen=True)
class HeldOutBits:
    """Code length of held-out pieces.

    Attributes:
        bits: -log2 p of each piece, or an upper bound.
        quarters: Length of each piece, in quarters.
    """

    bits: Float[np.ndarray, " pieces"]
    quarters: Int[np.ndarray, " pieces"]


def held_out_bits(baseline: Baseline, data: BaselineData) -> HeldOutBits | None:
    """Measure the bits of each held-out piece; None without a likelihood or without pieces."""
    pieces = [np.array(data.held_out.piece(n)) for n in range(len(data.held_out.pieces))]
    bits = [baseline.bits(packed) for packed in pieces]
    known = [value for value in bits if value is not None]
    if len(known) < len(bits) or not bits:
        return None
    return HeldOutBits(np.array(known), np.array([len(packed) for packed in pieces]))


def bits_metrics(held_out: HeldOutBits, *, seed: int) -> dict[str, float]:
    """Compute `val/bits_per_quarter` over all held-out pieces, and the ends of its interval over pieces."""
    low, high = bootstrap_ratio(held_out.bits, held_out.quarters, seed=seed)
    return {
        "val/bits_per_quarter": float(held_out.bits.sum() / held_out.quarters.sum()),
        "val/bits_per_quarter/low": low,
        "val/bits_per_quarter/high": high,
    }


def write_bits(held_out: HeldOutBits, names: Sequence[str], path: Path) -> None:
    """Write one row per piece (file, quarters, bits), so that baselines can be compared piece by piece.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "quarters", "bits"])
        for name, quarters, bits in zip(names, held_out.quarters, held_out.bits, strict=True):
            writer.writerow([name, int(quarters), f"{bits:.3f}"])


def bootstrap_ratio(
    numerator: Float[np.ndarray, " pieces"],
    denominator: Int[np.ndarray, " pieces"],
    *,
    seed: int,
    resamples: int = 2000,
) -> tuple[float, float]:
    """Compute the 95 % bootstrap interval of a ratio of sums over pieces.

    Args:
        numerator: One value per piece.
        denominator: One positive value per piece.
        seed: Seed of the resampling.
        resamples: Number of resamples.

    Returns:
        Both ends; for a single piece both are the ratio itself.
    """
    drawn = np.random.default_rng(seed).integers(len(numerator), size=(resamples, len(numerator)))
    ratios = numerator[drawn].sum(axis=1) / denominator[drawn].sum(axis=1)
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _write_pieces(pieces: Sequence[Performance], folder: Path, *, tempo_bpm: float) -> None:
    for number, piece in enumerate(pieces):
        write_midi(piece, folder / f"{number:03d}.mid", tempo_bpm=tempo_bpm)
    log.info("Wrote %d pieces to %s", len(pieces), folder)
