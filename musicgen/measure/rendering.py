"""How far rendered pieces are from those that people played, beside flat ones and other real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64

from musicgen.data.batches.notes import read_played
from musicgen.data.catalogue.pieces import distinct
from musicgen.data.prepare import Prepared
from musicgen.generation.rendering import renderer_labels
from musicgen.models.renderer.network import Renderer
from musicgen.music.expression.attributes import ATTRIBUTES, UNKNOWN, Played, begins_chord, perform
from musicgen.music.expression.features import FEATURES, note_features
from musicgen.music.grid import PlayedGrid
from musicgen.music.metrics.touch import (
    duration_histogram,
    gap_histogram,
    pedal_histogram,
    pedal_share,
    velocity_histogram,
)
from musicgen.music.notes import Performance

MAX_PIECES = 40
MAX_NOTES = 1500  # of each piece: what is drawn one note after another takes time
COPIES = 4  # renderings of each piece, whose mean is compared with the one that was played
_HALVINGS = 100

HISTOGRAMS: dict[str, Callable[[Performance], Float[np.ndarray, " classes"]]] = {
    "velocity": velocity_histogram,
    "gap": gap_histogram,
    "duration": duration_histogram,
    "pedal": pedal_histogram,
}


@dataclass(frozen=True)
class Rendered:
    """The same pieces flat, rendered and real, note by note.

    Attributes:
        flat: As the grid holds them: one velocity, no pedal.
        rendered: As the renderer plays them.
        real: As they were played.
        velocities: Velocity of each note in several renderings, piece by piece, in the order of `flat`.
        names: What the pieces are called.
    """

    flat: list[Performance]
    rendered: list[Performance]
    real: list[Performance]
    velocities: list[Float[np.ndarray, "copies notes"]]
    names: list[str]


def render_all(
    renderer: Renderer,
    pieces: Sequence[Played],
    *,
    names: Sequence[str],
    labels: Int64[np.ndarray, "pieces fields"] | None = None,
    seed: int = 0,
) -> Rendered:
    """Render the beginnings of held-out pieces, all together.

    Args:
        renderer: In evaluation mode.
        pieces: How they were played; those without notes are left out.
        names: What they are called.
        labels: What the renderer is told of each.
        seed: Of the draws.
    """
    kept = [number for number, piece in enumerate(pieces) if len(piece.flat)]
    cut = [_beginning(pieces[number]) for number in kept]
    rows = None if labels is None else torch.from_numpy(labels[kept])
    drawn = _draw(renderer, [piece.flat for piece in cut], rows, seed=seed)
    random = np.random.default_rng(seed)
    played = [
        perform(piece.flat, copies[0], random=random, ticks=renderer.ticks)
        for piece, copies in zip(cut, drawn, strict=True)
    ]
    step = 128 / ATTRIBUTES["velocity"]
    return Rendered(
        flat=[piece.flat for piece in cut],
        rendered=played,
        real=[piece.performance for piece in cut],
        velocities=[step * copies[:, :, 0] + (step - 1) / 2 for copies in drawn],
        names=[names[number] for number in kept],
    )


def held_out_renderings(
    renderer: Renderer, prepared: Prepared, grid: PlayedGrid, *, seed: int = 0
) -> Rendered:
    """Render the held-out pieces of a run, each content once.

    Args:
        renderer: The run's, in evaluation mode.
        prepared: The run's pieces; `val` is rendered.
        grid: The run's grid.
        seed: Of the draws.

    Raises:
        MidiError: A file has changed since it was prepared.
    """
    files = distinct(prepared.splits["val"].pieces)[:MAX_PIECES]
    played = read_played(files, grid, description="Reading how held-out pieces are played")
    labels = renderer_labels(renderer, [(piece.composer, piece.era) for piece in files])
    names = [piece.title or piece.path.name for piece in files]
    return render_all(renderer, played, names=names, labels=labels, seed=seed)


def rendering_metrics(pieces: Rendered, *, seed: int = 0) -> dict[str, float]:
    """Measure renderings as distributions, and note by note.

    For the distances the pieces are parted into halves a hundred times: histograms of one half, flat,
    rendered or real, are compared with those of the other half as it was played. So the real ones show what
    is possible.

    Args:
        pieces: From `render_all`.
        seed: Of the halves.

    Returns:
        `rendered/NAME`, `baseline/flat/NAME` for pieces as the grid holds them, and `real/NAME`; empty for
        fewer than two pieces.
    """
    if len(pieces.real) < 2:
        return {}
    kinds = {"rendered": pieces.rendered, "baseline/flat": pieces.flat, "real": pieces.real}
    metrics = {}
    for name, histogram in HISTOGRAMS.items():
        rows = {kind: np.stack([histogram(piece) for piece in each]) for kind, each in kinds.items()}
        metrics |= _distances(rows, name, random=np.random.default_rng(seed))
    for kind, each in kinds.items():
        metrics[f"{kind}/pedal_share"] = float(np.mean([pedal_share(piece) for piece in each]))
    real = [piece.velocity.astype(float) for piece in pieces.real]
    by_note = {
        "rendered/": [copies[0] for copies in pieces.velocities],
        "rendered/mean_": [copies.mean(axis=0) for copies in pieces.velocities],
        "baseline/flat/": [piece.velocity.astype(float) for piece in pieces.flat],
    }
    for prefix, velocities in by_note.items():
        metrics |= {f"{prefix}{name}": value for name, value in _note_by_note(velocities, real).items()}
    return metrics


def _beginning(piece: Played) -> Played:
    kept = np.arange(len(piece.flat)) < MAX_NOTES
    return Played(piece.flat.where(kept), piece.performance.where(kept), piece.classes[:MAX_NOTES])


def _draw(
    renderer: Renderer, pieces: Sequence[Performance], labels: torch.Tensor | None, *, seed: int
) -> list[Int64[np.ndarray, "copies notes attributes"]]:
    """Draw several renderings of each piece in one batch."""
    longest = max((len(piece) for piece in pieces), default=0)
    features = torch.zeros(len(pieces), longest, len(FEATURES))
    first = torch.zeros(len(pieces), longest, dtype=torch.bool)
    for number, piece in enumerate(pieces):
        features[number, : len(piece)] = torch.from_numpy(note_features(piece))
        first[number, : len(piece)] = torch.from_numpy(begins_chord(piece.onset_quarters))
    features = features.repeat_interleave(COPIES, dim=0)
    given = torch.full((*features.shape[:2], len(ATTRIBUTES)), UNKNOWN)
    drawn = renderer.draw(
        features,
        given,
        begins_chord=first.repeat_interleave(COPIES, dim=0),
        generator=torch.Generator().manual_seed(seed),
        labels=None if labels is None else labels.repeat_interleave(COPIES, dim=0),
    )
    copies = drawn.numpy().reshape(len(pieces), COPIES, longest, -1)
    return [copies[number, :, : len(piece)] for number, piece in enumerate(pieces)]


def _distances(
    rows: Mapping[str, Float[np.ndarray, "pieces classes"]], name: str, *, random: np.random.Generator
) -> dict[str, float]:
    """Compare one half of the pieces with the real ones of the other half, over many halvings."""
    number = len(rows["real"])
    halves = [random.permutation(number) for _ in range(_HALVINGS)]
    metrics = {}
    for kind, each in rows.items():
        pairs = [
            (each[order[: number // 2]].mean(axis=0), rows["real"][order[number // 2 :]].mean(axis=0))
            for order in halves
        ]
        divergence = np.array([jensen_shannon(first, second) for first, second in pairs])
        low, high = np.quantile(divergence, (0.025, 0.975))
        metrics |= {
            f"{kind}/{name}_divergence": float(divergence.mean()),
            f"{kind}/{name}_divergence/low": float(low),
            f"{kind}/{name}_divergence/high": float(high),
            f"{kind}/{name}_overlap": float(np.mean([np.minimum(*pair).sum() for pair in pairs])),
        }
    return metrics


def jensen_shannon(first: Float[np.ndarray, " classes"], second: Float[np.ndarray, " classes"]) -> float:
    """Return the Jensen-Shannon divergence of two histograms in bits, 0 (equal) to 1 (disjoint)."""
    mean = (first + second) / 2

    def from_mean(shares: Float[np.ndarray, " classes"]) -> float:
        used = shares > 0
        return float((shares[used] * np.log2(shares[used] / mean[used])).sum())

    return max(0.0, (from_mean(first) + from_mean(second)) / 2)


def _note_by_note(
    mine: Sequence[Float[np.ndarray, " notes"]], real: Sequence[Float[np.ndarray, " notes"]]
) -> dict[str, float]:
    """Compare velocities of the same notes, averaged over pieces; NaN where no piece has two velocities."""
    pairs = list(zip(mine, real, strict=True))
    several = [(one, other) for one, other in pairs if other.std() > 0]
    varied = [(one, other) for one, other in several if one.std() > 0]
    return {
        "velocity_mae": float(np.mean([np.abs(one - other).mean() for one, other in pairs])),
        "velocity_correlation": _mean([np.corrcoef(one, other)[0, 1] for one, other in varied]),
        "velocity_spread": _mean([one.std() / other.std() for one, other in several]),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
