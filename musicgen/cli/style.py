"""musicgen style: what parts the music of two composers, with intervals and passages to hear."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.pieces import prepared_pieces

if TYPE_CHECKING:
    from musicgen.measure.music import MeasuredPiece

_SHOWN = 20


def style(config: DictConfig) -> None:
    """Measure pieces of two composers, and show, write and illustrate in what they differ."""
    from rich.console import Console
    from rich.table import Table

    from musicgen.style.rules import find_rules, write_examples, write_rules

    sets = {name: _pieces(config, name) for name in (config.composer, config.against)}
    first, second = sets.items()
    rules = find_rules(first, second, seed=config.seed)
    folder = Path(HydraConfig.get().runtime.output_dir)
    write_rules(rules, folder / "rules.csv")
    written = write_examples(rules, sets, folder / "examples") if config.examples else []
    holding = [rule for rule in rules if rule.holds]
    table = Table("kind", "what", f"{config.composer} less {config.against}", "95 % interval", "p (Holm)")
    for rule in holding[:_SHOWN]:
        found = rule.contrast
        interval = f"{found.low:.3g} to {found.high:.3g}"
        table.add_row(rule.kind, rule.name, f"{found.difference:+.3g}", interval, f"{found.p_holm:.2g}")
    Console().print(table)
    counts = ", ".join(f"{len(pieces)} pieces of {name}" for name, pieces in sets.items())
    print(f"{len(holding)} of {len(rules)} differences hold for {counts}")
    print(folder / "rules.csv", *written, sep="\n")


def _pieces(config: DictConfig, composer: str) -> "Sequence[MeasuredPiece]":
    """Measure an excerpt from the middle of each piece of a composer."""
    import numpy as np

    from musicgen.measure.music import measure
    from musicgen.music.grid import from_packed

    chosen = OmegaConf.merge(config, {"data": {"composer": [composer]}})
    assert isinstance(chosen, DictConfig)
    excerpts = []
    for split in prepared_pieces(chosen).splits.values():
        for number, piece in enumerate(split.pieces):
            packed = np.array(split.piece(number))
            start = max(0, (len(packed) - config.num_quarters) // 2)
            excerpt = from_packed(packed[start : start + config.num_quarters], ticks=split.ticks)
            excerpts.append((piece.path.name, excerpt))
    return measure(excerpts, total=len(excerpts), description=f"Measuring {composer}")


def main() -> None:
    """Run the verb."""
    launch(style, verb="style")
