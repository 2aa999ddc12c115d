"""Synthetic run folders: real event files, real MIDI, metrics that follow the settings."""

import json
import math
from pathlib import Path

import numpy as np
import yaml

from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from musicgen.reports.runs.runs import Run

BASE_CONFIG = {
    "name": "train",
    "epochs": 10,
    "seed": 0,
    "stages": ["vq_vae", "transformer", "generate", "evaluate"],
    "run_dir": "${hydra:runtime.output_dir}",
    "max_epochs": {"vq_vae": "${epochs}", "transformer": "${epochs}"},
    "data": {
        "composer": ["Chopin"],
        "title": "Nocturne",
        "cache_dir": "/home/a/cache",
        "root": "/data/giantmidi",
    },
    "quantizer": {
        "_target_": "musicgen.models.bottlenecks.codebook.VectorQuantizer",
        "num_embeddings": 16,
        "decay": 0.99,
    },
    "vq_vae": {"num_hiddens": 128, "num_residual_layers": 2},
    "transformer": {"num_layers": 4, "width": 128, "num_embeddings": "${quantizer.num_embeddings}"},
    "optimizer": {"vq_vae": {"lr": 0.001}},
    "trainer": {"accelerator": "cpu"},
}
CHOICES = {"data": "giantmidi", "quantizer": "ema", "hydra/launcher": "basic", "experiment": "none"}


def make_run(
    folder: Path,
    *,
    overrides: dict | None = None,
    choices: dict | None = None,
    pieces: int = 1,
    num_quarters: int = 64,
    points_an_epoch: int = 1,
    curves: bool = True,
    error: str | None = None,
    metrics: bool = True,
    extra: dict | None = None,
) -> Path:
    """Write a run folder as training leaves it; the metrics depend on the settings and the seed."""
    overrides = overrides or {}
    config = json.loads(json.dumps(BASE_CONFIG))
    for key, value in overrides.items():
        place = config
        *parents, last = key.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    hydra = folder / ".hydra"
    hydra.mkdir(parents=True)
    lines = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    (hydra / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (hydra / "overrides.yaml").write_text(yaml.safe_dump(lines))
    job = {"job": {"config_name": "train"}, "runtime": {"choices": CHOICES | (choices or {})}}
    (hydra / "hydra.yaml").write_text(yaml.safe_dump({"hydra": job}))
    if error is not None:
        (folder / "error.txt").write_text(error)
    generator = np.random.default_rng([config["seed"], config["epochs"], config["vq_vae"]["num_hiddens"]])
    final = _write_curves(folder, config, generator, points_an_epoch if curves else 0)
    if metrics and error is None:
        (folder / "metrics.json").write_text(json.dumps(final | (extra or {}), indent=1))
        for number in range(pieces):
            path = folder / "generated" / f"{number:03d}.mid"
            path.parent.mkdir(exist_ok=True)
            write_midi(make_piece(generator, num_quarters), path)
    return folder


def a_run(folder: str = "a", *, status: str = "done", metrics: dict | None = None, **config) -> Run:
    """Make a run in memory; `quantizer__decay=1` becomes a nested setting."""
    nested: dict = {}
    for key, value in config.items():
        place = nested
        *parents, last = key.split("__")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    reason = "" if status == "done" else "RuntimeError: no"
    return Run(Path("/runs") / folder, status, reason, config=nested, metrics=metrics or {})


def make_piece(generator: np.random.Generator, num_quarters: int) -> Performance:
    """Write something that looks and sounds like a left hand and a right hand."""
    roots = np.repeat(generator.choice([36, 41, 43, 45], max(1, math.ceil(num_quarters / 4))), 4)[
        :num_quarters
    ]
    onsets, pitches, lengths = [], [], []
    for quarter, root in enumerate(roots):
        for part, interval in enumerate([0, 7, 12, 16][: 2 + int(generator.integers(3))]):
            onsets.append(quarter + part / 4)
            pitches.append(root + interval)
            lengths.append(0.5)
        for _ in range(int(generator.integers(0, 4))):
            onsets.append(quarter + int(generator.integers(8)) / 8)
            pitches.append(root + 24 + int(generator.choice([0, 4, 7, 12, 14, 16])))
            lengths.append(float(generator.choice([0.25, 0.5, 1.0])))
    start, length = np.array(onsets, float), np.array(lengths)
    _, first = np.unique(np.stack([start, np.array(pitches)]), axis=1, return_index=True)
    start, length, pitch = start[first], length[first] * 0.95, np.array(pitches)[first]
    return Performance.from_arrays(
        pitch,
        onset_s=start / 2,
        offset_s=(start + length) / 2,
        onset_quarters=start,
        offset_quarters=start + length,
        velocity=generator.integers(40, 100, len(pitch)),
    )


def _write_curves(folder: Path, config: dict, generator: np.random.Generator, per_epoch: int) -> dict:
    """Log falling curves of both stages, and give the final metrics that go with them."""
    size = math.log2(config["vq_vae"]["num_hiddens"] / 32)
    epochs = config["epochs"]
    wobble = float(generator.normal(0, 0.001))
    amounts = (np.arange(epochs * max(per_epoch, 1)) + 1) / max(per_epoch, 1)

    def falling(start: float, end: float) -> np.ndarray:
        return (
            end
            + (start - end) * np.exp(-amounts / 2.5)
            + generator.normal(0, (start - end) / 150, len(amounts))
        )

    curves = {
        "vq_vae/val/bce": falling(0.14, 0.042 - 0.003 * size + wobble),
        "vq_vae/train/bce": falling(0.13, 0.036 - 0.004 * size + wobble),
        "vq_vae/val/perplexity": 14.5 - falling(10, 1.5 - 0.2 * size),
        "vq_vae/val/codes_used": np.minimum(16, 6 + np.round(4 * amounts)),
        "vq_vae/val/cell_f1": 1 - falling(0.7, 0.15 - 0.01 * size + 3 * wobble),
        "vq_vae/val/onset_f1": 1 - falling(0.95, 0.6 - 0.04 * size + 3 * wobble),
        "vq_vae/val/note_f1": 1 - falling(0.97, 0.7 - 0.04 * size + 3 * wobble),
        "transformer/val/nats_per_code": falling(2.3, 1.35 - 0.01 * size + 10 * wobble),
        "transformer/train/nats_per_code": falling(2.25, 1.2 - 0.03 * size + 10 * wobble),
    }
    if per_epoch:
        _log(folder / "tensorboard", {k: v for k, v in curves.items() if k.startswith("vq_vae")}, amounts, 40)
        _log(folder / "tensorboard", {k: v for k, v in curves.items() if k.startswith("transf")}, amounts, 25)
    metrics = {name: round(float(values[-1]), 6) for name, values in curves.items()}
    metrics |= {
        "val/bits_per_quarter": 130
        + 900 * metrics["vq_vae/val/bce"]
        + 20 * metrics["transformer/val/nats_per_code"],
        "baseline/constant/bce": 0.2071,
        "baseline/pitch/bce": 0.1774,
        "baseline/unigram/nats_per_code": 2.514,
        "baseline/bigram/nats_per_code": 2.2,
        "generated/polyphony": 4.4 + 40 * wobble,
        "generated/pitch_class_entropy": 3.1 + 20 * wobble,
        "generated/scale_consistency": 0.84 + 5 * wobble,
        "generated/notes_per_quarter": 3.9,
        "real/polyphony": 5.23,
        "real/pitch_class_entropy": 3.29,
        "real/scale_consistency": 0.804,
        "real/notes_per_quarter": 4.47,
    }
    return metrics


def _log(folder: Path, curves: dict[str, np.ndarray], amounts: np.ndarray, steps_an_epoch: int) -> None:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), filename_suffix=f".{steps_an_epoch}")
    for index, amount in enumerate(amounts):
        step = round(amount * steps_an_epoch)
        writer.add_scalar("epoch", math.ceil(amount) - 1, step)
        for name, values in curves.items():
            writer.add_scalar(name, float(values[index]), step)
    writer.close()
