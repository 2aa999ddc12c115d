"""musicgen evaluate: measure a run again on held-out and generated pieces."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.application import launch
from musicgen.cli.prepare import prepared_pieces
from musicgen.config import plain


def run_metrics(run: Path, config: DictConfig) -> dict[str, float]:
    """Take all figures of a run folder on the held-out pieces that a config's data and grid give."""
    from musicgen.checkpoint import build, load_autoencoder
    from musicgen.evaluation.evaluate import evaluate_run
    from musicgen.generation.tokenize import encode_pieces

    prepared = prepared_pieces(config, make=lambda named: build(plain(named)))
    autoencoder = load_autoencoder(run).module
    codes = {
        name: encode_pieces(autoencoder, pieces, description=f"Encoding {name}")
        for name, pieces in prepared.splits.items()
    }
    return evaluate_run(run, prepared, codes=codes, window_quarters=config.windows.window_quarters)


def evaluate(config: DictConfig) -> None:
    """Take all figures of a run folder, on its own held-out pieces."""
    import torch

    from musicgen.evaluation.evaluate import METRICS_FILE, write_metrics

    if config.threads:
        torch.set_num_threads(config.threads)
    run = Path(config.run)
    of_run = OmegaConf.load(run / ".hydra" / "config.yaml")
    with_data = OmegaConf.merge(of_run, {"data": config.data})
    assert isinstance(with_data, DictConfig)
    metrics = run_metrics(run, with_data)
    path = Path(HydraConfig.get().runtime.output_dir) / METRICS_FILE
    write_metrics(metrics, path)
    for name, value in sorted(metrics.items()):
        print(f"{name:<40} {value:.4f}")
    print(path)


def main() -> None:
    """Run the verb."""
    launch(evaluate, verb="evaluate")
