"""Does a form that is asked for make pieces come back as real ones do? And do loops close on themselves?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from asked.material import Material, mean_of
from musicgen.generation.edits.looping import closing_nats
from musicgen.measure.music import measure
from musicgen.measure.reference import excerpts_of

METRICS = ("repeated_interval_rate", "structureness_short", "structureness_middle", "structureness_long")


def forms(material: Material, *, asked: Sequence[str], pieces: int, seed: int) -> dict[str, Any]:
    """Measure what comes back in pieces without and with a form, and at the beginnings of held-out pieces.

    Args:
        material: The run.
        asked: Letters of sections, such as `ABAC`.
        pieces: How many are written of each.
        seed: Of the draws.
    """
    size: dict[str, Any] = {"num_quarters": material.num_quarters, "seed": seed}
    music = {
        form or "no form": [piece.performance for piece in material.run.generate(pieces, **size, form=form)]
        for form in (None, *asked)
    }
    split = material.prepared.splits["val"]
    held_out = [np.array(split.piece(number)) for number in range(len(split.pieces))]
    music["real"] = [excerpts_of(piece, num_quarters=material.num_quarters)[0] for piece in held_out]
    results = {}
    for name, performances in music.items():
        rows = [one.metrics for one in measure([(name, performance) for performance in performances])]
        results[name] = {metric: mean_of([row.get(metric, np.nan) for row in rows]) for metric in METRICS}
    return results


def form_rows(results: dict[str, Any]) -> list[list[str]]:
    """Return the table: a row for each form, and one for real music."""
    rows = [["form", *METRICS]]
    return rows + [[name, *(str(found[metric]) for metric in METRICS)] for name, found in results.items()]


def loops(material: Material, *, pieces: int, seed: int, bars: int = 8) -> dict[str, Any]:
    """Measure how much less likely the seam of a loop is than the rest, of one draw and the best of eight.

    Args:
        material: The run.
        pieces: How many loops.
        seed: Of the draws.
        bars: Their length in bars of four quarters.

    Returns:
        By number of candidates: `nats` a code by which the seam is less likely, and the share of loops whose
        seam is no less likely than the rest.
    """
    results = {}
    for candidates in (1, 8):
        written = material.run.loop(bars, num_pieces=pieces, seed=seed, candidates=candidates)
        nats = closing_nats(material.run.prior, torch.stack([piece.codes for piece in written])).numpy()
        results[candidates] = {"nats": mean_of(nats), "closes": float((nats <= 0).mean())}
    return results


def loop_rows(results: dict[str, Any]) -> list[list[str]]:
    """Return the table: a row for each number of candidates."""
    rows = [["candidates", "seam less likely by, nats a code", "loops whose seam is no less likely"]]
    return rows + [[str(n), str(found["nats"]), f"{found['closes']:.2f}"] for n, found in results.items()]
