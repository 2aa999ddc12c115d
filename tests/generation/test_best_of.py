"""Of several draws of a stretch the one is kept that a classifier takes most for what is asked for."""

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import musicgen
from musicgen.generation.asking.asked import Asked
from musicgen.generation.asking.likeness import Likeness
from musicgen.generation.best_of import BestOf
from musicgen.generation.drawing.chosen import drawing_of
from musicgen.generation.generate import GeneratedPiece, generate_pieces
from musicgen.generation.loaded_run import LoadedRun
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.generation.streaming import stream_piece
from musicgen.models.style import StyleClassifier, StyleOutput
from musicgen.music.metrics.patterns import FAMILIES
from musicgen.music.theory.keys import estimate_key

HIGHEST = slice(12, 12 + 88)  # how often each pitch is played


class ByHeight(StyleClassifier):
    """Takes high pieces for Liszt, low ones for Bach."""

    def forward(self, counts: Float[Tensor, "batch patterns"]) -> StyleOutput:
        pitches = counts[:, HIGHEST]
        height = (pitches @ torch.arange(88.0)) / pitches.sum(dim=1).clamp(min=1) - 44
        logits = torch.stack([-height, height], dim=1)
        return StyleOutput(logits, composer_logits=logits, era_logits=logits)


@pytest.fixture(scope="module")
def run() -> LoadedRun:
    """Return a trained run: what a hardly trained one writes may be silent, which has no height."""
    return musicgen.load("chorales-small")


def best_of(run: LoadedRun, candidates: int, *, stretch_quarters: int = 4, **asked: object) -> BestOf:
    classifier = ByHeight(composers=["Bach", "Liszt"], eras=["baroque"], families=list(FAMILIES.values()))
    wishes = Asked(**(asked or {"composer": "Liszt"}))
    likeness = Likeness.of(wishes, classifier=classifier.eval(), ranges={"register": (50.0, 80.0)})
    return BestOf(Sampling(), run.autoencoder, likeness, candidates, stretch_quarters)


def written(run: LoadedRun, sampling: BestOf | Sampling, **more: object) -> list[GeneratedPiece]:
    settings = {"num_pieces": 3, "num_quarters": 12, "seed": 5, **more}
    return generate_pieces(run.autoencoder, run.prior, sampling=sampling, **settings)


def height(pieces: list[GeneratedPiece]) -> float:
    return float(torch.tensor([piece.performance.pitch.mean() for piece in pieces]).mean())


def test_without_a_choice_it_is_plain_sampling(run: LoadedRun) -> None:
    whole = written(run, best_of(run, 1, stretch_quarters=12))
    assert [piece.codes.tolist() for piece in whole] == [
        piece.codes.tolist() for piece in written(run, Sampling())
    ]


def test_what_is_asked_for_is_chosen(run: LoadedRun) -> None:
    plain = height(written(run, Sampling()))
    assert height(written(run, best_of(run, 6))) > plain + 0.5
    assert height(written(run, best_of(run, 6, composer="Johann Sebastian Bach"))) < plain - 0.5
    middle = height(written(run, best_of(run, 6, blend={"Bach": 1, "Liszt": 1})))
    assert abs(middle - 21 - 44) < abs(plain - 21 - 44)


def test_an_attribute_needs_no_classifier(run: LoadedRun) -> None:
    plain = height(written(run, Sampling()))
    for asked in (
        {"attributes": {"register": plain + 20}},
        {"attributes": {"register": [plain, plain + 20]}},
    ):
        assert height(written(run, best_of(run, 6, **asked))) > plain + 0.5


def test_a_key_is_listened_for_without_being_asked_to(run: LoadedRun) -> None:
    """One draw in five is in D minor, of four nine pieces in ten are; the others are in F major."""
    assert isinstance(drawing_of(run, Asked(key="D minor")), BestOf)
    size = {"num_pieces": 8, "num_quarters": 24, "seed": 5, "key": "D minor"}
    plain, chosen = (
        [estimate_key(piece.performance).name == "D minor" for piece in run.generate(**size, best_of=draws)]
        for draws in (1, None)
    )
    assert sum(chosen) >= 6 > 4 >= sum(plain)


def test_without_a_classifier_names_are_left_to_the_prior_where_a_key_can_be_chosen_by(
    run: LoadedRun,
) -> None:
    for best_of in (None, 2):
        sampling = drawing_of(run, Asked(composer="Liszt", key="D minor"), best_of=best_of)
        assert isinstance(sampling, BestOf)
        assert sampling.likeness.classifier is None
        assert sampling.likeness.key is not None


def test_a_tonic_for_either_mode_leaves_both_to_choose_from(run: LoadedRun) -> None:
    pieces = run.generate(8, num_quarters=16, seed=5, key="D")
    keys = [estimate_key(piece.performance) for piece in pieces]
    assert {key.tonic for key in keys} == {2}
    assert {key.mode for key in keys} == {"major", "minor"}


def test_a_piece_does_not_depend_on_how_many_are_asked_for(run: LoadedRun) -> None:
    nine, two = (written(run, best_of(run, 4), num_pieces=number) for number in (9, 2))
    assert [piece.codes.tolist() for piece in two] == [piece.codes.tolist() for piece in nine[:2]]


def test_a_prompt_is_kept_and_only_what_is_new_is_chosen(run: LoadedRun) -> None:
    prompt = written(run, Sampling(), num_pieces=1)[0]
    pieces = written(run, best_of(run, 6), prompt=prompt.packed[:5], num_quarters=7)
    plain = written(run, Sampling(), prompt=prompt.packed[:5], num_quarters=7)
    assert {len(piece.codes) for piece in pieces} == {12}
    assert all((piece.packed[:5] == prompt.packed[:5]).all() for piece in pieces)
    assert height(pieces) > height(plain)


def test_a_stream_has_the_codes_of_the_piece(run: LoadedRun) -> None:
    sampling = best_of(run, 3)
    last = list(stream_piece(run.autoencoder, run.prior, num_quarters=10, seed=5, sampling=sampling))[
        -1
    ].piece
    [whole] = written(run, sampling, num_pieces=1, num_quarters=10)
    assert last.codes.tolist() == whole.codes.tolist()
    request = DrawRequest(10, torch.Generator().manual_seed(5))
    assert len(list(sampling.quarters(run.prior, request))) == 10


def test_it_refuses_what_leaves_nothing_to_choose(run: LoadedRun) -> None:
    with pytest.raises(ValueError, match="candidates=0; use 1 or more"):
        best_of(run, 0)
    with pytest.raises(ValueError, match="best_of chooses what is most like"):  # not taken for 1
        drawing_of(run, Asked(), best_of=0)
    with pytest.raises(FileNotFoundError, match="train the run with style among its stages"):
        drawing_of(run, Asked(composer="Liszt"), best_of=2)
