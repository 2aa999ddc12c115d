"""musicgen export: write a run as a small model folder, to give to others."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.training_index import training_index
from musicgen.config.tree import read_run_config

if TYPE_CHECKING:
    from musicgen.measure.copying.index import CopyIndex


def export(config: DictConfig) -> None:
    """Write the model folder and say what is in it."""
    from musicgen.pipeline.export import export_run

    copies = _copies(Path(config.run)) if config.copies else None
    model = export_run(config.run, config.to, max_mb=config.max_mb, copies=copies)
    print(f"{model.folder}: {', '.join(model.stages)}, {model.num_bytes / 1e6:.2f} MB")
    print(f"Next: musicgen generate run={model.folder}")


def _copies(run: Path) -> "CopyIndex | None":
    """Index the training pieces; None, and why, where they are not known or cannot be read any more."""
    try:
        hydra = read_run_config(run / ".hydra" / "hydra.yaml")
        if OmegaConf.select(hydra, "hydra.job.config_name") != "train":
            raise ValueError(f"{run} was not trained here")
        return training_index(run)
    except (ValueError, OSError, OmegaConfBaseException) as error:
        print(f"Without an index of the training pieces, since they cannot be read: {error}")
        return None


def main() -> None:
    """Run the verb."""
    launch(export, verb="export")
