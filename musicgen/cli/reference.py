"""Real music for the verbs that measure: held-out pieces of the same composers."""

from collections.abc import Callable
from math import ceil
from statistics import median
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.prepare import prepared_pieces
from musicgen.config import plain

if TYPE_CHECKING:
    from musicgen.data.prepare import Prepared
    from musicgen.evaluation.reference import Reference
    from musicgen.music.notes import Performance


def reference_of(
    config: DictConfig,
    prepared: "Prepared",
    *,
    num_quarters: int,
    make: Callable[[DictConfig], Any] = instantiate,
) -> "Reference":
    """Cut excerpts from the held-out pieces of the same composers, whatever else the choice asks for.

    A choice of a dozen pieces holds out one or two, too few to compare with; its composers wrote more.

    Args:
        config: With `data` and `grid`, as the pieces were prepared.
        prepared: The pieces.
        num_quarters: Length of an excerpt.
        make: Builds the source and the grid, see `prepared_pieces`.
    """
    from musicgen.evaluation.reference import real_excerpts

    composers = sorted({piece.composer for piece in prepared.pieces})
    music = ("mode", "key", "progression", "passage_quarters", "form")
    anything = dict.fromkeys(("era", "title", *music, "max_pieces"))
    of_composers = {"data": {"composer": composers, **anything}}
    with_all = OmegaConf.merge(config, of_composers)
    assert isinstance(with_all, DictConfig)
    all_pieces = prepared_pieces(with_all, make=make)
    trained_on = {piece.content for piece in prepared.splits["train"].pieces}
    held_out = [all_pieces.splits["val"], all_pieces.splits["test"]]
    return real_excerpts(held_out, num_quarters=num_quarters, leave_out=trained_on)


def run_distances(
    pieces: "list[Performance]", config: DictConfig, *, weights: str | None
) -> dict[str, float]:
    """Measure how far a run's pieces are from held-out real ones of its composers, and whose style they have.

    Args:
        pieces: What the run wrote.
        config: The run's, with `data` and `grid`.
        weights: A folder that `musicgen classify` left; None leaves style and Fréchet distance out.
    """
    from musicgen.checkpoint import build, load_classifier
    from musicgen.evaluation.reference import distance_metrics
    from musicgen.evaluation.style import style_figures

    def make(named: DictConfig) -> Any:
        return build(plain(named))

    lengths = [piece.duration_quarters for piece in pieces if len(piece)]
    if not lengths:
        return {}
    prepared = prepared_pieces(config, make=make)
    reference = reference_of(config, prepared, num_quarters=ceil(median(lengths)), make=make)
    figures = distance_metrics(pieces, reference)
    if weights is not None:
        composers = sorted({piece.surname for piece in prepared.splits["train"].pieces})
        classifier = load_classifier(weights).module
        figures |= style_figures(classifier, pieces, reference, composers=composers)
    return figures
