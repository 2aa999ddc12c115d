"""What is not asked of a piece comes from a training piece that fits what is asked."""

import numpy as np
import pytest
import torch

from musicgen.data.batches.codes import PieceCodes
from musicgen.generation.asking.asked import Asked, Completion
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.asking.training_labels import TrainingLabels
from musicgen.models.conditioners.base import NoCondition
from musicgen.models.conditioners.labels import LabelConditioner

FIELDS = ["composer", "era", "mode", "piece_density", "density", "gap"]
BACH, CHOPIN = 1, 2
COURSES = [  # composer, era, mode, density of the whole piece, then of its stretches of two quarters
    (BACH, 1, 1, 3, [3, 4, 2]),
    (BACH, 1, 2, 1, [1, 1]),
    (CHOPIN, 2, 1, 2, [1, 3]),
    (CHOPIN, 2, 2, 4, [4, 4, 4, 3]),
]


def conditioner(fields: list[str] = FIELDS) -> LabelConditioner:
    known = {
        "composer": ["Bach", "Chopin"],
        "era": ["baroque", "romantic"],
        "mode": ["major", "minor"],
        "gap": ["behind", "1"],
    }
    names = [known.get(field, []) for field in fields]
    edges = [[] if field in known else [1.0, 2.0, 4.0] for field in fields]
    return LabelConditioner(fields=fields, width=8, names=names, edges=edges, stretch_quarters=2)


def training_codes() -> PieceCodes:
    rows, starts = [], [0]
    for composer, era, mode, whole, course in COURSES:
        rows += [[composer, era, mode, whole, level, 0] for level in course for _ in range(2)]
        starts.append(len(rows))
    codes = np.zeros((len(rows), 1), np.int64)
    return PieceCodes(codes, np.array(starts), labels=np.array(rows, np.int16))


def training_labels() -> TrainingLabels:
    known = TrainingLabels.of(training_codes(), conditioner())
    assert known is not None
    return known


def rows(asked: Asked, *, quarters: int = 8, **completion) -> np.ndarray:
    """Return the labels (terms, pieces, quarters, fields) without the term of guidance."""
    size = {"seed": 0, **completion}
    found = asked.conditions(
        conditioner(), quarters=quarters, completion=Completion(training_labels(), **size)
    )
    assert found is not None
    return found.labels.numpy()


def test_one_label_is_kept_for_each_stretch() -> None:
    known = training_labels()
    assert known.starts.tolist() == [0, 3, 5, 7, 11]
    assert known.values[:, 4].tolist() == [3, 4, 2, 1, 1, 1, 3, 4, 4, 4, 3]


def test_nothing_is_kept_where_nothing_is_measured() -> None:
    names_only = conditioner(["composer", "era"])
    assert TrainingLabels.of(training_codes(), NoCondition()) is None
    assert TrainingLabels.of(training_codes(), names_only) is None


def test_they_come_back_from_plain_values(tmp_path) -> None:
    torch.save(training_labels().plain(), tmp_path / "labels")
    read = TrainingLabels.from_plain(torch.load(tmp_path / "labels", weights_only=True))
    assert (read.values == training_labels().values).all()
    assert (read.starts == training_labels().starts).all()
    assert (read.fields, read.stretch_quarters) == (tuple(FIELDS), 2)


def test_damaged_ones_are_refused() -> None:
    content = training_labels().plain()
    content["starts"] = content["starts"][:-1]
    with pytest.raises(ValueError, match="3 pieces do not fit"):
        TrainingLabels.from_plain(content)


def test_a_composer_brings_the_labels_of_a_piece_of_theirs() -> None:
    [pieces] = rows(Asked(composer="Chopin"), num_pieces=20)
    assert (pieces[:, :, :2] == [CHOPIN, 2]).all()
    assert (pieces[:, :, 5] == 0).all()  # there is no gap
    courses = {tuple(piece[:, 4].tolist()) for piece in pieces}
    assert courses == {(1, 1, 3, 3, 1, 1, 3, 3), (4, 4, 4, 4, 4, 4, 3, 3)}
    for piece in pieces:
        assert tuple(piece[0, 2:4].tolist()) == ((1, 2) if piece[0, 4] == 1 else (2, 4))


def test_nothing_asked_takes_all_labels_from_any_piece() -> None:
    [pieces] = rows(Asked(), num_pieces=40)
    assert {int(composer) for composer in pieces[:, 0, 0]} == {BACH, CHOPIN}


def test_a_piece_has_the_same_labels_however_many_there_are() -> None:
    [few], [many] = rows(Asked(), num_pieces=2), rows(Asked(), num_pieces=9)
    assert (few == many[:2]).all()
    assert (rows(Asked(), num_pieces=9, seed=1) != many[None]).any()


def test_what_is_asked_stays_and_decides_which_piece_the_rest_is_of() -> None:
    many = TrainingLabels(
        tuple(FIELDS),
        np.array([[BACH, 1, 1, level, level, 0] for level in [1, 1, 1, 1, 1, 4, 4, 4, 4, 4]], np.int16),
        np.arange(11),
        2,
    )
    asked = Asked(attributes={"density": 9.0})
    found = asked.conditions(conditioner(), quarters=4, completion=Completion(many, 0, 30))
    assert found is not None
    assert (found.labels[0, :, :, 3:5] == 4).all()
    chosen = [many._fitting(labels.numpy(), np.zeros((0, 6), np.int64)) for labels in found.labels[0]]
    assert all((many.values[pieces, 4] == 4).all() for pieces in chosen)


def test_a_mode_that_a_composer_never_wrote_in_leaves_the_composer() -> None:
    known = training_labels()
    asked = np.array([[BACH, 0, 3, 0, 0, 0]])
    assert known._fitting(asked, np.zeros((0, 6), np.int64)).tolist() == [0, 1]


def test_a_prompt_has_its_own_labels_and_is_gone_on_with_like_a_piece_that_is_like_it() -> None:
    known, open_labels = training_labels(), torch.zeros((1, 1, 1, 6), dtype=torch.long)
    heard = np.array([[0, 0, 1, 3, 3, 0]] * 3)
    size = {"shares": [1.0], "heard": heard, "new_quarters": 2, "num_pieces": 1}
    [piece] = known.complete(open_labels, **size, seed=0)[0].numpy()
    assert piece[:3].tolist() == heard.tolist()
    assert piece[3:, 0].all()
    assert (piece[3:, 2] == 1).all()  # in the prompt's mode


def test_parts_of_a_blend_share_what_is_measured_and_have_no_others_era() -> None:
    first, second = rows(Asked(blend={"Bach": 0.5, "Chopin": 0.5}), num_pieces=4)
    assert (first[..., 0] == BACH).all()
    assert (second[..., 0] == CHOPIN).all()
    assert (first[..., 1] == 0).all()
    assert (first[..., 2:] == second[..., 2:]).all()
    assert first[..., 4].all()


def test_conditions_of_some_pieces_and_of_candidates() -> None:
    labels = torch.arange(3).view(1, 3, 1, 1)
    conditions = Conditions(labels)
    assert conditions.of_pieces(1, 2).labels.flatten().tolist() == [1, 2]
    assert conditions.repeated(2).labels.flatten().tolist() == [0, 0, 1, 1, 2, 2]
    same_for_all = Conditions(labels[:, :1])
    assert same_for_all.of_pieces(1, 2).labels.flatten().tolist() == [0]
