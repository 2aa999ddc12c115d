"""musicgen prepare shard=i/n: one part of the preparation, and all parts together when a sweep ends."""

from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.cli.shared.last_act import LastAct
from musicgen.cli.shared.pieces import prepared_pieces, work_of

if TYPE_CHECKING:
    from musicgen.data.prepare import Prepared, PreparedShard


class JoinShards(LastAct):
    """Prepare all pieces as the last act of a sweep over shards: everything is in the cache by then."""

    def finish(self, config: DictConfig) -> None:
        """Leave the summary of all pieces in the sweep's folder; what a dead shard left is read here."""
        if any(override.startswith("shard=") for override in config.hydra.overrides.task):
            tell(prepared_pieces(config), Path(config.hydra.sweep.dir))


def prepared_shard(config: DictConfig) -> "PreparedShard":
    """Prepare the shard that a config names."""
    from musicgen.data.catalogue.shards import Shard
    from musicgen.data.prepare import prepare_shard

    shard = Shard.parse(str(config.shard))
    source, grid = instantiate(config.data.source), instantiate(config.grid)
    return prepare_shard(source, grid, shard=shard, **work_of(config.data))


def tell(prepared: "Prepared | PreparedShard", folder: Path) -> None:
    """Write the summary of what was prepared, and show it."""
    from musicgen.data.prepare import write_summary

    write_summary(prepared, folder)
    summary = prepared.summary
    print(
        f"{summary['files']} files, {summary['pieces']} distinct pieces, {summary['skipped']} skipped: "
        f"{summary['quarters']:,} quarters, {summary['notes']:,} notes"
    )
    if "passages" in summary:
        passages = summary["passages"]
        print(f"  of these {passages['passages']:,} passages of {passages['quarters']:,} quarters")
    for name, count in summary.get("by_era", {}).items():
        print(f"  {name:<10} {count}")
    print(f"Summary: {folder / 'summary.json'}")
