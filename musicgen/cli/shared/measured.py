"""The metrics of a run folder, or of any folder of MIDI."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.pieces import chosen_pieces, prepared_pieces
from musicgen.config.tree import plain, read_run_config

if TYPE_CHECKING:
    from musicgen.measure.generated import GeneratedMetrics
    from musicgen.measure.rendering import Rendered
    from musicgen.music.notes import Performance


def settings_of_run(config: DictConfig) -> DictConfig:
    """Return the settings of the run that `evaluate` measures, with the data that it is given instead.

    Raises:
        FileNotFoundError: The run's settings are not there.
        ValueError: They are no config.
    """
    given = {name: value for name, value in config.data.items() if value is not None}
    settings = OmegaConf.merge(read_run_config(Path(config.run) / ".hydra" / "config.yaml"), {"data": given})
    assert isinstance(settings, DictConfig)
    return settings


def run_metrics(run: Path, config: DictConfig) -> "tuple[dict[str, float], GeneratedMetrics]":
    """Take all metrics of a run folder on the held-out pieces that a config's data and grid give."""
    from musicgen.checkpoint import load_autoencoder, load_transformer
    from musicgen.config.build import build
    from musicgen.measure.evaluate import evaluate_run
    from musicgen.measure.generated import generated_pieces, measure_generated
    from musicgen.pipeline.encode import codes_by_split

    prepared = prepared_pieces(config, make=lambda named: build(plain(named)))
    autoencoder = load_autoencoder(run)
    prior = load_transformer(run, autoencoder=autoencoder.module)
    generated_metrics = measure_generated(generated_pieces(run), prepared)
    metrics = evaluate_run(
        autoencoder,
        prior,
        prepared,
        folder=run,
        codes=codes_by_split(autoencoder, prepared),
        window_quarters=config.windows.window_quarters,
        generated_metrics=generated_metrics,
    )
    return metrics, generated_metrics


def run_renderings(run: Path, config: DictConfig) -> "Rendered | None":
    """Render a run's held-out pieces with its renderer; None where it has none."""
    from musicgen.config.build import build
    from musicgen.generation.rendering import has_renderer, load_renderer
    from musicgen.measure.rendering import held_out_renderings

    if not has_renderer(run):
        return None
    prepared = prepared_pieces(config, make=lambda named: build(plain(named)))
    return held_out_renderings(
        load_renderer(run).module, prepared, build(plain(config.grid)), seed=config.seed
    )


def folder_metrics(config: DictConfig) -> "tuple[dict[str, float], GeneratedMetrics]":
    """Take the metrics of music of the pieces that a config's data chooses, beside real ones if there are."""
    from musicgen.data.catalogue.piece_filter import PieceFilter
    from musicgen.data.prepare import prepare
    from musicgen.data.sources.folder import Folder
    from musicgen.measure.generated import measure_generated_files
    from musicgen.measure.music import read_generated
    from musicgen.music.beat_grid import BeatsGrid, moved_onto_beats
    from musicgen.music.grid import ClockGrid

    reference, cache = None, config.data.cache_dir
    if config.against:
        grid = BeatsGrid() if config.beats else ClockGrid()
        reference = prepare(Folder(config.against), grid, choice=PieceFilter(), cache_dir=cache)

    def read(path: Path) -> "Performance":
        performance = read_generated(path)
        return moved_onto_beats(performance) if config.beats else performance

    generated_metrics = measure_generated_files(chosen_pieces(config.data), reference, read=read)
    return generated_metrics.metrics(), generated_metrics
