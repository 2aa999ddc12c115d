"""From names to labels, and what guidance makes of them."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.store.packed import PackedPieces
from musicgen.generation.asking.asked import Asked, nearest_name
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.asking.labelling import labelled, values_of
from musicgen.generation.sampling import DrawRequest, Reader, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import NoCondition
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.flat import Transformer
from tests.generation.uncached import uncached

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


def guided(rows: list[list[int]], guidance: float) -> Conditions:
    labels = torch.tensor(rows)[None, :, None]
    return Conditions.guided(labels, without=torch.zeros_like(labels), guidance=guidance)


def drawn(model: Transformer, conditions: Conditions | None) -> torch.Tensor:
    request = DrawRequest(
        num_quarters=12,
        generator=torch.Generator().manual_seed(0),
        batch=3,
        conditions=conditions,
    )
    return Sampling(top_k=None, hop_quarters=2).draw(model, request)


def packed(*lengths: int) -> PackedPieces:
    starts = np.cumsum([0, *lengths])
    return PackedPieces(np.zeros((starts[-1], 88), np.uint32), starts=starts, pieces=PIECES[: len(lengths)])


def test_names_are_those_of_the_pieces_and_what_is_unknown_is_none() -> None:
    fields = LabelConditioner(fields=["era", "composer"], width=4)
    values = values_of(packed(1, 1, 1), fields)
    assert values.names == [["baroque", "romantic"], COMPOSERS[1:]]
    assert values.edges == [[], []]
    with pytest.raises(ValueError, match="no 'taste'; use any of composer, era"):
        values_of(packed(1, 1, 1), LabelConditioner(fields=["taste"], width=4))


def test_windows_carry_the_labels_of_their_piece() -> None:
    codes = PieceCodes(np.zeros((9, 4), np.int64), np.array([0, 4, 7, 9]))
    pieces = packed(4, 3, 2)

    windows = CodeWindows(labelled(codes, pieces, conditioner()), window_quarters=2, hop_quarters=2)
    batch = windows.__getitems__(range(len(windows)))

    assert batch.labels is not None
    by_piece = [[2, 2], [2, 2], [3, 1], [3, 1], [0, 0]]
    assert batch.labels.tolist() == [[row, row] for row in by_piece]
    assert labelled(codes, pieces, NoCondition()).labels is None


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
        Asked(era="baroque").conditions(NoCondition(), quarters=4)


def test_what_is_not_asked_for_stays_open() -> None:
    asked = Asked(era="baroque").conditions(conditioner(), quarters=4)

    assert asked is not None
    assert asked.labels.tolist() == [[[[0, 1]]]]
    assert asked.weights == (1.0,)
    assert Asked().conditions(conditioner(), quarters=4) is None


def test_guidance_of_0_is_unconditional_and_1_the_plain_condition() -> None:
    model, plain = prior(), Conditions(torch.tensor([[[[2, 2]]]]))

    assert torch.equal(drawn(model, guided([[2, 2]], 0.0)), drawn(model, None))
    assert torch.equal(drawn(model, guided([[2, 2]], 1.0)), drawn(model, plain))
    assert torch.equal(drawn(model, plain), drawn(model, guided([[2, 2]] * 3, 1.0)))
    assert not torch.equal(drawn(model, plain), drawn(model, None))
    twice = guided([[2, 2]], 2.0)
    assert torch.equal(drawn(model, twice), drawn(uncached(prior()), twice))


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guided_logits_go_from_without_to_with_and_beyond(guidance: float) -> None:
    model, streams = prior(), torch.randint(8, (2, 10))
    rows = [[2, 2], [1, 0]]
    reader = Reader(model, batch=2, conditions=guided(rows, guidance))

    with torch.inference_mode():
        logits = reader.next_logits(streams, 0)
        with_labels = model(streams, labels=torch.tensor(rows)[:, None])[:, -1]
        without = model(streams)[:, -1]

    expected = without + guidance * (with_labels - without)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_a_guidance_or_labels_that_fit_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="guidance=-1"):
        guided([[2, 2]], -1.0)
    with pytest.raises(ValueError, match="labels of 2 pieces for batch=3"):
        drawn(prior(), guided([[2, 2], [1, 1]], 2.0))
    with pytest.raises(ValueError, match="2 weights for 1 sets of labels"):
        Conditions(torch.zeros(1, 1, 1, 2, dtype=torch.int64), (0.5, 0.5))
