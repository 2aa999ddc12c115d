"""musicgen evaluate: measure a run again, or any folder of MIDI, and show its pieces."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.distances import run_distances
from musicgen.cli.shared.measured import folder_metrics, run_metrics, run_renderings, settings_of_run
from musicgen.files.run_folders import run_label


def evaluate(config: DictConfig) -> None:
    """Measure, leave metrics, pieces and page, and show the table."""
    from rich.console import Console

    from musicgen.cli.shared.own_metrics import register_metrics
    from musicgen.measure.generated import generated_pieces
    from musicgen.measure.rendering import rendering_metrics
    from musicgen.reports.pages.metric_table import metric_tables
    from musicgen.reports.pages.rendering_page import write_rendering_page
    from musicgen.reports.pages.write_evaluation import PageExtent, write_evaluation
    from musicgen.reports.tables.render import to_terminal
    from musicgen.training.threads import use_threads

    extent, renderings = PageExtent(**config.page), None
    register_metrics(config)
    use_threads(config.threads)
    if config.run:
        with_data = settings_of_run(config)
        metrics, generated_metrics = run_metrics(Path(config.run), with_data)
        if config.distances or config.weights:
            pieces = [piece for _, piece in generated_pieces(config.run)]
            metrics |= run_distances(pieces, with_data, weights=config.weights)
        renderings = run_renderings(Path(config.run), with_data)
        metrics |= rendering_metrics(renderings) if renderings else {}
    else:
        metrics, generated_metrics = folder_metrics(config)
    folder = config.run or config.data.get("root")
    measured = run_label(folder) if folder else str(HydraConfig.get().runtime.choices["data"])
    folder = Path(HydraConfig.get().runtime.output_dir)
    paths = write_evaluation(
        folder, metrics=metrics, generated_metrics=generated_metrics, measured=measured, extent=extent
    )
    if renderings and extent.max_pieces:
        paths.append(
            write_rendering_page(folder, renderings, metrics=metrics, measured=measured, extent=extent)
        )
    Console().print(*map(to_terminal, metric_tables(metrics)), sep="\n")
    print(*paths, sep="\n")


def main() -> None:
    """Run the verb."""
    launch(evaluate, verb="evaluate")
