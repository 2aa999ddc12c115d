"""The index of the pieces that a run learned from, to find copies of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.config.tree import plain, read_run_config

if TYPE_CHECKING:
    from musicgen.measure.copying.index import CopyIndex


def training_index(run: Path) -> "CopyIndex":
    """Load the index that a model brings, or index the training pieces of a run if they are still there.

    Args:
        run: A run folder or a model folder.

    Raises:
        ValueError: The index is damaged, or the pieces cannot be found or read.
        OSError: The same.
    """
    from musicgen.cli.shared.pieces import prepared_pieces
    from musicgen.config.build import build
    from musicgen.data.catalogue.pieces import distinct
    from musicgen.measure.copying.index import CopyIndex
    from musicgen.measure.copying.threshold import copy_index
    from musicgen.pipeline.export import COPIES_FILE

    if (run / COPIES_FILE).is_file():
        return CopyIndex.load(run / COPIES_FILE)
    of_run = read_run_config(run / ".hydra" / "config.yaml")
    prepared = prepared_pieces(of_run, make=lambda named: build(plain(named)))
    return copy_index(distinct(prepared.splits["train"].pieces), cache_dir=prepared.cache_dir)
