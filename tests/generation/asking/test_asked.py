"""From what a person asks for to labels by quarter."""

import logging

import numpy as np
import pytest
import torch

from musicgen.data.batches.codes import PieceCodes
from musicgen.data.store.packed import PackedPieces
from musicgen.generation.asking.abilities import abilities_of
from musicgen.generation.asking.asked import Asked
from musicgen.generation.asking.labelling import labelled, values_of
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import NoCondition
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.flat import Transformer
from musicgen.music.grid import ClockGrid, to_slices
from musicgen.music.packing import pack
from tests.conftest import etude
from tests.generation.asking.test_labelling import piece

FIELDS = ["composer", "era", "mode", "key", "piece_density", "density", "valence", "gap"]
EDGES = [1.0, 2.0, 4.0]


def conditioner() -> LabelConditioner:
    names = [["Bach", "Chopin"], ["baroque"], ["major", "minor"], ["A minor", "C major", "D minor"]]
    edges = [[]] * 4 + [EDGES, EDGES, [-0.5, 0.5], []]
    return LabelConditioner(fields=FIELDS, width=8, names=[*names, [], [], [], ["behind", "1"]], edges=edges)


def rows(asked: Asked, **settings) -> dict[str, list[int]]:
    conditions = asked.conditions(conditioner(), quarters=4, **settings)
    assert conditions is not None
    return dict(zip(FIELDS, conditions.labels[0, 0].T.tolist(), strict=True))


def test_an_attribute_is_asked_of_the_piece_and_of_its_stretches() -> None:
    constant = rows(Asked(attributes={"density": 3.0}))
    assert (constant["density"], constant["piece_density"]) == ([3], [3])
    rising = rows(Asked(attributes={"density": [0.5, 9.0]}), prompt_quarters=2)
    assert rising["density"] == [1, 1, 1, 1, 4, 4]
    assert rising["piece_density"] == [4] * 6
    assert rising["composer"] == [0] * 6


@pytest.mark.parametrize(("level", "label"), [(-1, 1), (-0.4, 2), (0.0, 3), (0.6, 4), (1, 4)])
def test_mood_is_a_place_in_the_range_of_the_training_music(level: float, label: int) -> None:
    asked = rows(Asked(mood={"arousal": level}))
    assert asked["density"] == asked["piece_density"] == [label]
    thirds = 1 if level < -0.34 else 2 if level < 0.3 else 3
    assert rows(Asked(mood={"valence": level}))["valence"] == [thirds]


def test_a_key_is_a_label_with_its_mode_and_home_where_one_key_was_learned() -> None:
    assert (rows(Asked(key="D minor"))["key"], rows(Asked(key="D minor"))["mode"]) == ([3], [2])
    assert rows(Asked(key="D minor"), in_one_key=True)["key"] == [1]
    assert Asked(key="D").conditions(conditioner(), quarters=4) is None
    assert Asked(key="D minor").conditions(NoCondition(), quarters=4) is None


def test_a_blend_has_a_term_for_each_share_and_one_without_labels_under_guidance() -> None:
    blend = {"Chopin": 3.0, "baroque": 1.0}
    plain = Asked(blend=blend, mood={"valence": 1.0}).conditions(conditioner(), quarters=4)
    assert plain is not None
    assert plain.weights == (0.75, 0.25)
    assert plain.labels[:, 0, 0, :2].tolist() == [[2, 0], [0, 1]]
    assert plain.labels[:, 0, 0, 6].tolist() == [3, 3]
    twice = Asked(blend=blend, guidance=2.0).conditions(conditioner(), quarters=4)
    assert twice is not None
    assert twice.weights == (-1.0, 1.5, 0.5)
    assert not twice.labels[0].any()


def test_several_wishes_compose() -> None:
    asked = rows(Asked(composer="chopin", key="C major", attributes={"density": 1.5}))
    assert [asked[name] for name in ("composer", "era", "key", "density")] == [[2], [0], [2], [2]]


def test_a_name_that_is_nearly_right_is_taken_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert rows(Asked(attributes={"densty": 3.0}))["density"] == [3]
    assert "attributes=densty is unknown; the nearest known is taken: density" in caplog.text


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"attributes": {"register": 60}}, "told composer, era, mode, key, piece_density, density, valence"),
        ({"attributes": {"loudness": 1}}, "it knows density, register"),
        ({"mood": {"arousal": 2}}, "mood.arousal=2; use -1"),
        ({"mood": {"arousal": 0}, "attributes": {"density": 1}}, "are one measure; use either"),
        ({"blend": {"Chopin": 0}}, "shares are numbers above 0"),
        ({"blend": {"Chopin": 1}, "composer": "Bach"}, "two wishes for one"),
        ({"guidance": -1, "composer": "Bach"}, "guidance=-1"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(wishes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Asked(**wishes).conditions(conditioner(), quarters=4)


def test_pieces_are_labelled_by_what_is_measured_in_them() -> None:
    packed = [pack(to_slices(etude(seed))) for seed in range(3)]
    packed[1][8:] = 0
    starts = np.cumsum([0, *map(len, packed)])
    pieces = PackedPieces(np.concatenate(packed), starts=starts, pieces=[piece("Ada", "modern")] * 3)
    fields = LabelConditioner(fields=["key", "density", "piece_register"], width=4)
    values = values_of(pieces, fields)
    assert all("major" in name or "minor" in name for name in values.names[0])
    assert values.edges[0] == []
    fields.set_values(values.names, edges=values.edges)
    labels = labelled(PieceCodes(np.zeros((starts[-1], 2), int), starts), pieces, fields).labels
    assert labels is not None
    assert labels.shape == (starts[-1], 3)
    assert (labels[: starts[1]] == labels[0]).all()
    assert labels[starts[1] + 8 : starts[2], 1].tolist() == [0] * 8
    assert labels[starts[1], 1] > 0
    assert len(set(labels[starts[1] : starts[2], 2].tolist())) == 1


def test_a_run_says_what_it_can_be_asked_for() -> None:
    prior = Transformer(vocabulary=Vocabulary(2, 1, 8), width=8, conditioner=conditioner())
    can = abilities_of(prior, learned_keys=None, grid=ClockGrid())
    assert list(can.labels) == ["composer", "era", "mode", "key"]
    assert can.attributes == {"density": (1.0, 4.0), "valence": (-0.5, 0.5)}
    assert can.mood == ("arousal", "valence")
    assert (can.one_key, can.retouches, can.aims) == (False, True, True)
    assert torch.is_tensor(prior.head.weight)
    plain = Transformer(vocabulary=Vocabulary(2, 1, 8), width=8)
    nothing = abilities_of(plain, learned_keys={"C major": 1}, grid=ClockGrid())
    assert (nothing.labels, nothing.attributes, nothing.mood, nothing.aims) == ({}, {}, (), False)
