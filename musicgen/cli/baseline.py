"""musicgen baseline: let a baseline learn, measure it, let it write."""

from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.application import launch
from musicgen.cli.prepare import prepared_pieces

if TYPE_CHECKING:
    from musicgen.data.prepare import Prepared
    from musicgen.evaluation.reference import Reference


def baseline(config: DictConfig) -> None:
    """Run the baseline that the config names on the pieces that it chooses."""
    import torch

    from musicgen.baselines.baseline import Material
    from musicgen.baselines.measure import run_baseline

    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    prepared = prepared_pieces(config)
    prepared.require("train", "val")
    figures = run_baseline(
        instantiate(config.baseline),
        Material(
            train=prepared.splits["train"],
            held_out=prepared.splits["val"],
            reference=reference_of(config, prepared, num_quarters=config.generate.num_quarters),
        ),
        folder=Path(HydraConfig.get().runtime.output_dir),
        seed=config.seed,
        **config.generate,
    )
    for name in sorted(figures):
        if name.endswith("/mean") or not name.startswith(("generated/", "real/")):
            print(f"{name:<40} {figures[name]:.4f}")


def reference_of(config: DictConfig, prepared: "Prepared", *, num_quarters: int) -> "Reference":
    """Cut excerpts from the pieces of the same composers that are not in the training split."""
    from musicgen.evaluation.reference import real_excerpts

    composers = sorted({piece.composer for piece in prepared.pieces})
    of_composers = {"data": {"composer": composers, "era": None, "title": None, "max_pieces": None}}
    with_all = OmegaConf.merge(config, of_composers)
    assert isinstance(with_all, DictConfig)
    all_pieces = prepared_pieces(with_all)
    trained_on = {piece.content for piece in prepared.splits["train"].pieces}
    return real_excerpts(list(all_pieces.splits.values()), num_quarters=num_quarters, leave_out=trained_on)


def main() -> None:
    """Run the verb."""
    launch(baseline, verb="baseline")
