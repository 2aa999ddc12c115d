"""Can two composers be blended? The classifier's probability against the share that was asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from asked.material import Estimate, Material, mean_of, rank_correlation
from musicgen.generation.asking.steering import composer_directions, steered
from musicgen.generation.generate import generate_pieces
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.sampling import Sampling
from musicgen.music.notes import Performance
from musicgen.style.predictions import style_distance

STEPS = 5


def blends(
    material: Material, pair: tuple[str, str], *, pieces: int, guidance: float, seed: int, ways: Sequence[str]
) -> dict[str, Any]:
    """Ask for five blends of two composers, by labels and by directions in the hidden states.

    Args:
        material: The run, its pieces and the classifier.
        pair: Surnames.
        pieces: Pieces for each share.
        guidance: How much labels, or directions, count.
        seed: Of the draws.
        ways: Any of `labels` and `directions`.

    Returns:
        By way: `curve`, the mean probability of the first composer against both, for each share; Spearman's
        coefficient over pieces, `spearman`, and of the curve's means, `spearman_of_curve`; for equal shares
        the Fréchet distances to the first, to the second and to both together, and the spread of the
        probabilities beside that of both together: a blend of pieces is as far apart as the two, a blend in
        each piece is not.
    """
    names = material.composers()
    shares = np.linspace(0, 1, STEPS)
    results: dict[str, Any] = {"pair": list(pair)}
    for way in ways:
        written = [
            _written(material, _shares(names, pair, share), way, pieces=pieces, guidance=guidance, seed=seed)
            for share in shares
        ]
        found = [_first_share(material, step, pair) for step in written]
        middle, both = written[STEPS // 2], [*written[0], *written[-1]]
        distances = {
            label: style_distance(material.classifier, middle, other).value
            for label, other in ((pair[0], written[-1]), (pair[1], written[0]), ("both together", both))
        }
        results[way] = {
            "curve": {f"{share:.2f}": mean_of(values) for share, values in zip(shares, found, strict=True)},
            "spearman": rank_correlation(
                np.repeat(shares, [len(values) for values in found]).tolist(), np.concatenate(found).tolist()
            ),
            "spearman_of_curve": curve_correlation(found),
            "frechet_of_equal_shares": distances,
            "spread_of_equal_shares": float(np.std(found[STEPS // 2])),
            "spread_of_both_together": float(np.std([*found[0], *found[-1]])),
        }
    return results


def curve_correlation(steps: Sequence[Sequence[float]], *, seed: int = 0, resamples: int = 1000) -> Estimate:
    """Compute Spearman's coefficient of the means of steps in rising order, with a bootstrap interval.

    Args:
        steps: The values of each step; each step is drawn from anew by itself.
        seed: Of the bootstrap.
        resamples: How often it draws.
    """
    random, order = np.random.default_rng(seed), np.arange(len(steps))

    def coefficient(of: Sequence[Sequence[float] | np.ndarray]) -> float:
        means = [np.mean(step) for step in of]
        return float(spearmanr(order, means).statistic)  # pyright: ignore[reportAttributeAccessIssue]

    drawn = [coefficient([random.choice(step, len(step)) for step in steps]) for _ in range(resamples)]
    return Estimate(coefficient(steps), *np.quantile(drawn, [0.025, 0.975]).tolist())


def _shares(names: dict[str, str], pair: tuple[str, str], share: float) -> dict[str, float]:
    asked = {names[pair[0]]: float(share), names[pair[1]]: float(1 - share)}
    return {name: value for name, value in asked.items() if value}


def _first_share(material: Material, pieces: Sequence[Performance], pair: tuple[str, str]) -> list[float]:
    """Return the first composer's part of the probability that the classifier gives to both."""
    first, second = (material.classifier.composers.index(surname) for surname in pair)
    rows = [prediction.composer for prediction in material.predictions(pieces)]
    return [float(row[first] / (row[first] + row[second])) for row in rows]


def _written(
    material: Material, shares: dict[str, float], way: str, *, pieces: int, guidance: float, seed: int
) -> list[Performance]:
    run = material.run
    if way == "labels":
        how = {"num_quarters": material.num_quarters, "seed": seed, "guidance": guidance, **material.choice}
        written = run.generate(pieces, blend=shares, **how)
    else:
        directions = composer_directions(run.autoencoder, run.prior, material.prepared.splits["train"])
        with steered(run.prior, guidance * directions.blend(shares), layer=directions.layer):
            written = generate_pieces(
                run.autoencoder,
                run.prior,
                num_pieces=pieces,
                num_quarters=material.num_quarters,
                seed=seed,
                sampling=Sampling(),
                keys=KeyPlan(learned=run.learned_keys),
            )
    return [piece.performance for piece in written]


def draw_blends(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the curve of each pair and way with its band."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(results), 3.6), dpi=110, layout="constrained", facecolor="white")
    for number, result in enumerate(results):
        ax = figure.add_subplot(1, len(results), number + 1)
        for way in (name for name in result if name != "pair"):
            curve = result[way]["curve"]
            x, estimates = [float(share) for share in curve], list(curve.values())
            ax.plot(x, [estimate.value for estimate in estimates], marker="o", label=way)
            low, high = ([getattr(e, end) for e in estimates] for end in ("low", "high"))
            ax.fill_between(x, low, high, alpha=0.2)
        ax.plot([0, 1], [0, 1], color="#999999", linestyle=":")
        ax.set_xlabel(f"share of {result['pair'][0]} asked for, rest {result['pair'][1]}")
        ax.set_ylabel(f"classifier's share of {result['pair'][0]}")
        ax.set_ylim(0, 1)
        ax.legend(fontsize=8)
    figure.savefig(path)


def blend_rows(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the table: pair, way, the five steps, Spearman's coefficient over pieces and of the means."""
    rows = []
    for result in results:
        for way in (name for name in result if name != "pair"):
            found = result[way]
            steps = [f"{estimate.value:.2f}" for estimate in found["curve"].values()]
            ranks = (str(found["spearman"]), str(found["spearman_of_curve"]))
            rows.append([" and ".join(result["pair"]), way, *steps, *ranks])
    shares = [f"{share:.2f}" for share in np.linspace(0, 1, STEPS)]
    return [["pair", "by", *shares, "Spearman, pieces", "Spearman, means"], *rows]
