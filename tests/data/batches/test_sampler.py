import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from musicgen.data.batches.sampler import EpochSampler, permuted


class Numbers(torch.utils.data.Dataset):
    def __init__(self, size: int):
        self.size = size
        self.epochs: list[int] = []

    def __len__(self) -> int:
        return self.size

    def set_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)


def key(*seeds: int) -> np.ndarray:
    return np.random.SeedSequence(seeds).generate_state(6, np.uint64)


@given(st.integers(1, 3000), st.integers(0, 10))
def test_every_number_comes_once(size: int, seed: int):
    order = permuted(np.arange(size), size=size, key=key(seed))
    assert np.array_equal(np.sort(order), np.arange(size))


def test_an_order_is_a_function_of_the_number_alone():
    whole = permuted(np.arange(1000), size=1000, key=key(1))
    assert np.array_equal(permuted(np.arange(300, 400), size=1000, key=key(1)), whole[300:400])


def test_orders_look_like_chance():
    size = 10_000
    orders = [permuted(np.arange(size), size=size, key=key(0, epoch)) for epoch in range(20)]
    for one, other in itertools.pairwise(orders):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
        assert np.sum(one == other) < 12  # one in expectation
    for order in orders:
        assert abs(np.corrcoef(order, np.arange(size))[0, 1]) < 0.05
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.05
        halves = np.bincount(order[: size // 2] * 10 // size, minlength=10)
        assert ((halves - 500) ** 2 / 250).sum() < 40


def test_the_order_depends_on_seed_and_epoch_only():
    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochSampler(Numbers(500), shuffle=True, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(3, 2) == order(3, 2)
    assert order(3, 2) != order(3, 3)
    assert order(0, 1) != order(1, 0)


def test_the_epoch_is_passed_on_to_the_data_set():
    numbers = Numbers(5)
    EpochSampler(numbers, shuffle=True).set_epoch(7)
    assert numbers.epochs == [7]


def test_without_shuffle_the_order_is_the_data_sets():
    assert list(EpochSampler(Numbers(9000), shuffle=False)) == list(range(9000))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("size", "ranks"), [(100, 4), (101, 4), (3, 4), (1, 2)])
def test_ranks_share_the_numbers(size: int, ranks: int, shuffle: bool):
    shares = []
    for rank in range(ranks):
        sampler = EpochSampler(Numbers(size), shuffle=shuffle)
        sampler.num_replicas, sampler.rank = ranks, rank
        sampler.num_samples = -(-size // ranks)
        shares.append(list(sampler))
    assert len({len(share) for share in shares}) == 1
    assert set(itertools.chain(*shares)) == set(range(size))
    assert sum(map(len, shares)) - size < ranks


def test_an_epoch_of_more_draws_is_pass_after_pass_each_in_its_own_order():
    sampler = EpochSampler(Numbers(10), shuffle=True, seed=3, num_draws=35)
    numbers = list(sampler)
    assert len(numbers) == len(sampler) == 35
    passes = [numbers[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert len({tuple(one) for one in passes}) == 3
    assert len(set(numbers[30:])) == 5
    assert passes[0] == list(EpochSampler(Numbers(10), shuffle=True, seed=3))


def test_an_epoch_of_fewer_draws_is_a_part_of_a_pass():
    sampler = EpochSampler(Numbers(10), shuffle=True, seed=3, num_draws=4)
    assert list(sampler) == list(EpochSampler(Numbers(10), shuffle=True, seed=3))[:4]


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="num_draws=0"):
        EpochSampler(Numbers(10), shuffle=True, num_draws=0)
