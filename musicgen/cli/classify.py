"""musicgen classify: train a classifier of composer and era, and ask it whose style generated pieces have."""

from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.config.tree import plain


def classify(config: DictConfig) -> None:
    """Train unless weights are given, then predict the style of the run if one is named."""
    from musicgen.training.threads import use_threads

    use_threads(config.threads)
    for name, value in ({} if config.weights else _train(config)).items():
        print(f"{name:<40} {value:.4f}")
    if config.run is not None:
        _predict(Path(config.run), weights=Path(config.weights or config.run_dir))


def _train(config: DictConfig) -> dict[str, float]:
    from musicgen.style.training import StyleTraining

    training = StyleTraining(
        folder=Path(config.run_dir),
        network_config=plain(config.classifier),
        optimizer=instantiate(config.optimizer),
        scheduler=instantiate(config.scheduler),
        max_epochs=config.epochs,
        batch_size=config.batch_size,
        make_classifier=partial(instantiate, config.classifier),
        make_trainer=lambda **more: instantiate(config.trainer)(**more),  # each stage its own strategy
        logger=list(instantiate(config.logger).values()),
        clips=dict(config.clips),
        grid=plain(config.grid),
        seed=config.seed,
        forest=config.forest,
        half=config.half,
    )
    return training.run(prepared_pieces(config), folds=config.folds)


def _predict(run: Path, *, weights: Path) -> None:
    from musicgen.style.run_predictions import predict_run

    predictions = predict_run(run, weights=weights)
    predictions.write(Path(HydraConfig.get().runtime.output_dir) / "predictions.csv")
    print("\n".join(predictions.lines()))


def main() -> None:
    """Run the verb."""
    launch(classify, verb="classify")
