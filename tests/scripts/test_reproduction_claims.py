"""What the intervals say of a sentence: hand-worked verdicts, and numbers that are written as they are."""

import math
from pathlib import Path

import pytest
from reproduction.claims import CLAIMS, Claim, Interval, find, interval, judge
from reproduction.tables import markdown, number, signed, with_interval, write_csv

from musicgen.measure.music import describe
from musicgen.music.theory.harmony import describe_harmony
from tests.conftest import etude

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "rises", "margin", "verdict"),
    [
        (0.01, 0.2, True, 0.0, "borne out"),
        (0.01, 0.2, False, 0.0, "not borne out"),  # it went the other way
        (-0.2, -0.01, True, 0.0, "not borne out"),
        (-0.2, -0.01, False, 0.0, "borne out"),
        (-0.1, 0.1, True, 0.0, "not decidable"),
        (-0.1, 0.1, True, 0.2, "not borne out"),  # what is left to the claim is next to nothing
        (-0.3, 0.1, False, 0.2, "not decidable"),
        (-0.1, 0.3, False, 0.2, "not borne out"),
        (NAN, NAN, True, 0.2, "not decidable"),
    ],
)
def test_a_verdict_follows_from_the_interval_alone(low, high, rises, margin, verdict):
    assert judge(Interval((low + high) / 2, low, high, 5), rises=rises, margin=margin) == verdict


def test_a_finding_pairs_seeds_and_averages_the_pieces_of_each():
    claim = Claim("more", "f", True, "because")
    five = [[1.0, 3.0], [2.0, NAN], [4.0, 4.0]]
    ten = [[3.0, 3.0], [3.0, 3.0], [5.0, 5.0]]
    finding = find(claim, five=five, ten=ten, real=[0.0, 1.0])
    # Differences of the seeds' means are all 1: 3 - 2, 3 - 2, 5 - 4.
    assert finding.over_seeds == Interval(1.0, 1.0, 1.0, 3)
    assert finding.verdict == "borne out"
    assert finding.five.mean == pytest.approx(8 / 3)
    assert finding.over_pieces.n == 11
    assert finding.margin == pytest.approx(0.2 * math.sqrt(0.5))


def test_students_interval_is_the_textbooks():
    one = interval([1.0, 2.0, 3.0, NAN])
    assert (one.mean, one.n) == (2.0, 3)
    assert one.high - one.mean == pytest.approx(4.302653 / math.sqrt(3))
    assert math.isnan(interval([1.0]).low)


def test_one_seed_decides_nothing():
    assert find(CLAIMS[0], five=[[1.0]], ten=[[0.0]], real=[1.0, 2.0]).verdict == "not decidable"


def test_every_claim_names_a_metric_that_is_measured():
    metrics = describe(etude(0)) | describe_harmony(etude(0))
    assert {claim.metric for claim in CLAIMS} <= metrics.keys()


def test_numbers_are_written_with_what_is_known(tmp_path: Path):
    assert number(NAN) == "–"
    assert number(0.12345) == "0.123"
    assert number(1234.5) == "1234"
    assert with_interval(Interval(1.0, 0.5, 1.5, 3)) == "1.000 [0.500, 1.500]"
    assert with_interval(Interval(1.0, NAN, NAN, 1)) == "1.000"
    assert signed(Interval(0.5, -0.25, 1.25, 3)) == "+0.500 [-0.250, +1.250]"
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    write_csv(tmp_path / "t.csv", [{"a": 1, "b": NAN}, {"a": 0.123456789, "c": "x"}])
    assert (tmp_path / "t.csv").read_text() == "a,b,c\n1,,\n0.123457,,x\n"
