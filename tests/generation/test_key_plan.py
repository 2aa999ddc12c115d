"""Where pieces are moved: as the training pieces were spread, or to what is asked for."""

import numpy as np
import pytest

from musicgen.generation.key_plan import KeyPlan
from musicgen.music.notes import Performance
from musicgen.music.theory.keys import Key, estimate_key
from tests.data.test_one_key import cadence


def minor_cadence() -> Performance:
    chords = ((57, 60, 64), (62, 65, 69), (64, 68, 71), (57, 60, 64)) * 4
    onset = np.repeat(np.arange(len(chords)), 3).astype(np.float64)
    return Performance.from_arrays(
        np.array(chords).ravel(),
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.5,
        onset_quarters=onset,
        offset_quarters=onset + 1,
    )


def steps(plan: KeyPlan, performance: Performance, *, seed: int = 0) -> int:
    return plan.semitones(performance, random=np.random.default_rng(seed))


def test_the_examples_are_in_c_major_and_a_minor():
    assert estimate_key(cadence(0)) == Key(0, "major")
    assert estimate_key(minor_cadence()) == Key(9, "minor")


def test_without_a_key_pieces_are_spread_as_the_training_pieces_of_their_mode():
    plan = KeyPlan(learned={"D major": 3, "A major": 1, "E minor": 2})
    drawn = [steps(plan, cadence(0), seed=seed) for seed in range(400)]
    assert set(drawn) == {2, -3}
    assert drawn.count(2) == pytest.approx(300, abs=40)
    assert steps(plan, minor_cadence()) == -5


def test_a_mode_that_no_training_piece_had_stays_at_home():
    assert steps(KeyPlan(learned={"E minor": 2}), cadence(0)) == 0


@pytest.mark.parametrize(
    ("key", "major", "minor"),
    [("D major", 2, 2), ("D minor", 5, 5), ("D", 2, 5), ("F# minor", -3, -3), ("B flat major", -2, -2)],
)
def test_what_is_asked_for_comes_in_that_key_or_its_relative(key: str, major: int, minor: int):
    plan = KeyPlan(learned={"C major": 1}, key=key)
    assert steps(plan, cadence(0)) == major
    assert steps(plan, minor_cadence()) == minor


def test_a_piece_that_left_its_home_comes_in_the_key_that_is_asked_for_all_the_same():
    plan = KeyPlan(learned={"C major": 1}, key="D minor")
    assert steps(plan, cadence(7)) == -2  # from G major to F major
    assert steps(KeyPlan(learned={"C major": 1}, key="D major"), cadence(7)) == -5


def test_a_piece_of_a_model_with_keys_of_its_own_is_moved_from_the_key_it_is_in():
    assert steps(KeyPlan(key="D major"), cadence(5)) == -3
    assert steps(KeyPlan(), cadence(5)) == 0


def test_a_key_that_cannot_be_read_is_refused_and_silence_stays():
    with pytest.raises(ValueError, match="key='H minor'"):
        KeyPlan(key="H minor").tonics()
    assert steps(KeyPlan(learned={"D major": 1}), cadence(0).between_quarters(90.0, 91.0)) == 0
