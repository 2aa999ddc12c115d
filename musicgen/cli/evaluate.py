"""musicgen evaluate: measure a run again on held-out and generated pieces."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.application import launch
from musicgen.cli.prepare import prepared_pieces


def evaluate(config: DictConfig) -> None:
    """Take all figures of a run folder, on its own held-out pieces."""
    import torch

    from musicgen.checkpoint import load_autoencoder
    from musicgen.evaluation.evaluate import METRICS_FILE, evaluate_run, write_metrics
    from musicgen.generation.tokenize import encode_pieces

    if config.threads:
        torch.set_num_threads(config.threads)
    run = Path(config.run)
    of_run = OmegaConf.load(run / ".hydra" / "config.yaml")
    with_data = OmegaConf.merge(of_run, {"data": config.data})
    assert isinstance(with_data, DictConfig)
    prepared = prepared_pieces(with_data)
    autoencoder = load_autoencoder(run).module
    codes = {
        name: encode_pieces(autoencoder, pieces, description=f"Encoding {name}")
        for name, pieces in prepared.splits.items()
    }
    metrics = evaluate_run(run, prepared, codes=codes, window_quarters=of_run.windows.window_quarters)
    path = Path(HydraConfig.get().runtime.output_dir) / METRICS_FILE
    write_metrics(metrics, path)
    for name, value in sorted(metrics.items()):
        print(f"{name:<40} {value:.4f}")
    print(path)


def main() -> None:
    """Run the verb."""
    launch(evaluate, verb="evaluate")
