"""Run a baseline: it learns, is measured on held-out pieces, writes, and leaves a folder as a run does."""

import logging
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from musicgen.baselines.baseline import Baseline, Material
from musicgen.evaluation.evaluate import METRICS_FILE, music_metrics, write_metrics
from musicgen.evaluation.reference import distance_metrics
from musicgen.evaluation.statistics import LEVEL
from musicgen.evaluation.style import style_figures
from musicgen.models.style import StyleClassifier
from musicgen.music.midi import write_midi

log = logging.getLogger(__name__)


def run_baseline(
    baseline: Baseline,
    material: Material,
    *,
    folder: Path,
    num_pieces: int,
    num_quarters: int,
    tempo_bpm: float,
    seed: int,
    classifier: StyleClassifier | None = None,
) -> dict[str, float]:
    """Fit, measure, write; leave `generated/000.mid …` and `metrics.json`.

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
        The figures: `val/bits_per_quarter` with `/low` and `/high` where there is a likelihood,
        `generated/…` as of any run, distances from real music, `baseline/parameters` and `time/fit_cpu_s`.
    """
    began = time.process_time()
    baseline.fit(material)
    figures = {
        "time/fit_cpu_s": time.process_time() - began,
        "baseline/parameters": float(baseline.num_parameters()),
    }
    figures |= held_out_bits(baseline, material, seed=seed)
    pieces = baseline.sample(num_pieces=num_pieces, num_quarters=num_quarters, seed=seed)
    generated = folder / "generated"
    generated.mkdir(parents=True, exist_ok=True)
    for number, piece in enumerate(pieces):
        write_midi(piece, generated / f"{number:03d}.mid", tempo_bpm=tempo_bpm)
    log.info("Wrote %d pieces to %s", len(pieces), generated)
    figures |= music_metrics(pieces, prefix="generated")
    reference = baseline.compared_with(material.reference)
    figures |= distance_metrics(pieces, reference, seed=seed)
    if classifier is not None:
        composers = {piece.surname for piece in material.train.pieces}
        figures |= style_figures(classifier, pieces, reference, composers=sorted(composers), seed=seed)
    write_metrics(figures, folder / METRICS_FILE)
    return figures


def held_out_bits(baseline: Baseline, material: Material, *, seed: int) -> dict[str, float]:
    """Measure bits a quarter over the held-out pieces, with an interval over pieces.

    Args:
        baseline: After its fit.
        material: Whose held-out pieces are predicted.
        seed: Of the bootstrap.

    Returns:
        `val/bits_per_quarter` and its ends; nothing where there is no likelihood.
    """
    pieces = [np.array(material.held_out.piece(n)) for n in range(len(material.held_out.pieces))]
    bits = [baseline.bits(words) for words in pieces]
    told = np.array([one for one in bits if one is not None])
    if len(told) < len(bits) or not bits:
        return {}
    quarters = np.array([len(words) for words in pieces])
    low, high = bootstrap_ratio(told, quarters, seed=seed)
    return {
        "val/bits_per_quarter": float(told.sum() / quarters.sum()),
        "val/bits_per_quarter/low": low,
        "val/bits_per_quarter/high": high,
    }


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
