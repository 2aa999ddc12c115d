"""Trivial predictions, the baselines of every model."""

import numpy as np
from jaxtyping import Float64, Int64, Integer, UInt32

from musicgen.data.batches.density import pitch_counts
from musicgen.data.store.packed import PackedPieces
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, SliceLayout, packed_onsets

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


def chain_bits(train: PackedPieces, held_out: PackedPieces, *, layout: SliceLayout, onsets: bool) -> float:
    """Predict every cell by its pitch and by whether the pitch sounded a tick before.

    Args:
        train: Training slices; one is added to each count.
        held_out: Slices to predict; a piece is preceded by silence.
        layout: Ticks of a quarter.
        onsets: Also predict which sounding cells are onsets.

    Returns:
        Bits per quarter.
    """
    seen, counts = (state_counts(pieces, layout=layout) for pieces in (train, held_out))
    if not onsets:
        seen, counts = (np.stack([of[:, 0], of[:, 1:].sum(axis=1)], axis=1) for of in (seen, counts))
    return bits_of(counts, state_chances(seen)) / len(held_out)


def state_chances(seen: Int64[np.ndarray, "2 states pitches"]) -> Float64[np.ndarray, "2 states pitches"]:
    """Estimate the chances of each state from counts, one added to each that can occur."""
    possible = seen + 1.0
    if seen.shape[1] == 3:
        possible[0, 1] = 0  # what is silent cannot be held
    return possible / possible.sum(axis=1, keepdims=True)


def bits_of(
    counts: Int64[np.ndarray, "2 states pitches"], chances: Float64[np.ndarray, "2 states pitches"]
) -> float:
    """Compute -log2 p of states that were counted."""
    return float((counts * -np.log2(chances, where=counts > 0, out=np.zeros(counts.shape))).sum())


def state_counts(pieces: PackedPieces, *, layout: SliceLayout) -> Int64[np.ndarray, "2 states pitches"]:
    """Count the states of the cells of all pieces (see `states_of_piece`)."""
    counts = np.zeros((2, 3, NUM_PITCHES), np.int64)
    for number in range(len(pieces.pieces)):
        counts += states_of_piece(np.array(pieces.piece(number)), layout=layout)
    return counts


def states_of_piece(
    packed: UInt32[np.ndarray, "quarters pitches"], *, layout: SliceLayout
) -> Int64[np.ndarray, "2 3 pitches"]:
    """Count silence, held sound and onsets of a piece by pitch and by whether it sounded a tick before.

    Args:
        packed: Packed slices of a whole piece; silence comes before it.
        layout: Ticks of a quarter.
    """
    firsts = np.uint32(1) << layout.starts.astype(np.uint32)
    ticks = np.bitwise_or.reduce(firsts)
    sounds, begins = packed & ticks, packed_onsets(packed) & ticks
    sounded = np.zeros_like(sounds)
    for length in np.unique(layout.lengths).astype(np.uint32):
        sounded |= (sounds & np.bitwise_or.reduce(firsts[layout.lengths == length])) << length
    sounded[1:] |= layout.sounding_last(sounds[:-1])
    states = (ticks & ~sounds, sounds & ~begins, begins)
    return np.array(
        [
            [np.bitwise_count(state & before).sum(axis=0, dtype=np.int64) for state in states]
            for before in (~sounded, sounded)
        ]
    )


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
