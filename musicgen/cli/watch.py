"""musicgen watch: a live table of the jobs of a sweep."""

from pathlib import Path

from omegaconf import DictConfig

from musicgen.cli.shared.application import launch


def watch(config: DictConfig) -> None:
    """Show how far the runs are, until the sweep is over."""
    from rich.console import Console

    from musicgen.sweeps.watch import watch as show

    folders, console = [Path(folder) for folder in config.runs], Console()
    try:
        show(
            folders,
            every_s=config.every_s,
            console=console,
            is_over=lambda progress: config.once or progress.is_over,
        )
    except KeyboardInterrupt:
        console.print("The sweep goes on; it is not touched by watching.")


def main() -> None:
    """Run the verb."""
    launch(watch, verb="watch")
