"""musicgen evaluate: measure a run again, or any folder of MIDI, and show its pieces."""

from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.application import launch
from musicgen.cli.prepare import chosen_pieces, prepared_pieces
from musicgen.cli.reference import run_distances
from musicgen.config import plain, read_run_config

if TYPE_CHECKING:
    from musicgen.evaluation.hearing import Hearing


def run_metrics(run: Path, config: DictConfig) -> "tuple[dict[str, float], Hearing]":
    """Take all figures of a run folder on the held-out pieces that a config's data and grid give."""
    from musicgen.checkpoint import build, load_autoencoder
    from musicgen.evaluation.evaluate import evaluate_run
    from musicgen.evaluation.hearing import generated_pieces, hear
    from musicgen.generation.tokenize import encode_pieces

    prepared = prepared_pieces(config, make=lambda named: build(plain(named)))
    autoencoder = load_autoencoder(run).module
    codes = {
        name: encode_pieces(autoencoder, pieces, description=f"Encoding {name}")
        for name, pieces in prepared.splits.items()
    }
    hearing = hear(generated_pieces(run), prepared)
    quarters = config.windows.window_quarters
    return evaluate_run(run, prepared, codes=codes, window_quarters=quarters, hearing=hearing), hearing


def folder_metrics(config: DictConfig) -> "tuple[dict[str, float], Hearing]":
    """Take the figures of music of the pieces that a config's data chooses, beside real ones if there are."""
    from musicgen.data.catalogue import Choice
    from musicgen.data.folder import Folder
    from musicgen.data.prepare import prepare
    from musicgen.evaluation.hearing import hear_files
    from musicgen.music.grid import ClockGrid

    if "source" not in config.data:
        raise ValueError("nothing to measure: give run=DIR, or data=folder data.root=DIR")
    reference, cache = None, config.data.cache_dir
    if config.against:
        reference = prepare(Folder(config.against), ClockGrid(), choice=Choice(), cache_dir=cache)
    hearing = hear_files(chosen_pieces(config.data), reference)
    return hearing.metrics(), hearing


def evaluate(config: DictConfig) -> None:
    """Measure, leave figures, pieces and page, and show the table."""
    import torch
    from rich.console import Console

    from musicgen.evaluation.figure_table import screen_figures
    from musicgen.evaluation.hearing import generated_pieces
    from musicgen.evaluation.outcome import PageExtent, write_outcome

    extent = PageExtent(**config.page)
    if config.threads:
        torch.set_num_threads(config.threads)
    if config.run:
        of_run = read_run_config(Path(config.run) / ".hydra" / "config.yaml")
        given = {name: value for name, value in config.data.items() if value is not None}
        with_data = OmegaConf.merge(of_run, {"data": given})
        assert isinstance(with_data, DictConfig)
        metrics, hearing = run_metrics(Path(config.run), with_data)
        if config.distances or config.weights:
            pieces = [piece for _, piece in generated_pieces(config.run)]
            metrics |= run_distances(pieces, with_data, weights=config.weights)
    else:
        metrics, hearing = folder_metrics(config)
    measured = str(config.run or config.data.get("root") or HydraConfig.get().runtime.choices["data"])
    folder = Path(HydraConfig.get().runtime.output_dir)
    paths = write_outcome(folder, metrics=metrics, hearing=hearing, measured=measured, extent=extent)
    Console().print(screen_figures(metrics))
    print(*paths, sep="\n")


def main() -> None:
    """Run the verb."""
    launch(evaluate, verb="evaluate")
