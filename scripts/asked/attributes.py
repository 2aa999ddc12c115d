"""Does the run do what it is asked? Attributes and mood, asked for against measured."""

from typing import Any

import numpy as np

from asked.material import Material, mean_of, rank_correlation
from musicgen.generation.asking.asked import MOODS
from musicgen.music.metrics.attributes import attribute

STEPS = 5


def asked_and_measured(material: Material, *, pieces: int, guidance: float, seed: int) -> dict[str, Any]:
    """Ask for five values of every attribute and mood that the run knows, and measure what comes.

    Args:
        material: The run.
        pieces: Pieces for each value.
        guidance: How much the labels count.
        seed: Of the draws.

    Returns:
        By attribute or mood: the mean measured value for each value that was asked for, and Spearman's
        coefficient over pieces.
    """
    can, results = material.run.can, {}
    for name, (low, high) in can.attributes.items():
        wishes = {value: {"attributes": {name: value}} for value in np.linspace(low, high, STEPS).tolist()}
        results[name] = _measure(material, wishes, name, pieces=pieces, guidance=guidance, seed=seed)
    for mood in can.mood:
        wishes = {value: {"mood": {mood: value}} for value in np.linspace(-1, 1, STEPS).tolist()}
        of = MOODS[mood]
        results[f"mood.{mood}"] = _measure(material, wishes, of, pieces=pieces, guidance=guidance, seed=seed)
    return results


def _measure(
    material: Material, wishes: dict[float, Any], name: str, *, pieces: int, guidance: float, seed: int
) -> dict[str, Any]:
    asked, measured, curve = [], [], {}
    for value, wish in wishes.items():
        size = {"num_quarters": material.num_quarters, "seed": seed}
        written = material.run.generate(pieces, **size, **wish, guidance=guidance)
        found = [attribute(piece.performance, name) for piece in written]
        asked += [value] * len(found)
        measured += found
        curve[f"{value:.3g}"] = mean_of(found)
    return {"curve": curve, "spearman": rank_correlation(asked, measured)}


def attribute_rows(results: dict[str, Any]) -> list[list[str]]:
    """Return the table: what was asked for, what came in five steps, Spearman's coefficient."""
    rows = [["asked for", *[f"step {step + 1}" for step in range(STEPS)], "Spearman"]]
    for name, found in results.items():
        steps = [f"{value}: {estimate.value:.2f}" for value, estimate in found["curve"].items()]
        rows.append([name, *steps, str(found["spearman"])])
    return rows
