"""musicgen baseline: let a baseline learn, measure it, let it write."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.cli.shared.reference import reference_of


def baseline(config: DictConfig) -> None:
    """Run the baseline that the config names on the pieces that it chooses."""
    import torch

    from musicgen.baselines.baseline import BaselineData
    from musicgen.baselines.measure import run_baseline
    from musicgen.cli.shared.own_metrics import register_metrics
    from musicgen.music.packing import TICKS_PER_QUARTER
    from musicgen.style.load import load_classifier
    from musicgen.training.threads import use_threads
    from musicgen.training.trainer import fastest_precision

    use_threads(config.threads)
    torch.manual_seed(config.seed)
    register_metrics(config)
    if config.trainer.precision == "auto":
        config.trainer.precision = fastest_precision(config.trainer.accelerator)
    prepared = prepared_pieces(config)
    prepared.require("train", "val")
    metrics = run_baseline(
        instantiate(config.baseline),
        BaselineData(
            train=prepared.splits["train"],
            held_out=prepared.splits["val"],
            reference=reference_of(config, prepared, num_quarters=config.generate.num_quarters),
            ticks=config.grid.get("ticks", TICKS_PER_QUARTER),
        ),
        folder=Path(HydraConfig.get().runtime.output_dir),
        seed=config.seed,
        classifier=load_classifier(config.weights).module if config.weights else None,
        **config.generate,
    )
    for name in sorted(metrics):
        if name.endswith("/mean") or not name.startswith(("generated/", "real/")):
            print(f"{name:<40} {metrics[name]:.4f}")


def main() -> None:
    """Run the verb."""
    launch(baseline, verb="baseline")
