"""Training goes on from a run whose prior was told of other composers."""

from pathlib import Path

import pytest
import torch

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.generation.asking.labelling import FieldValues
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.pipeline.initial_weights import extended_values, start_from
from tests.pipeline.small_run import NAMES, conditioner, prior, write_small_run

FIELDS = ["composer", "era"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_run(tmp_path_factory.mktemp("small") / "run")


def values_with(*composers: str) -> FieldValues:
    return FieldValues([sorted(composers), ["romantic"]], edges=[[], []])


def test_known_names_keep_their_labels_and_new_ones_follow(run: Path):
    values = values_with("Alkan, Charles", "Chopin, Frédéric")
    found = extended_values(values, run, stage="transformer", fields=FIELDS)
    assert found.names == [[*NAMES[0], "Alkan, Charles"], NAMES[1]]
    assert found.edges == [[], []]


@pytest.mark.parametrize(("stage", "fields"), [("renderer", FIELDS), ("transformer", ["era", "composer"])])
def test_a_run_that_was_told_nothing_of_the_kind_adds_nothing(run: Path, stage: str, fields: list[str]):
    values = values_with("Alkan, Charles")
    assert extended_values(values, run, stage=stage, fields=fields) == values


def test_a_new_composer_begins_as_an_unknown_one(run: Path):
    before = load_transformer(run, autoencoder=load_autoencoder(run).module).module
    values = extended_values(values_with("Alkan, Charles"), run, stage="transformer", fields=FIELDS)
    network = prior(conditioner(values.names)).eval()
    start_from(network, run, stage="transformer")
    codes = torch.arange(16)[None] % 8
    labels = {name: [network.conditioner.number("composer", name), 2] for name in values.names[0]}
    with torch.inference_mode():
        for name, row in labels.items():
            there = before.conditioner.number("composer", name)
            expected = before(codes, labels=torch.tensor([[[there, 2]]]))
            assert torch.equal(network(codes, labels=torch.tensor([[row]])), expected), name


def test_names_in_another_order_are_refused(run: Path):
    network = prior(conditioner([[*NAMES[0][::-1], "Alkan, Charles"], NAMES[1]]))
    with pytest.raises(ValueError, match=r"another shape.*init_from=null"):
        start_from(network, run, stage="transformer")


def test_labels_of_other_fields_are_not_taken_for_names(run: Path):
    others = LabelConditioner(fields=["era", "form"], width=16, names=NAMES)
    with pytest.raises(ValueError, match=r"fields=\['composer', 'era'\], here \['era', 'form'\]"):
        start_from(prior(others), run, stage="transformer")
