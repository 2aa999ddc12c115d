"""musicgen import: make a run folder of Bachsformer's weights."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.application import launch


def import_weights(config: DictConfig) -> None:
    """Bring the weights into our modules and leave them as a run's checkpoints; if asked, measure them."""
    from musicgen.checkpoint import describe, fingerprint, save_network
    from musicgen.compat.bachsformer_weights import import_networks
    from musicgen.training.threads import use_threads

    use_threads(config.threads)
    folder = Path(HydraConfig.get().runtime.output_dir)
    autoencoder, transformer = import_networks(config.weights, num_heads=config.num_heads)
    origin = {"grid": OmegaConf.to_container(config.grid), "data": {"source": "bachsformer"}}
    vq_vae = describe("vq_vae", config=autoencoder.config, **origin)
    save_network(autoencoder.module, folder, description=vq_vae)
    prior = describe(
        "transformer",
        config=transformer.config,
        autoencoder_sha256=fingerprint(autoencoder.module),
        **origin,
    )
    save_network(transformer.module, folder, description=prior)
    if config.evaluate:
        _evaluate(config, folder)
    print(f"Run folder: {folder}\nNext: musicgen generate run={folder} prompt=FILE.mid")


def _evaluate(config: DictConfig, folder: Path) -> None:
    """Measure the imported weights on the held-out pieces of the config's data."""
    from musicgen.cli.evaluate import run_metrics
    from musicgen.measure.evaluate import METRICS_FILE, write_metrics

    metrics, _ = run_metrics(folder, config)
    write_metrics(metrics, folder / METRICS_FILE)


def main() -> None:
    """Run the verb."""
    launch(import_weights, verb="import")
