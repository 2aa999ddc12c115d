"""Can the run write like a composer? The classifier's answer, beside its answer to held-out pieces."""

from pathlib import Path
from typing import Any

import numpy as np

from asked.material import Estimate, Material, mean_of
from musicgen.measure.copying.threshold import threshold
from musicgen.style.confusion import confusion_matrix, draw_confusion


def like_a_composer(
    material: Material, *, pieces: int, seeds: list[int], guidance: float, folder: Path
) -> dict[str, Any]:
    """Ask for each composer, and for none, and let the classifier say who it is.

    Args:
        material: The run, its pieces and the classifier.
        pieces: Pieces for each composer and seed.
        seeds: Of the draws.
        guidance: How much the label counts.
        folder: Where the confusion picture goes.

    Returns:
        By composer: the share of real and of generated pieces told right with their intervals, by seed, the
        ratio of both, and how many pieces copy.
    """
    composers, results = material.composers(), {}
    names = material.classifier.composers
    asked, told = [], []
    for surname, name in composers.items():
        own = names.index(surname)
        real = material.held_out(name)
        limit = threshold([("", piece) for piece in real], material.training_index)
        right: dict[int, list[float]] = {}
        copies = 0
        for seed in seeds:
            how = {"num_quarters": material.num_quarters, "guidance": guidance, **material.choice}
            written = material.run.generate(pieces, seed=seed, composer=name, **how)
            found = [piece.performance for piece in written]
            best = [int(prediction.composer.argmax()) for prediction in material.predictions(found)]
            right[seed] = [float(index == own) for index in best] + [0.0] * (len(found) - len(best))
            asked += [own] * len(best)
            told += best
            longest = [material.training_index.longest_copy(piece) for piece in found if len(piece)]
            copies += sum(limit is not None and limit.exceeded_by(copy) for copy in longest)
        of_real = [float(p.composer.argmax() == own) for p in material.predictions(real)]
        generated, held_out = mean_of([value for rows in right.values() for value in rows]), mean_of(of_real)
        results[surname] = {
            "real": held_out,
            "real_excerpts": len(of_real),
            "generated": generated,
            "by_seed": {str(seed): mean_of(rows) for seed, rows in right.items()},
            "ratio": generated.value / held_out.value if held_out.value else float("nan"),
            "copied_pieces": copies,
        }
    counts = confusion_matrix(np.array(asked, int), np.array(told, int), classes=len(names))
    draw_confusion(counts, folder / "composers.png", names=names, title="asked for, and taken for")
    results["all"] = _overall(results)
    return results


def _overall(results: dict[str, Any]) -> dict[str, Any]:
    """Average over composers, each of the same weight."""
    rows = list(results.values())
    real, generated = (np.mean([row[name].value for row in rows]) for name in ("real", "generated"))
    return {"real": float(real), "generated": float(generated), "ratio": float(generated / real)}


def composer_rows(results: dict[str, Any]) -> list[list[str]]:
    """Return the table: composer, real, generated, ratio, copies."""
    rows = [["composer", "real held out", "asked for", "ratio", "copied"]]
    for name, row in results.items():
        copied = str(row.get("copied_pieces", ""))
        numbers = [v if isinstance(v, Estimate) else f"{v:.3f}" for v in (row["real"], row["generated"])]
        rows.append([name, *map(str, numbers), f"{row['ratio']:.2f}", copied])
    return rows
