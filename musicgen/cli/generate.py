"""musicgen generate: write new pieces from a run."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch


def generate(config: DictConfig) -> None:
    """Sample pieces from a run folder, from nothing or from a prompt, and say where they are."""
    import torch

    from musicgen.checkpoint import load_autoencoder, load_transformer
    from musicgen.config.build import build
    from musicgen.generation.generate import generate_pieces
    from musicgen.generation.prompts import read_prompt
    from musicgen.generation.writing import check_formats, write_pieces

    check_formats(config.formats)
    if config.threads:
        torch.set_num_threads(config.threads)
    autoencoder = load_autoencoder(config.run)
    transformer = load_transformer(config.run, autoencoder=autoencoder.module)
    prompt = None
    if config.prompt is not None:
        grid = build(autoencoder.description["grid"])
        prompt = read_prompt(config.prompt, grid=grid, num_quarters=config.prompt_quarters)
        print(f"{config.prompt}: {len(prompt)} quarters kept, {config.num_quarters} to come")
    pieces = generate_pieces(
        autoencoder.module,
        transformer.module,
        num_pieces=config.num_pieces,
        num_quarters=config.num_quarters,
        seed=config.seed,
        sampling=instantiate(config.sampling),
        tempo_bpm=config.tempo_bpm,
        prompt=prompt,
    )
    folder = Path(HydraConfig.get().runtime.output_dir)
    for path in write_pieces(pieces, folder, tempo_bpm=config.tempo_bpm, formats=config.formats):
        print(path)


def main() -> None:
    """Run the verb."""
    launch(generate, verb="generate")
