"""What a classifier is asked, and how its answer is scored."""

import pytest
import torch
from torch.nn import functional

from musicgen.generation.asking.asked import Asked
from musicgen.generation.asking.likeness import Likeness
from musicgen.models.style import StyleClassifier
from musicgen.music.metrics.patterns import FAMILIES, NUM_PATTERNS


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
    likeness = Likeness.of(classifier, Asked(**asked))
    found = [None if shares is None else shares.tolist() for shares in (likeness.composers, likeness.eras)]
    assert found == [composers, eras]


def test_the_score_is_the_log_probability_of_what_is_asked(classifier) -> None:
    counts = torch.randint(0, 5, (4, NUM_PATTERNS)).float()
    output = classifier(counts)
    scores = Likeness.of(classifier, Asked(composer="Liszt", era="baroque")).scores(counts.numpy())
    composer = -functional.cross_entropy(output.composer_logits, torch.ones(4).long(), reduction="none")
    era = -functional.cross_entropy(output.era_logits, torch.zeros(4).long(), reduction="none")
    torch.testing.assert_close(scores, composer + era)


def test_what_cannot_be_heard_is_refused(classifier) -> None:
    with pytest.raises(ValueError, match="none is asked for"):
        Likeness.of(classifier, Asked(key="D minor"))
    with pytest.raises(ValueError, match="composer=Czerny is unknown to this prior; it knows Bach, Liszt"):
        Likeness.of(classifier, Asked(composer="Czerny"))
