"""From names to labels, and what guidance makes of them."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.catalogue.pieces import Piece
from musicgen.generation.labelling import labelled, labels_asked, names_of, nearest_name
from musicgen.generation.sampling import CachedReader, DrawRequest, GuidedReader, Sampling, UncachedReader
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import NoCondition
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.flat import Transformer

COMPOSERS = ["Carl Philipp Emanuel Bach", "Frédéric Chopin", "Johann Sebastian Bach"]


def piece(composer: str, era: str) -> Piece:
    return Piece(Path("a.mid"), "0" * 64, composer, composer.split()[-1], "A", era)


PIECES = [piece(COMPOSERS[1], "romantic"), piece(COMPOSERS[2], "baroque"), piece("unknown", "unknown")]


def conditioner(width: int = 16) -> LabelConditioner:
    names = [COMPOSERS, ["baroque", "romantic"]]
    return LabelConditioner(fields=["composer", "era"], width=width, names=names)


def prior() -> Transformer:
    torch.manual_seed(0)
    model = Transformer(
        vocabulary=Vocabulary(4, 1, 8),
        conditioner=conditioner(),
        num_layers=1,
        num_heads=2,
        width=16,
        context_quarters=6,
    )
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.eval()


def drawn(model: Transformer, labels: torch.Tensor | None, guidance: float, **settings) -> torch.Tensor:
    request = DrawRequest(
        num_quarters=12,
        generator=torch.Generator().manual_seed(0),
        batch=3,
        labels=labels,
        guidance=guidance,
    )
    return Sampling(top_k=None, hop_quarters=2).draw(model, request, **settings)


def test_names_are_those_of_the_pieces_and_what_is_unknown_is_none() -> None:
    assert names_of(PIECES, ["era", "composer"]) == [["baroque", "romantic"], COMPOSERS[1:]]
    with pytest.raises(ValueError, match="no 'mood'; use composer or era"):
        names_of(PIECES, ["mood"])


def test_windows_carry_the_labels_of_their_piece() -> None:
    codes = PieceCodes(np.zeros((9, 4), np.int64), np.array([0, 4, 7, 9]))

    windows = CodeWindows(labelled(codes, PIECES, conditioner()), window_quarters=2, hop_quarters=2)
    batch = windows.__getitems__(range(len(windows)))

    assert batch.labels is not None
    assert batch.labels.tolist() == [[2, 2], [2, 2], [3, 1], [3, 1], [0, 0]]
    assert labelled(codes, PIECES, NoCondition()).labels is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("chopin", COMPOSERS[1]),
        ("Chopin, Frederic", COMPOSERS[1]),
        ("Johann Bach", COMPOSERS[2]),
        ("Shopin", COMPOSERS[1]),
    ],
)
def test_a_name_is_found_by_its_words_else_the_nearest_is_taken(asked: str, found: str, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        name = nearest_name("composer", asked, COMPOSERS)
    assert name == found
    assert ("nearest" in caplog.text) == (asked == "Shopin")


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="may be Carl Philipp Emanuel Bach or Johann Sebastian Bach"):
        nearest_name("composer", "Bach", COMPOSERS)
    with pytest.raises(ValueError, match="Xyzzyq is unknown to this prior; it knows Carl"):
        nearest_name("composer", "Xyzzyq", COMPOSERS)
    with pytest.raises(ValueError, match="was told nothing of its pieces; train one with condition=era"):
        labels_asked(NoCondition(), {"era": "baroque"})


def test_what_is_not_asked_for_stays_open() -> None:
    asked = labels_asked(conditioner(), {"composer": None, "era": "baroque"})

    assert asked is not None
    assert asked.tolist() == [[0, 1]]
    assert labels_asked(conditioner(), {"composer": None, "era": None}) is None


def test_guidance_of_0_is_unconditional_and_1_the_plain_condition() -> None:
    model, labels = prior(), torch.tensor([[2, 2]])

    assert torch.equal(drawn(model, labels, 0.0), drawn(model, None, 1.0))
    assert torch.equal(drawn(model, labels, 1.0), drawn(model, labels.expand(3, -1), 1.0))
    assert not torch.equal(drawn(model, labels, 1.0), drawn(model, None, 1.0))
    assert torch.equal(drawn(model, labels, 2.0), drawn(model, labels, 2.0, reader=UncachedReader))


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guided_logits_go_from_without_to_with_and_beyond(guidance: float) -> None:
    model, streams = prior(), torch.randint(8, (2, 10))
    labels = torch.tensor([[2, 2], [1, 0]])
    readers = CachedReader(model, batch=2, labels=labels), CachedReader(model, batch=2)

    with torch.inference_mode():
        guided = GuidedReader(*readers, guidance=guidance).next_logits(streams, 0)
        told, untold = model(streams, labels=labels)[:, -1], model(streams)[:, -1]

    torch.testing.assert_close(guided, untold + guidance * (told - untold), rtol=1e-4, atol=1e-4)


def test_a_guidance_or_labels_that_fit_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="guidance=-1"):
        drawn(prior(), torch.tensor([[2, 2]]), -1.0)
    with pytest.raises(ValueError, match="labels of 2 pieces for batch=3"):
        drawn(prior(), torch.tensor([[2, 2], [1, 1]]), 2.0)
