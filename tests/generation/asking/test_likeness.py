"""What a classifier is asked, and how its answer is scored."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from musicgen.generation.asking.asked import Asked
from musicgen.generation.asking.likeness import Likeness, Stretch, Target
from musicgen.models.style import StyleClassifier
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.metrics.attributes import attribute
from musicgen.music.metrics.patterns import FAMILIES, count_patterns
from musicgen.music.notes import Performance
from tests.conftest import etude


@pytest.fixture(scope="module")
def classifier() -> StyleClassifier:
    names = {"composers": ["Bach", "Liszt", "Mozart"], "eras": ["baroque", "romantic"]}
    return StyleClassifier(**names, families=list(FAMILIES.values())).eval()


@pytest.mark.parametrize(
    ("asked", "composers", "eras"),
    [
        ({"composer": "Franz Liszt"}, [0, 1, 0], None),
        ({"composer": "Carl Philipp Emanuel Bach"}, [1, 0, 0], None),
        ({"composer": "Lizst"}, [0, 1, 0], None),
        ({"blend": {"Mozart": 3, "J. S. Bach": 1}}, [0.25, 0, 0.75], None),
        ({"blend": {"romantic": 1, "baroque": 1}}, None, [0.5, 0.5]),
        ({"composer": "Mozart", "era": "romantic"}, [0, 0, 1], [0, 1]),
    ],
)
def test_names_are_found_among_surnames(classifier, asked, composers, eras) -> None:
    likeness = Likeness.of(Asked(**asked), classifier=classifier)
    found = [None if shares is None else shares.tolist() for shares in (likeness.composers, likeness.eras)]
    assert found == [composers, eras]


def stretches(*pieces: Performance, before: int = 0) -> list[Stretch]:
    packed = [to_packed(piece) for piece in pieces]
    return [Stretch(rows[:before], rows[before:], total=len(rows)) for rows in packed]


def test_the_score_is_the_log_probability_of_what_is_asked(classifier) -> None:
    candidates = stretches(etude(1), etude(2), before=8)
    counts = [
        count_patterns(np.concatenate([c.before, c.packed]), quarters_per_segment=16) for c in candidates
    ]
    output = classifier(torch.from_numpy(np.concatenate(counts)).float())
    scores = Likeness.of(Asked(composer="Liszt", era="baroque"), classifier=classifier).scores(candidates)
    composer = -functional.cross_entropy(output.composer_logits, torch.ones(2).long(), reduction="none")
    era = -functional.cross_entropy(output.era_logits, torch.zeros(2).long(), reduction="none")
    torch.testing.assert_close(scores, composer + era)


def test_attributes_are_measured_against_what_is_asked_for_there() -> None:
    [stretch] = stretches(etude(1), before=8)
    notes = attribute(from_packed(stretch.packed), "density")
    asked = Asked(attributes={"density": [99.0, notes - 1]})
    likeness = Likeness.of(asked, ranges={"density": (2.0, 7.0), "register": (40.0, 80.0)})
    assert [target.name for target in likeness.targets] == ["density"]
    assert likeness.targets[0].miss(stretch) == pytest.approx(0.2, abs=0.02)
    assert float(likeness.scores([stretch])[0]) == pytest.approx(-20 * 0.2**2, abs=0.2)
    silent = Stretch(stretch.before, np.zeros_like(stretch.packed), stretch.total)
    assert likeness.targets[0].miss(silent) == 1.0


def test_what_earlier_stretches_missed_is_mended() -> None:
    [stretch] = stretches(etude(1), before=8)
    here = attribute(from_packed(stretch.packed), "density")
    silent = Stretch(np.zeros_like(stretch.before), stretch.packed, stretch.total)
    half = here * len(stretch.packed) / stretch.total
    missed_by_all = (here - half) / 99
    assert Target("density", [here], 99.0).miss(silent) == pytest.approx(missed_by_all / np.sqrt(2), abs=1e-3)
    assert Target("density", [0.0, here], 99.0).miss(silent) == pytest.approx(0, abs=1e-3)


def test_a_mood_is_a_place_in_the_range_of_its_attribute() -> None:
    likeness = Likeness.of(Asked(mood={"arousal": [-1, 0, 1]}), ranges={"density": (2.0, 6.0)})
    assert likeness.targets == [Target("density", [2.0, 4.0, 6.0], 4.0)]


def test_what_cannot_be_heard_is_refused(classifier) -> None:
    with pytest.raises(
        ValueError, match="best_of chooses what is most like what is asked for, and nothing is"
    ):
        Likeness.of(Asked(), classifier=classifier)
    with pytest.raises(ValueError, match="composer=Czerny is unknown to this prior; it knows Bach, Liszt"):
        Likeness.of(Asked(composer="Czerny"), classifier=classifier)
