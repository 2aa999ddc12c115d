"""Rules: what differs is found with an interval, what does not is not claimed."""

import csv
from pathlib import Path

import numpy as np
import pytest

from musicgen.measure.music import MeasuredPiece, measure
from musicgen.music.midi import read_midi
from musicgen.music.notes import Performance
from musicgen.style.rules import find_rules, write_examples, write_rules


def piece(seed: int, *, notes_per_quarter: int) -> Performance:
    random = np.random.default_rng(seed)
    count = 32 * notes_per_quarter
    onset = np.arange(count) / notes_per_quarter
    return Performance.from_arrays(
        random.integers(55, 80, count),
        onset_s=onset / 2,
        offset_s=onset / 2 + 0.1,
        onset_quarters=onset,
        offset_quarters=onset + 0.2,
    )


def pieces(first: int, *, notes_per_quarter: int, count: int = 8) -> list[MeasuredPiece]:
    seeds = range(first, first + count)
    return measure([(f"{seed}.mid", piece(seed, notes_per_quarter=notes_per_quarter)) for seed in seeds])


def test_a_difference_that_is_there_holds_and_one_that_is_not_does_not(tmp_path: Path) -> None:
    sets = {"Slow": pieces(0, notes_per_quarter=1), "Fast": pieces(100, notes_per_quarter=4)}
    rules = find_rules(*sets.items())
    by_name = {rule.name: rule for rule in rules}
    density = by_name["notes_per_quarter"]
    assert density.holds
    assert density.contrast.difference == pytest.approx(-3.0, abs=0.1)
    assert density.contrast.low <= density.contrast.difference <= density.contrast.high
    assert not by_name["mean_pitch"].holds
    assert rules.index(density) < rules.index(by_name["mean_pitch"])

    write_rules(rules, tmp_path / "rules.csv")
    rows = list(csv.DictReader((tmp_path / "rules.csv").open()))
    assert [row["name"] for row in rows] == [rule.name for rule in rules]

    examples = {path.name for path in write_examples(rules, sets, tmp_path / "examples")}
    assert {"notes_per_quarter-Slow.mid", "notes_per_quarter-Fast.mid"} <= examples
    fast = read_midi(tmp_path / "examples" / "notes_per_quarter-Fast.mid")
    assert len(fast) == 4 * 16


def test_two_sets_of_the_same_music_part_in_nothing() -> None:
    rules = find_rules(("A", pieces(0, notes_per_quarter=2)), ("B", pieces(50, notes_per_quarter=2)))
    assert [rule.name for rule in rules if rule.holds] == []


def test_too_few_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of A, 2 of B"):
        find_rules(
            ("A", pieces(0, notes_per_quarter=1, count=1)), ("B", pieces(9, notes_per_quarter=1, count=2))
        )
