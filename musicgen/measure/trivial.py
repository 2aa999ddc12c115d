"""Trivial predictions, the baselines of every model."""

import numpy as np
from jaxtyping import Int64, Integer

from musicgen.data.batches.density import pitch_counts
from musicgen.data.store.packed import PackedPieces
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER

_BLOCK = 65536  # quarters per block


def constant_bce(train: PackedPieces, held_out: PackedPieces) -> float:
    """Predict for every cell the share of cells that sound in the training pieces.

    Args:
        train: Training slices; one is added to both counts.
        held_out: Slices to predict.

    Returns:
        Mean binary cross-entropy in nats per cell.
    """
    seen, cells = pitch_counts(train).sum(), len(train) * NUM_PITCHES * TICKS_PER_QUARTER
    held_out_counts, held_cells = (
        pitch_counts(held_out).sum(),
        len(held_out) * NUM_PITCHES * TICKS_PER_QUARTER,
    )
    return float(_bernoulli_nats(np.array((seen + 1) / (cells + 2)), held_out_counts / held_cells))


def pitch_bce(train: PackedPieces, held_out: PackedPieces) -> float:
    """Predict for every cell the share of its pitch's cells that sound in the training pieces.

    Args:
        train: Training slices; one is added to both counts of each pitch.
        held_out: Slices to predict.

    Returns:
        Mean binary cross-entropy in nats per cell.
    """
    shares = (pitch_counts(train) + 1) / (len(train) * TICKS_PER_QUARTER + 2)
    held_out_counts = pitch_counts(held_out) / (len(held_out) * TICKS_PER_QUARTER)
    return float(np.mean(_bernoulli_nats(shares, held_out_counts)))


def unigram_nats(
    train: Integer[np.ndarray, "train_quarters positions"],
    held_out: Integer[np.ndarray, "held_quarters positions"],
    *,
    num_embeddings: int,
) -> float:
    """Predict every code by its frequency in the training pieces.

    Args:
        train: Codes to count, one added to each count.
        held_out: Codes to predict.
        num_embeddings: Size of the codebook.

    Returns:
        Mean cross-entropy in nats per code.
    """
    seen, held_out_counts = (_counts(split, num_embeddings) for split in (train, held_out))
    return _mean_nats(seen + 1, held_out_counts)


def bigram_nats(
    train: Integer[np.ndarray, "train_quarters positions"],
    held_out: Integer[np.ndarray, "held_quarters positions"],
    *,
    train_starts: Int64[np.ndarray, " train_pieces"],
    held_out_starts: Int64[np.ndarray, " held_pieces"],
    num_embeddings: int,
) -> float:
    """Predict every code from the one before it, as counted in the training pieces.

    Args:
        train: Codes to count, one added to each count.
        held_out: Codes to predict.
        train_starts: First quarter of each training piece; a start symbol precedes it.
        held_out_starts: First quarter of each held-out piece.
        num_embeddings: Size of the codebook.

    Returns:
        Mean cross-entropy in nats per code.
    """
    seen = _pair_counts(train, train_starts, num_embeddings)
    return _mean_nats(seen + 1, _pair_counts(held_out, held_out_starts, num_embeddings))


def _counts(codes: np.ndarray, num_embeddings: int) -> Int64[np.ndarray, " vocab"]:
    counts = np.zeros(num_embeddings, np.int64)
    for start in range(0, len(codes), _BLOCK):
        counts += np.bincount(codes[start : start + _BLOCK].reshape(-1), minlength=num_embeddings)
    return counts


def _pair_counts(
    codes: np.ndarray, starts: np.ndarray, num_embeddings: int
) -> Int64[np.ndarray, "before vocab"]:
    """Count the transitions between codes; the last row is for the start symbol."""
    counts = np.zeros((num_embeddings + 1) * num_embeddings, np.int64)
    last = num_embeddings
    for start in range(0, len(codes), _BLOCK):
        after = codes[start : start + _BLOCK].astype(np.int64)
        before = np.concatenate([[last], after.reshape(-1)[:-1]]).reshape(after.shape)
        begins = starts[(starts >= start) & (starts < start + len(after))] - start
        before[begins, 0] = num_embeddings
        counts += np.bincount((before * num_embeddings + after).reshape(-1), minlength=len(counts))
        last = after[-1, -1]
    return counts.reshape(-1, num_embeddings)


def _mean_nats(
    seen: Int64[np.ndarray, "*before vocab"], held_out_counts: Int64[np.ndarray, "*before vocab"]
) -> float:
    """Mean cross-entropy of held-out counts under probabilities estimated from training counts."""
    nats = -np.log(seen / seen.sum(axis=-1, keepdims=True))
    return float((held_out_counts * nats).sum() / held_out_counts.sum())


def _bernoulli_nats(predicted: np.ndarray, observed: np.ndarray | float) -> np.ndarray | float:
    return -(observed * np.log(predicted) + (1 - observed) * np.log1p(-predicted))
