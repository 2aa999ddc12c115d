"""Symbols of a bar: tuplets as a voice needs them, beams and rests by the metre."""

import itertools

import pytest

from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.metre import NOMINAL, Metre
from musicgen.music.notation.symbols import Symbol, symbols_of_bar
from musicgen.music.notation.voices import WrittenChord

SIXTHS = UNITS_PER_QUARTER // 6


def bar_of(edges: list[int], division: list[int], metre: Metre = NOMINAL) -> list[Symbol]:
    """Write chords from edge to edge, in sixths of a quarter, in the first bar."""
    voice = [WrittenChord(start * SIXTHS, end * SIXTHS, (60,)) for start, end in itertools.pairwise(edges)]
    return symbols_of_bar(voice, bar=metre.bars(1)[0], division=division)


def seen(symbols: list[Symbol]) -> list[tuple[float, int]]:
    """Say how long each symbol looks, in quarters, and of how many in a tuplet it is one."""
    return [(symbol.written_units / UNITS_PER_QUARTER, symbol.actual) for symbol in symbols]


def test_a_voice_has_the_tuplet_that_its_own_notes_need() -> None:
    assert seen(bar_of([0, 2, 4, 6], [6, 1, 1, 1]))[:3] == [(0.5, 3)] * 3
    assert seen(bar_of([0, 3, 6], [6, 1, 1, 1]))[:2] == [(0.5, 1)] * 2
    assert seen(bar_of([0, 1, 2, 3, 4, 5, 6], [6, 1, 1, 1]))[:6] == [(0.25, 6)] * 6
    assert seen(bar_of([0, 3, 4, 5, 6], [6, 1, 1, 1]))[:4] == [(0.5, 1), *[(0.25, 3)] * 3]


def test_a_long_and_a_short_third_are_a_triplet_of_two() -> None:
    symbols = bar_of([0, 4, 6], [3, 1, 1, 1])
    assert seen(symbols)[:2] == [(1.0, 3), (0.5, 3)]
    assert [symbol.tuplet for symbol in symbols[:2]] == ["start", "stop"]


def test_three_notes_over_two_quarters_are_one_triplet_of_quarters() -> None:
    assert seen(bar_of([0, 4, 8, 12, 24], [3, 3, 1, 1])) == [*[(1.0, 3)] * 3, (2.0, 1)]
    across_the_middle = bar_of([0, 6, 10, 14, 18, 24], [1, 3, 3, 1])
    assert [symbol.actual for symbol in across_the_middle if symbol.tied_to] == [3]


def test_short_notes_are_beamed_by_the_beat_of_the_metre() -> None:
    eighths = list(range(0, 19, 3))
    beams = [symbol.beams[0] for symbol in bar_of(eighths, [], Metre(6, 8))]
    assert beams == ["begin", "continue", "end"] * 2
    assert [symbol.beams[0] for symbol in bar_of(eighths, [], Metre(3, 4))] == ["begin", "end"] * 3


def test_a_beat_of_three_eighths_is_a_dotted_quarter_played_or_not() -> None:
    assert seen(bar_of([0, 9], [], Metre(6, 8))) == [(1.5, 1), (1.5, 1)]


def test_a_pickup_counts_its_beats_from_the_bar_line() -> None:
    (pickup, bar, *_) = Metre(3, 4, pickup_quarters=1.5).bars(4 * UNITS_PER_QUARTER)
    assert (pickup.units, pickup.elapsed, bar.start) == (7560, 7560, 7560)
    voice = [WrittenChord(at * 2520, at * 2520 + 2520, (60,)) for at in range(3)]
    symbols = symbols_of_bar(voice, bar=pickup, division=[])
    assert [symbol.beams for symbol in symbols] == [[], ["begin"], ["end"]]


@pytest.mark.parametrize(
    "values", [{"beats": 0}, {"beat_type": 3}, {"pickup_quarters": 4.0}, {"pickup_quarters": 1 / 3}]
)
def test_what_is_no_metre_is_refused_with_what_is(values: dict) -> None:
    with pytest.raises(ValueError, match="use "):
        Metre(**values)
