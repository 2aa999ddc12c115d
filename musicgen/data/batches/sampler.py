"""Shuffled order of training by seed and epoch, in constant memory, distributed over ranks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch.distributed
from jaxtyping import Int64, UInt64
from torch.utils.data import Dataset, DistributedSampler

_ROUNDS = 6
_BLOCK = 8192


class EpochSampler(DistributedSampler):
    """Sample the indices of a data set in an order that depends on seed and epoch only.

    Lightning tells it the epoch at the beginning of each, also after a resume, so a continued run sees the
    order that the uninterrupted one would have seen. It is passed on to a data set that has ``set_epoch``.

    The shuffle is a keyed permutation that is computed number by number, so 40 million slices take no more
    memory than 40. Under DDP each rank takes every n-th number; a few numbers come twice where the ranks do
    not divide them, also in validation, so that all ranks have equally many batches.

    Args:
        dataset: The data set; only its length is used.
        shuffle: False gives the data set's own order.
        seed: Seed of the shuffle.
        num_draws: Indices per epoch over all ranks, from repeated passes, each shuffled anew, the last one
            truncated. None for one pass.

    Raises:
        ValueError: ``num_draws`` is below 1.
    """

    def __init__(self, dataset: Dataset, *, shuffle: bool, seed: int = 0, num_draws: int | None = None):
        if num_draws is not None and num_draws < 1:
            raise ValueError(f"num_draws={num_draws} draws nothing; use 1 or more, or None for one pass")
        several = torch.distributed.is_available() and torch.distributed.is_initialized()
        super().__init__(
            dataset,
            num_replicas=torch.distributed.get_world_size() if several else 1,
            rank=torch.distributed.get_rank() if several else 0,
            shuffle=shuffle,
            seed=seed,
        )
        if num_draws is not None:
            self.num_samples = -(-num_draws // self.num_replicas)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass."""
        super().set_epoch(epoch)
        forward: Any = getattr(self.dataset, "set_epoch", None)
        if forward is not None:
            forward(epoch)

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)  # type: ignore[arg-type]
        for begin in range(0, self.num_samples, _BLOCK):
            on_rank = np.arange(begin, min(begin + _BLOCK, self.num_samples))
            index = on_rank * self.num_replicas + self.rank
            yield from (self._shuffled(index, size) if self.shuffle else index % size).tolist()

    def _shuffled(self, index: Int64[np.ndarray, " batch"], size: int) -> Int64[np.ndarray, " batch"]:
        """Map positions to indices, with a separate permutation for each pass."""
        result = np.empty_like(index)
        passes = index // size
        for number in range(int(passes[0]), int(passes[-1]) + 1):
            in_pass = passes == number
            # The first pass has the key that it had when there were no others: seeds keep their meaning.
            words = [self.seed, self.epoch] if number == 0 else [self.seed, self.epoch, number]
            key = np.random.SeedSequence(words).generate_state(_ROUNDS, np.uint64)
            result[in_pass] = permuted(index[in_pass] % size, size=size, key=key)
        return result


def permuted(
    index: Int64[np.ndarray, " batch"], *, size: int, key: UInt64[np.ndarray, " rounds"]
) -> Int64[np.ndarray, " batch"]:
    """Apply a random permutation of 0 to ``size - 1`` without materialising it.

    A balanced Feistel network over the next even power of two, walked until the result is in range (Black and
    Rogaway 2002, "Ciphers with Arbitrary Finite Domains", method 3).

    Args:
        index: Numbers below ``size``.
        size: Length of the permutation.
        key: Random words; each choice is another permutation.
    """
    half_bits = np.uint64(max(1, -(-(size - 1).bit_length() // 2)))
    result = _feistel(index.astype(np.uint64), half_bits, key)
    while (outside := result >= size).any():
        result[outside] = _feistel(result[outside], half_bits, key)
    return result.astype(np.int64)


def _feistel(
    value: UInt64[np.ndarray, " batch"], half_bits: np.uint64, key: UInt64[np.ndarray, " rounds"]
) -> UInt64[np.ndarray, " batch"]:
    mask = (np.uint64(1) << half_bits) - np.uint64(1)
    left, right = value >> half_bits, value & mask
    for word in key:
        left, right = right, left ^ (scrambled(right + word) & mask)
    return (left << half_bits) | right


def scrambled(value: UInt64[np.ndarray, " batch"]) -> UInt64[np.ndarray, " batch"]:
    """Scramble all bits of a word (the finaliser of SplitMix64, Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
