"""How far a run's pieces are from real ones."""

from math import ceil
from statistics import median
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.cli.shared.reference import reference_of
from musicgen.config.tree import plain

if TYPE_CHECKING:
    from musicgen.music.notes import Performance


def run_distances(
    pieces: "list[Performance]", config: DictConfig, *, weights: str | None
) -> dict[str, float]:
    """Measure how far a run's pieces are from held-out real ones of its composers, and whose style they have.

    Args:
        pieces: What the run wrote.
        config: The run's, with `data` and `grid`.
        weights: A folder that `musicgen classify` left; None leaves style and Fréchet distance out.
    """
    from musicgen.config.build import build
    from musicgen.measure.reference import distance_metrics
    from musicgen.style.load import load_classifier
    from musicgen.style.predictions import style_metrics

    def make(named: DictConfig) -> Any:
        return build(plain(named))

    lengths = [piece.duration_quarters for piece in pieces if len(piece)]
    if not lengths:
        return {}
    prepared = prepared_pieces(config, make=make)
    reference = reference_of(config, prepared, num_quarters=ceil(median(lengths)), make=make)
    metrics = distance_metrics(pieces, reference)
    if weights is not None:
        composers = sorted({piece.surname for piece in prepared.splits["train"].pieces})
        classifier = load_classifier(weights).module
        metrics |= style_metrics(classifier, pieces, reference, composers=composers)
    return metrics
