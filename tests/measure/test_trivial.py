import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.measure.trivial import bigram_nats, unigram_nats

SIZE, POSITIONS = 4, 3


def some_codes(lengths: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    codes = np.random.default_rng(seed).integers(0, SIZE, size=(sum(lengths), POSITIONS), dtype=np.uint16)
    return codes, np.cumsum([0, *lengths])[:-1]


def streams(codes: np.ndarray, starts: np.ndarray) -> list[list[int]]:
    return [part.reshape(-1).tolist() for part in np.split(codes, starts[1:])]


lengths = st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any)


@given(lengths, lengths, st.integers(0, 99), st.integers(1, 7))
@settings(max_examples=60)
def test_priors_are_those_of_plain_counting(train: list[int], held_out: list[int], seed: int, block: int):
    (seen, seen_starts), (told, told_starts) = some_codes(train, seed), some_codes(held_out, seed + 1)
    pairs, singles = Counter(), Counter()
    for stream in streams(seen, seen_starts):
        pairs.update(zip([SIZE, *stream], stream, strict=False))
        singles.update(stream)

    def chance(before: int, after: int) -> float:
        return (pairs[before, after] + 1) / (sum(pairs[before, one] for one in range(SIZE)) + SIZE)

    held = streams(told, told_starts)
    told_pairs = [pair for stream in held for pair in zip([SIZE, *stream], stream, strict=False)]
    bigram = [-math.log(chance(*pair)) for pair in told_pairs]
    unigram = [
        -math.log((singles[a] + 1) / (sum(singles.values()) + SIZE)) for stream in held for a in stream
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("musicgen.measure.trivial._BLOCK", block)
        assert unigram_nats(seen, told, num_embeddings=SIZE) == pytest.approx(np.mean(unigram))
        assert bigram_nats(
            seen, told, train_starts=seen_starts, held_out_starts=told_starts, num_embeddings=SIZE
        ) == pytest.approx(np.mean(bigram))
