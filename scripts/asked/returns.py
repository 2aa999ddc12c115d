"""Do pieces come back to what they did? Held-out codes and new pieces, with recall and without."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from asked.material import Material, mean_of
from musicgen.generation.drawing.choosing import Recall
from musicgen.generation.sampling import Sampling
from musicgen.generation.tokenize import encode_packed
from musicgen.measure.music import measure
from musicgen.models.priors.base import Prior
from musicgen.music.notes import Performance

METRICS = (
    "repeated_interval_rate",
    "structureness_short",
    "structureness_middle",
    "triad_rate",
    "diatonic_rate",
    "home_key_rate",
    "scale_consistency",
    "unnamed_rate",
    "cadences_per_100_quarters",
    "inter_onset_entropy",
    "grooving_similarity",
)
WITHOUT, WITH, REAL = "without recall", "with recall", "real"


def returns(material: Material, *, pieces: int, seed: int) -> dict[str, Any]:
    """Measure what recall changes in the likelihood of held-out pieces, and in new ones.

    Args:
        material: The run.
        pieces: How many are written with recall, and how many without.
        seed: Of the draws.

    Returns:
        `nats` with recall and without: nats a code of the held-out pieces, their mean over pieces; and by
        metric the mean over pieces written without and with recall, and over real excerpts.
    """
    recall, found = Recall(), {WITHOUT: [], WITH: []}
    for piece in _held_out(material):
        for way, nats in zip((WITHOUT, WITH), _nats(material, piece, recall=recall), strict=True):
            found[way].append(nats)
    results: dict[str, Any] = {"nats": {way: mean_of(values) for way, values in found.items()}}
    gain = mean_of(np.array(found[WITHOUT]) - np.array(found[WITH]))
    results["nats"]["gain"] = gain
    excerpts = [
        excerpt
        for composer in sorted({p.composer for p in material.prepared.splits["val"].pieces})
        for excerpt in material.held_out(composer)
    ]
    music = {
        WITHOUT: _written(material, None, pieces=pieces, seed=seed),
        WITH: _written(material, recall, pieces=pieces, seed=seed),
        REAL: excerpts,
    }
    measured = {
        way: [one.metrics for one in measure([(way, performance) for performance in performances])]
        for way, performances in music.items()
    }
    for metric in METRICS:
        results[metric] = {
            way: mean_of([piece.get(metric, np.nan) for piece in rows]) for way, rows in measured.items()
        }
    return results


def return_rows(results: dict[str, Any]) -> list[list[str]]:
    """Return the table: what is measured, without and with recall, in real music."""
    nats = results["nats"]
    rows = [["metric", WITHOUT, WITH, REAL]]
    rows.append(["nats a code, held out", str(nats[WITHOUT]), f"{nats[WITH]} (gain {nats['gain']})", ""])
    return rows + [[metric, *(str(results[metric][way]) for way in rows[0][1:])] for metric in METRICS]


def _held_out(material: Material) -> list[np.ndarray]:
    split = material.prepared.splits["val"]
    return [np.array(split.piece(number)) for number in range(len(split.pieces))]


def _written(material: Material, recall: Recall | None, *, pieces: int, seed: int) -> list[Performance]:
    size = {"num_quarters": material.num_quarters, "seed": seed}
    written = material.run.generate(pieces, **size, sampling=Sampling(recall=recall))  # pyright: ignore[reportArgumentType]
    return [piece.performance for piece in written]


@torch.no_grad()
def _nats(material: Material, packed: np.ndarray, *, recall: Recall) -> tuple[float, float]:
    """Measure nats a code of a piece without recall and with it, in windows as long as the prior reads."""
    prior: Prior = material.run.prior
    per_quarter = prior.vocabulary.codes_per_slice
    codes = torch.from_numpy(encode_packed(material.run.autoencoder, packed)).long().flatten()
    reach = prior.max_positions // per_quarter * per_quarter
    plain: list[Tensor] = []
    mixed: list[Tensor] = []
    for begin in range(0, len(codes), reach):
        targets = codes[begin : begin + reach]
        head = codes.new_full((1,), prior.start_token) if prior.start_token is not None else targets[:0]
        logits = prior(torch.cat([head, targets])[None, : len(targets)])[0]
        first = len(targets) - len(logits)  # a prior that cannot begin does not predict its first code
        for place, target in enumerate(targets[first:].tolist()):
            row, past = logits[place : place + 1], codes[None, : begin + first + place]
            plain.append(row.log_softmax(dim=-1)[0, target])
            mixed.append(
                recall.mixed(row, past, codes_per_quarter=per_quarter).log_softmax(dim=-1)[0, target]
            )
    return -float(torch.stack(plain).mean()), -float(torch.stack(mixed).mean())
