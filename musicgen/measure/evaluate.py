"""All metrics of a run: on held-out pieces, of trivial predictions there, and of what was generated."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from musicgen.checkpoint import Network
from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.files.atomic import write_durably
from musicgen.measure.generated import GeneratedMetrics, generated_pieces, measure_generated
from musicgen.measure.music import averages, measure
from musicgen.measure.reconstruction import ReconstructionMetrics
from musicgen.measure.trivial import bigram_nats, constant_bce, pitch_bce, unigram_nats
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.losses import code_loss
from musicgen.models.priors.base import Prior
from musicgen.music.grid import NUM_PITCHES, TICKS_PER_QUARTER
from musicgen.music.notes import Performance

METRICS_FILE = "metrics.json"


def decoder_bits_per_quarter(bce: float) -> float:
    """Give what the decoder needs to tell a quarter once its codes are known, in bits.

    Args:
        bce: Mean binary cross-entropy of the sounding cells, in nats a cell.

    Returns:
        The sum over 88 x 32 cells, in bits.
    """
    return bce * NUM_PITCHES * TICKS_PER_QUARTER / math.log(2)


def bits_per_quarter(nats_per_code: float, bce: float, *, codes_per_quarter: int) -> float:
    """Give an upper bound on -log2 p(quarter): the bits of the codes and those of the decoder.

    Args:
        nats_per_code: Of any prior over the codes.
        bce: Of the decoder, in nats a cell.
        codes_per_quarter: How many codes stand for a quarter.

    Returns:
        Bits a quarter; compares runs of any codebook, any prior and any baseline.
    """
    return codes_per_quarter * nats_per_code / math.log(2) + decoder_bits_per_quarter(bce)


@torch.inference_mode()
def reconstruction_metrics(
    autoencoder: Autoencoder, pieces: PackedPieces, *, batch_size: int = 256
) -> dict[str, float]:
    """Measure how well an autoencoder reproduces whole pieces.

    Args:
        autoencoder: In evaluation mode, on any device.
        pieces: Held-out pieces.
        batch_size: Slices at a time.

    Returns:
        `bce`, `perplexity`, `codes_used`, `cell_f1`, `onset_f1`, `note_f1`; see `ReconstructionMetrics`.
    """
    device = next(autoencoder.parameters()).device
    metrics = ReconstructionMetrics(pieces, num_embeddings=autoencoder.num_embeddings, over_ranks=False)
    metrics = metrics.to(device)
    for start in range(0, len(pieces), batch_size):
        index = np.arange(start, min(start + batch_size, len(pieces)))
        slices = pieces.gather(index, channels=autoencoder.channels).to(device)
        output = autoencoder(slices.contiguous(memory_format=torch.channels_last))
        metrics.update(slices, output.logits, output.codes, torch.from_numpy(index).to(device))
    return metrics.compute()


def reconstruction_baselines(train: PackedPieces, held_out: PackedPieces) -> dict[str, float]:
    """Measure the two trivial predictions beside which every BCE must be read."""
    return {
        "baseline/constant/bce": constant_bce(train, held_out),
        "baseline/pitch/bce": pitch_bce(train, held_out),
    }


def prior_baselines(train: PieceCodes, held_out: PieceCodes, *, num_embeddings: int) -> dict[str, float]:
    """Measure the two trivial priors over codes beside which every transformer must be read."""
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


@torch.inference_mode()
def prior_nats(
    transformer: Prior, sequences: PieceCodes, *, window_quarters: int, batch_size: int = 32
) -> float:
    """Measure a transformer on whole pieces, in windows side by side, each code predicted once.

    A code at the front of a window is predicted from the one before it alone, so this is an upper bound on
    what the model needs with its whole context.

    Args:
        transformer: In evaluation mode, on any device.
        sequences: Codes of held-out pieces.
        window_quarters: Length of a window; one longer than the longest piece is as long as that.
        batch_size: Windows at a time.

    Returns:
        Mean cross-entropy in nats a code.
    """
    device = next(transformer.parameters()).device
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
        inputs, targets, mask = (tensor.to(device) for tensor in batch)
        known = int(mask.sum())
        total += float(code_loss(transformer(inputs), targets, mask=mask)) * known
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
    """Take all metrics of a run, by the names of the design.

    Args:
        autoencoder: The run's, as read from its checkpoint.
        prior: The run's, as read from its checkpoint.
        prepared: Its pieces; `val` is measured.
        folder: The run folder, with the generated pieces.
        codes: The pieces as codes of the run's autoencoder, by split.
        window_quarters: What the prior saw at once.
        reconstruction: What `reconstruction_metrics` gives on the held-out pieces, where it is known already.
        generated_metrics: Its generated pieces, where they are measured already.

    Returns:
        Name to number; `real/...` is what the same metrics are for the held-out pieces themselves. Metrics
        of the training are NaN for imported weights.
    """
    generated_metrics = generated_metrics or measure_generated(generated_pieces(folder), prepared)
    train, val = prepared.splits["train"], prepared.splits["val"]
    metrics = reconstruction or reconstruction_metrics(autoencoder.module, val)
    nats = prior_nats(prior.module, codes["val"], window_quarters=window_quarters)
    parameters = count_parameters(autoencoder.module) + count_parameters(prior.module)
    codes_per_quarter = autoencoder.module.num_codes
    return {
        **{f"vq_vae/val/{name}": value for name, value in metrics.items()},
        "model/codes_per_quarter": float(codes_per_quarter),
        "model/parameters": float(parameters),
        "vq_vae/train/bce": autoencoder.metrics.get("vq_vae/train/bce", math.nan),
        **reconstruction_baselines(train, val),
        "transformer/val/nats_per_code": nats,
        "transformer/train/nats_per_code": prior.metrics.get("transformer/train/nats_per_code", math.nan),
        **prior_baselines(codes["train"], codes["val"], num_embeddings=autoencoder.module.num_embeddings),
        "val/bits_per_quarter": bits_per_quarter(nats, metrics["bce"], codes_per_quarter=codes_per_quarter),
        **generated_metrics.metrics(),
    }


def count_parameters(network: torch.nn.Module) -> int:
    """Count the weights of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def music_metrics(pieces: Sequence[Performance], *, prefix: str) -> dict[str, float]:
    """Average the metrics of music and of harmony over pieces; silence is left out of each average.

    Args:
        pieces: Generated or real.
        prefix: `generated` or `real`.

    Returns:
        `PREFIX/NAME` for every metric that some piece has, `PREFIX/pieces` and `PREFIX/silent_pieces`.
    """
    return averages(measure([("", piece) for piece in pieces]), prefix=prefix)


def write_metrics(metrics: Mapping[str, float], path: Path) -> None:
    """Write metrics as flat JSON, sorted by name; what is not a number becomes null.

    Raises:
        OSError: The file cannot be written.
    """
    plain = {name: value if math.isfinite(value) else None for name, value in sorted(metrics.items())}
    write_durably(path, json.dumps(plain, indent=2) + "\n")
