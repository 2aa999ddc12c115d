"""A run folder with untrained networks and a config of its own, in a moment."""

from pathlib import Path

import torch
from omegaconf import OmegaConf

from musicgen.checkpoint import describe, fingerprint, save_network
from musicgen.config.build import build
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.flat import Transformer

CLOCK = {"_target_": "musicgen.music.grid.ClockGrid"}
PRIOR = {"num_layers": 1, "num_heads": 2, "width": 16, "max_positions": 64}
NAMES = [["Bach, Johann Sebastian", "Chopin, Frédéric"], ["baroque", "romantic"]]


def conditioner(names: list[list[str]] = NAMES) -> LabelConditioner:
    return LabelConditioner(fields=["composer", "era"], width=16, names=names)


def prior(labels: LabelConditioner) -> Transformer:
    return Transformer(vocabulary=Vocabulary(16, 1, 8), conditioner=labels, **PRIOR)


def write_small_run(folder: Path) -> Path:
    """Write both networks, a config with folders of this machine in it, metrics and a piece."""
    torch.manual_seed(0)
    quantizer = {"_target_": "musicgen.models.bottlenecks.codebook.VectorQuantizer"}
    config = {
        "_target_": "musicgen.models.convolutional.ConvolutionalAutoencoder",
        "bottleneck": {**quantizer, "num_embeddings": 8, "embedding_dim": 8},
        "num_hiddens": 8,
        "num_residual_hiddens": 4,
    }
    autoencoder = build(config)
    autoencoder((torch.rand(16, 1, 88, 32) < 0.1).float())
    labels = conditioner()
    network = prior(labels)
    origin = {"grid": CLOCK, "data": {"source": "folder"}}
    save_network(autoencoder, folder, description=describe("vq_vae", config=config, **origin))
    told = {
        "_target_": f"{LabelConditioner.__module__}.LabelConditioner",
        "fields": labels.fields,
        "width": labels.width,
        "names": labels.names,
    }
    config = {
        "_target_": "musicgen.models.priors.flat.Transformer",
        "vocabulary": network.vocabulary.config(),
        **PRIOR,
        "conditioner": told,
    }
    bound = {"autoencoder_sha256": fingerprint(autoencoder)}
    save_network(network, folder, description=describe("transformer", config=config, **origin, **bound))
    (folder / ".hydra").mkdir()
    data = {"root": str(folder / "music"), "cache_dir": str(folder / "cache"), "composer": None}
    OmegaConf.save(OmegaConf.create({"data": data, "epochs": 3}), folder / ".hydra" / "config.yaml")
    choices = {"vq_vae": "pitch", "hydra/launcher": "basic"}
    hydra = {"job": {"config_name": "train"}, "runtime": {"choices": choices, "cwd": str(folder)}}
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), folder / ".hydra" / "hydra.yaml")
    (folder / "metrics.json").write_text('{"vq_vae/val/bce": 0.1}\n')
    return folder
