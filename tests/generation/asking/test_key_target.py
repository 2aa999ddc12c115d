"""How far a key leads, and in which keys a run is to write what will be in the key that is asked for."""

import numpy as np
import pytest

from musicgen.generation.asking.asked import Asked
from musicgen.generation.asking.key_target import KeyTarget
from musicgen.generation.asking.likeness import Likeness, Stretch
from musicgen.music.grid import to_packed
from musicgen.music.theory.keys import KEYS, Key
from tests.data.test_one_key import cadence

C_MAJOR, A_MINOR, D_MINOR = Key(0, "major"), Key(9, "minor"), Key(2, "minor")


@pytest.mark.parametrize(
    ("asked", "in_one_key", "is_told", "keys"),
    [
        ("D minor", True, False, {A_MINOR}),
        ("D minor", True, True, {A_MINOR}),
        ("D", True, False, {C_MAJOR, A_MINOR}),
        ("D minor", False, True, {D_MINOR}),
        ("D minor", False, False, {key for key in KEYS if key.mode == "minor"}),
    ],
)
def test_what_is_moved_later_is_listened_for_where_it_is_written(
    asked: str, in_one_key: bool, is_told: bool, keys: set[Key]
) -> None:
    target = KeyTarget.of(asked, in_one_key=in_one_key, is_told=is_told)
    assert target is not None
    assert set(target.keys) == keys


def test_where_every_key_would_do_there_is_no_target() -> None:
    assert KeyTarget.of(None, in_one_key=True, is_told=True) is None
    assert KeyTarget.of("D", in_one_key=False, is_told=False) is None
    with pytest.raises(ValueError, match="key='H'"):
        KeyTarget.of("H", in_one_key=True, is_told=False)


def test_the_key_of_a_cadence_leads_and_others_do_not() -> None:
    packed = to_packed(cadence(0))
    silence = np.zeros_like(packed)
    assert KeyTarget((C_MAJOR,)).lead(packed, before=silence) == pytest.approx(0.3)
    others = [KeyTarget((key,)).lead(packed, before=silence) for key in KEYS if key != C_MAJOR]
    assert max(others) < 0
    for before in (silence, packed):
        assert KeyTarget((C_MAJOR,)).lead(silence, before=before) < min(others)


def test_of_two_candidates_the_one_in_the_key_scores_more() -> None:
    home, away = (to_packed(cadence(tonic)) for tonic in (0, 6))
    likeness = Likeness.of(Asked(key="E major"), key=KeyTarget((C_MAJOR,)))
    candidates = [np.concatenate([packed] * 3) for packed in (home, away)]
    first, second = likeness.scores([Stretch(home, packed, 128) for packed in candidates]).tolist()
    assert first == pytest.approx(1.5)
    assert second < 0
