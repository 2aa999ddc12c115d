"""What may be asked is checked before it waits."""

from typing import Any

import pytest

from musicgen.studio.limits import Limits, RefusedError
from musicgen.studio.work.asking import read_asking

LIMITS = Limits(quarters=64)


def test_what_is_asked_comes_back_whole():
    sent = {
        "run": "r",
        "kind": "vary",
        "quarters": 16,
        "tempo_bpm": 80,
        "temperature": 1.1,
        "guidance": 2,
        "best_of": 3,
        "seed": 7,
        "key": "D minor",
        "labels": {"composer": {"Chopin": 60, "Liszt": 40}},
        "attributes": {"density": 3.5},
        "piece": "p" * 20,
        "span": [4, 12],
        "share": 0.3,
        "versions": 3,
    }
    asking = read_asking(sent, limits=LIMITS)
    assert asking.settings() == {**sent, "span": (4.0, 12.0)}
    assert read_asking({**asking.settings()}, limits=LIMITS) == asking


def test_a_seed_that_is_left_open_is_drawn_and_noted():
    seeds = {read_asking({"run": "r", "seed": None}, limits=LIMITS).seed for _ in range(20)}
    assert len(seeds) > 1


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([], "no JSON object"),
        ({"run": "r", "sead": 1}, "sead cannot be asked for"),
        ({"run": 5}, "run is no short text"),
        ({"run": "r", "kind": "steal"}, "use one of new, continue, fill, vary"),
        ({"run": "r", "quarters": 65}, "use a number from 1 to 64"),
        ({"run": "r", "quarters": 1.5}, "a whole number"),
        ({"run": "r", "quarters": float("nan")}, "use a number"),
        ({"run": "r", "quarters": True}, "use a number"),
        ({"run": "r", "tempo_bpm": "fast"}, "use a number from 20 to 300"),
        ({"run": "r", "temperature": 0}, "use a number from 0.1 to 2"),
        ({"run": "r", "seed": -1}, "seed=-1"),
        ({"run": "r", "versions": 5}, "use a number from 1 to 4"),
        ({"run": "r", "labels": {"composer": {"Chopin": -1}}}, "from 0 to"),
        ({"run": "r", "labels": {"composer": ["Chopin"]}}, "labels.composer is no table"),
        ({"run": "r", "kind": "continue"}, "without a piece"),
        ({"run": "r", "kind": "fill", "piece": "p"}, "mark it first"),
        ({"run": "r", "kind": "fill", "piece": "p", "span": [4]}, "no part of a piece"),
        ({"run": "r", "kind": "fill", "piece": "p", "span": [9, 4]}, "no part of a piece"),
        ({"run": "r", "kind": "fill", "piece": "p", "span": [0, 100]}, "at most 64 are written at once"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(sent: Any, reason: str):
    with pytest.raises(RefusedError, match=reason):
        read_asking(sent, limits=LIMITS)
