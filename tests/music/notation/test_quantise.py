"""Written time: exact rhythms stay what they are, played ones are simplified, chords stay together."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from musicgen.music.notation.divisions import FREE, NOTATED, UNITS_PER_QUARTER, choose_divisions
from musicgen.music.notation.quantise import is_on_the_beats, quantise
from musicgen.music.notes import Performance

GRID = 32  # ticks a quarter


def line(onsets: np.ndarray, length: float, pitches: list[int]) -> Performance:
    """Make a melody of notes of one length, in quarters."""
    pitch = np.resize(pitches, len(onsets))
    return Performance.from_arrays(
        pitch,
        onset_s=onsets / 2,
        offset_s=(onsets + length) / 2,
        onset_quarters=onsets,
        offset_quarters=onsets + length,
    )


RHYTHMS = {
    "sextuplets": (np.arange(24) / 6, 1 / 6),
    "triplets, long and short": (np.array([beat + at for beat in range(4) for at in (0, 2 / 3)]), 1 / 3),
    "triplets, short and long": (np.array([beat + at for beat in range(4) for at in (0, 1 / 3)]), 1 / 3),
    "three against two": (np.array([b + at for b in range(4) for at in (0, 1 / 3, 1 / 2, 2 / 3)]), 1 / 3),
    "three against four": (
        np.array([b + at for b in range(4) for at in (0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4)]),
        1 / 4,
    ),
    "thirty-seconds": (np.arange(32) / 8, 1 / 8),
    "quintuplets": (np.arange(20) / 5, 1 / 5),
    "septuplets among eighths": (np.append(np.arange(7) / 7, 1 + np.arange(14) / 2), 1 / 7),
    "triplets of quarters": (np.arange(12) * 2 / 3, 2 / 3),
    "dotted": (np.array([beat + at for beat in range(4) for at in (0, 3 / 4)]), 1 / 4),
}


@pytest.mark.parametrize("name", RHYTHMS)
@pytest.mark.parametrize("is_on_grid", [False, True])
def test_an_exact_rhythm_is_written_as_it_is(name: str, is_on_grid: bool) -> None:
    onset, length = RHYTHMS[name]
    played = np.rint(onset * GRID) / GRID if is_on_grid else onset
    piece = line(played, length, [72, 74, 76, 77])
    assert is_on_the_beats(piece)
    assert quantise(piece).onset.tolist() == np.rint(onset * UNITS_PER_QUARTER).astype(int).tolist()


def test_each_hand_has_its_own_division() -> None:
    thirds, halves = np.arange(12) / 3, np.arange(8) / 2
    right, left = line(thirds, 1 / 3, [76, 77, 79]), line(halves, 1 / 2, [45, 52])
    both = Performance.from_arrays(
        np.append(right.pitch, left.pitch),
        **{
            name: np.append(getattr(right, name), getattr(left, name))
            for name in ("onset_s", "offset_s", "onset_quarters", "offset_quarters")
        },
    )
    notes = quantise(both)
    assert notes.division[0, :4].tolist() == [3] * 4
    assert notes.division[1, :4].tolist() == [2] * 4
    assert np.allclose(notes.onset / UNITS_PER_QUARTER, both.onset_quarters, atol=1e-9)


def test_playing_off_the_beats_is_not_on_them() -> None:
    random = np.random.default_rng(3)
    free = line(np.sort(random.uniform(0, 64, 300)), 0.4, [60, 64, 67])
    assert not is_on_the_beats(free)
    on_grid = np.rint(free.onset_quarters * GRID) / GRID
    assert not is_on_the_beats(line(on_grid, 0.4, [60, 64, 67]))
    assert not is_on_the_beats(free.between_quarters(100.0, 200.0))


def test_playing_close_to_the_beats_is_on_them_and_simplified() -> None:
    random = np.random.default_rng(3)
    exact = np.arange(128) / 2
    played = line(np.maximum(exact + random.normal(0, 0.02, 128), 0), 0.4, [60, 64, 67])
    assert is_on_the_beats(played)
    assert quantise(played).onset.tolist() == (exact * UNITS_PER_QUARTER).astype(int).tolist()


def test_a_chord_of_both_hands_stays_one() -> None:
    right, left = (0.0, 0.29, 0.6), (0.0, 0.29, 0.5)
    for manner in (NOTATED, FREE):
        one, other = choose_divisions(right, left, manner)
        assert round(0.29 * one) / one == round(0.29 * other) / other


def test_where_a_bar_line_cuts_a_quarter_there_is_no_tuplet() -> None:
    piece = line(np.arange(24) / 6, 1 / 6, [72, 74, 76])
    assert quantise(piece).division[0, :3].tolist() == [6, 6, 6]
    first, cut, third = quantise(piece, plain_quarters=[1]).division[0, :3].tolist()
    assert (first, third) == (6, 6)
    assert cut in (1, 2, 4, 8, 16)


@pytest.mark.long
def test_notated_scores_keep_their_rhythms() -> None:
    script = Path(__file__).parents[3] / "scripts" / "notation_count.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    scores, merged, lines = done.stdout.splitlines()[-3:]
    assert int(scores.split(": ")[1].split()[0].replace(",", "")) < 300
    assert int(merged.split()[0].replace(",", "")) < 100
    assert int(lines.split()[0].replace(",", "")) < 10
