"""Real music for the verbs that measure: held-out pieces of the same composers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.pieces import prepared_pieces

if TYPE_CHECKING:
    from musicgen.data.prepare import Prepared
    from musicgen.measure.reference import Reference


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
    from musicgen.measure.reference import real_excerpts

    composers = sorted({piece.composer for piece in prepared.pieces})
    music = ("mode", "key", "progression", "passage_quarters", "form")
    anything = dict.fromkeys(("era", "title", *music, "max_pieces"))
    of_composers = {"data": {"composer": composers, **anything}}
    with_all = OmegaConf.merge(config, of_composers)
    assert isinstance(with_all, DictConfig)
    all_pieces = prepared_pieces(with_all, make=make)
    trained_on = all_pieces.with_twins({piece.content for piece in prepared.splits["train"].pieces})
    held_out = [all_pieces.splits["val"], all_pieces.splits["test"]]
    return real_excerpts(held_out, num_quarters=num_quarters, leave_out=trained_on)
