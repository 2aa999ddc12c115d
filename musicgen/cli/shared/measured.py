"""The figures of a run folder, or of any folder of MIDI."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from musicgen.cli.shared.pieces import chosen_pieces, prepared_pieces
from musicgen.config.tree import plain

if TYPE_CHECKING:
    from musicgen.measure.generated import Hearing


def run_metrics(run: Path, config: DictConfig) -> "tuple[dict[str, float], Hearing]":
    """Take all figures of a run folder on the held-out pieces that a config's data and grid give."""
    from musicgen.checkpoint import build, load_autoencoder
    from musicgen.measure.evaluate import evaluate_run
    from musicgen.measure.generated import generated_pieces, hear
    from musicgen.pipeline.encode import codes_by_split

    prepared = prepared_pieces(config, make=lambda named: build(plain(named)))
    codes = codes_by_split(load_autoencoder(run), prepared)
    hearing = hear(generated_pieces(run), prepared)
    quarters = config.windows.window_quarters
    return evaluate_run(run, prepared, codes=codes, window_quarters=quarters, hearing=hearing), hearing


def folder_metrics(config: DictConfig) -> "tuple[dict[str, float], Hearing]":
    """Take the figures of music of the pieces that a config's data chooses, beside real ones if there are."""
    from musicgen.data.catalogue.choice import Choice
    from musicgen.data.prepare import prepare
    from musicgen.data.sources.folder import Folder
    from musicgen.measure.generated import hear_files
    from musicgen.music.grid import ClockGrid

    if "source" not in config.data:
        raise ValueError("nothing to measure: give run=DIR, or data=folder data.root=DIR")
    reference, cache = None, config.data.cache_dir
    if config.against:
        reference = prepare(Folder(config.against), ClockGrid(), choice=Choice(), cache_dir=cache)
    hearing = hear_files(chosen_pieces(config.data), reference)
    return hearing.metrics(), hearing
