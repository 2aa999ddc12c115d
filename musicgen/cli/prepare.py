"""musicgen prepare: read, clean, cut and cache the chosen pieces."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.cli.shared.shards import prepared_shard, tell


def prepare(config: DictConfig) -> None:
    """Prepare the pieces or a shard of them, and leave `summary.json` and `skipped.csv`."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    tell(prepared_pieces(config) if config.shard is None else prepared_shard(config), folder)


def main() -> None:
    """Run the verb."""
    launch(prepare, verb="prepare")
