"""All metrics of a run: reconstruction, prior, trivial baselines and generated pieces."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from musicgen.checkpoint import Network
from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.batches.slices import SliceBatch
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.files.atomic import write_durably
from musicgen.generation.asking.labelling import labelled
from musicgen.measure.generated import GeneratedMetrics, generated_pieces, measure_generated
from musicgen.measure.music import averages, measure
from musicgen.measure.rate import bits_per_quarter, code_bits
from musicgen.measure.reconstruction import ReconstructionMetrics
from musicgen.measure.trivial import bigram_nats, chain_bits, constant_bce, pitch_bce, unigram_nats
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.music.notes import Performance

METRICS_FILE = "metrics.json"


@torch.inference_mode()
def reconstruction_metrics(
    autoencoder: Autoencoder, pieces: PackedPieces, *, batch_size: int = 256
) -> dict[str, float]:
    """Measure the reconstruction of whole pieces.

    Args:
        autoencoder: In evaluation mode, on any device.
        pieces: Held-out pieces.
        batch_size: Slices per batch.

    Returns:
        The metrics of `ReconstructionMetrics`, by name.
    """
    device = next(autoencoder.parameters()).device
    metrics = ReconstructionMetrics(
        pieces, cells=autoencoder.cells, vocabulary=autoencoder.vocabulary, over_ranks=False
    ).to(device)
    null_maps = autoencoder.maps_without_latents()
    for start in range(0, len(pieces), batch_size):
        index = np.arange(start, min(start + batch_size, len(pieces)))
        batch = SliceBatch.of(pieces, index, channels=autoencoder.channels, layout=autoencoder.layout)
        slices, before = (tensor.to(device) for tensor in batch)
        output = autoencoder(slices.contiguous(memory_format=torch.channels_last))
        numbers = torch.from_numpy(index).to(device)
        metrics.update(slices, output.maps, output.codes, numbers, before=before, null_maps=null_maps)
    return metrics.compute()


def reconstruction_baselines(train: PackedPieces, held_out: PackedPieces) -> dict[str, float]:
    """Measure the BCE of the two trivial predictions."""
    return {
        "baseline/constant/bce": constant_bce(train, held_out),
        "baseline/pitch/bce": pitch_bce(train, held_out),
    }


def prior_baselines(train: PieceCodes, held_out: PieceCodes, *, num_embeddings: int) -> dict[str, float]:
    """Measure the cross-entropy of the unigram and bigram priors."""
    return {
        "baseline/unigram/nats_per_code": unigram_nats(
            train.codes, held_out.codes, num_embeddings=num_embeddings
        ),
        "baseline/bigram/nats_per_code": bigram_nats(
            train.codes,
            held_out.codes,
            train_starts=train.starts[:-1],
            held_out_starts=held_out.starts[:-1],
            num_embeddings=num_embeddings,
        ),
    }


def chain_baseline(autoencoder: Autoencoder, train: PackedPieces, held_out: PackedPieces) -> dict[str, float]:
    """Measure the bits per quarter of a chain from tick to tick, on the cells of an autoencoder."""
    bits = chain_bits(train, held_out, layout=autoencoder.layout, onsets=autoencoder.channels == 2)
    return {"baseline/chain/bits_per_quarter": bits}


@torch.inference_mode()
def prior_nats(
    transformer: Prior, sequences: PieceCodes, *, window_quarters: int, batch_size: int = 32
) -> float:
    """Measure a prior on whole pieces, in adjacent windows, predicting each code once.

    Codes at the start of a window have little context, so this is an upper bound on the cross-entropy with
    full context.

    Args:
        transformer: In evaluation mode, on any device.
        sequences: Codes of held-out pieces.
        window_quarters: Length of a window, at most that of the longest piece.
        batch_size: Windows per batch.

    Returns:
        Mean cross-entropy in nats per code.
    """
    device = transformer.device
    window_quarters = min(window_quarters, max(1, int(np.diff(sequences.starts).max(initial=1))))
    windows = CodeWindows(
        sequences,
        window_quarters=window_quarters,
        hop_quarters=window_quarters,
        start_token=transformer.start_token,
    )
    total, count = 0.0, 0
    for first in range(0, len(windows), batch_size):
        batch = windows.__getitems__(range(first, min(first + batch_size, len(windows))))
        batch = batch.within(transformer.max_positions)
        labels = None if batch.labels is None else batch.labels.to(device)
        inputs, targets, mask = (part.to(device) for part in (batch.inputs, batch.targets, batch.mask))
        known = int(mask.sum())
        total += float(transformer.nats(inputs, targets, mask=mask, labels=labels)) * known
        count += known
    return total / count


def evaluate_run(
    autoencoder: Network[Autoencoder],
    prior: Network[Prior],
    prepared: Prepared,
    *,
    folder: str | Path,
    codes: Mapping[str, PieceCodes],
    window_quarters: int,
    reconstruction: Mapping[str, float] | None = None,
    generated_metrics: GeneratedMetrics | None = None,
) -> dict[str, float]:
    """Compute all metrics of a run, named as in `metrics.json`.

    Args:
        autoencoder: Loaded autoencoder of the run.
        prior: Loaded prior of the run.
        prepared: Pieces of the run; `val` is measured.
        folder: The run folder, with the generated pieces.
        codes: The pieces as codes of the run's autoencoder, by split.
        window_quarters: Context window of the prior, in quarters.
        reconstruction: Result of `reconstruction_metrics` on the held-out pieces, if known.
        generated_metrics: Metrics of the generated pieces, if known.

    Returns:
        Name to number; `real/...` are the same metrics of the held-out pieces. Training metrics are NaN
        for imported weights.
    """
    generated_metrics = generated_metrics or measure_generated(generated_pieces(folder), prepared)
    train, val = prepared.splits["train"], prepared.splits["val"]
    metrics = reconstruction or reconstruction_metrics(autoencoder.module, val)
    held_out = labelled(codes["val"], val, prior.module.conditioner)
    nats = prior_nats(prior.module, held_out, window_quarters=window_quarters)
    codes_per_quarter = autoencoder.module.num_codes
    return {
        **{f"vq_vae/val/{name}": value for name, value in metrics.items()},
        "model/codes_per_quarter": float(codes_per_quarter),
        "model/parameters": float(count_parameters(autoencoder.module) + count_parameters(prior.module)),
        "vq_vae/train/bce": autoencoder.metrics.get("vq_vae/train/bce", math.nan),
        **reconstruction_baselines(train, val),
        "transformer/val/nats_per_code": nats,
        "transformer/train/nats_per_code": prior.metrics.get("transformer/train/nats_per_code", math.nan),
        **prior_baselines(codes["train"], codes["val"], num_embeddings=autoencoder.module.num_embeddings),
        **({"codes/saved_bits": metrics["saved_bits"]} if "saved_bits" in metrics else {}),
        "val/prior_bits": code_bits(nats, codes_per_quarter=codes_per_quarter),
        "val/bits_per_quarter": bits_per_quarter(
            nats, codes_per_quarter=codes_per_quarter, decoder_bits=metrics["decoder_bits"]
        ),
        **chain_baseline(autoencoder.module, train, val),
        **generated_metrics.metrics(),
    }


def count_parameters(network: torch.nn.Module) -> int:
    """Return the number of parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def music_metrics(pieces: Sequence[Performance], *, prefix: str) -> dict[str, float]:
    """Average the metrics of music and harmony over pieces that are not silent.

    Args:
        pieces: Generated or real.
        prefix: `generated` or `real`.

    Returns:
        `PREFIX/NAME` for every metric that applies to a piece, `PREFIX/pieces` and `PREFIX/silent_pieces`.
    """
    return averages(measure([("", piece) for piece in pieces]), prefix=prefix)


def write_metrics(metrics: Mapping[str, float], path: Path) -> None:
    """Write metrics as flat JSON, sorted by name; NaN becomes null.

    Raises:
        OSError: The file cannot be written.
    """
    plain = {name: value if math.isfinite(value) else None for name, value in sorted(metrics.items())}
    write_durably(path, json.dumps(plain, indent=2) + "\n")
