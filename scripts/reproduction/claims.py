"""The report's sentences as metrics, and what the intervals say of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from musicgen.measure.statistics import contrast, summarize

Verdict = Literal["borne out", "not borne out", "not decidable"]
NEGLIGIBLE_SHARE = 0.2  # of the spread among real pieces: a smaller difference is none (Cohen 1988: small)


@dataclass(frozen=True)
class Claim:
    """A sentence of the report and the metric that stands for it.

    Attributes:
        sentence: What the report says of ten epochs against five.
        metric: Name of the metric, as `describe` or `describe_harmony` has it.
        rises: Whether the sentence says that the metric is greater after ten epochs.
        because: Why this metric.
    """

    sentence: str
    metric: str
    rises: bool
    because: str


CLAIMS = (
    Claim("5 is messier, 10 tidier", "inter_onset_entropy", False, "how unevenly onsets follow each other"),
    Claim("5 is messier, 10 tidier", "h1", False, "how many pitch classes a bar mixes"),
    Claim("5 has less visible bars", "grooving_similarity", True, "how alike the bars' rhythms are"),
    Claim("in 5 each passage is on its own", "bar_similarity_1", True, "what of a bar is in the next"),
    Claim(
        "in 5 each passage is on its own", "bar_similarity_2", True, "what of a bar is in the next but one"
    ),
    Claim(
        "10 has more sense of sections", "structureness_short", True, "how well 12 quarters find their like"
    ),
    Claim("10 has more sense of sections", "structureness_middle", True, "how well 24 quarters do"),
    Claim("10 is more consonant", "scale_consistency", True, "share of notes within the best scale"),
    Claim("10 is more consonant", "chord_tone_rate", True, "share of sound that belongs to its chord"),
    Claim("10 has more repeated phrases", "repeated_interval_rate", True, "four-step patterns that return"),
    Claim(
        "10's large sections are more dispersed", "bar_similarity_8", False, "what is left eight bars later"
    ),
    Claim("10's large sections are more dispersed", "structureness_long", False, "how well 48 quarters do"),
)


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; the ends are NaN where one value or none is known."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim.

    Attributes:
        claim: The claim.
        five: The metric after five epochs, over seeds.
        ten: After ten.
        over_seeds: Ten less five, seed by seed (Student's interval of the paired differences).
        over_pieces: Ten less five, all pieces of all seeds as if each stood alone (bootstrap).
        real: Held-out real pieces.
        margin: Difference below which there is none.
        verdict: What `over_seeds` says.
    """

    claim: Claim
    five: Interval
    ten: Interval
    over_seeds: Interval
    over_pieces: Interval
    real: Interval
    margin: float
    verdict: Verdict


def interval(values: Sequence[float]) -> Interval:
    """Average values with Student's 95 % interval; NaN is left out."""
    summary = summarize(values)
    return Interval(
        summary.mean, summary.mean - summary.half_width, summary.mean + summary.half_width, summary.n
    )


def judge(over_seeds: Interval, *, rises: bool, margin: float) -> Verdict:
    """Say what an interval of a difference means for a claim.

    Borne out: the whole interval is on the claimed side of 0. Not borne out: it is on the other side, or
    what of it is on the claimed side is smaller than the margin. Else, or without an interval, the data do
    not decide.

    Args:
        over_seeds: Ten less five.
        rises: The claim is that the difference is positive.
        margin: Difference, 0 or more, below which there is none worth the word.
    """
    low, high = (over_seeds.low, over_seeds.high) if rises else (-over_seeds.high, -over_seeds.low)
    if math.isnan(low) or math.isnan(high):
        return "not decidable"
    if low > 0:
        return "borne out"
    return "not borne out" if high < 0 or high < margin else "not decidable"


def find(
    claim: Claim,
    *,
    five: Sequence[Sequence[float]],
    ten: Sequence[Sequence[float]],
    real: Sequence[float],
) -> Finding:
    """Measure one claim.

    Args:
        claim: The claim.
        five: The metric of the pieces of each seed, after five epochs; NaN where a piece has none.
        ten: The same seeds after ten.
        real: The metric of held-out real pieces.
    """
    means = [[_mean(pieces) for pieces in seeds] for seeds in (five, ten)]
    over_seeds = interval([later - sooner for sooner, later in zip(*means, strict=True)])
    pooled = [[value for pieces in seeds for value in pieces] for seeds in (five, ten)]
    between = contrast(
        claim.metric, ("ten", pooled[1]), ("five", pooled[0]), generator=np.random.default_rng(0)
    )
    spread = summarize(real).sd
    margin = 0.0 if math.isnan(spread) else NEGLIGIBLE_SHARE * spread
    return Finding(
        claim=claim,
        five=interval(means[0]),
        ten=interval(means[1]),
        over_seeds=over_seeds,
        over_pieces=Interval(
            between.difference, between.low, between.high, between.n_first + between.n_second
        ),
        real=interval(real),
        margin=margin,
        verdict=judge(over_seeds, rises=claim.rises, margin=margin),
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else float("nan")
