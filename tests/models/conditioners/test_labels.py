"""Labels: each has an embedding, they add up, and training loses some of them."""

import pytest
import torch

from musicgen.config.build import build
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.priors.base import Prior
from musicgen.models.priors.flat import Transformer
from musicgen.models.priors.lstm import Lstm
from musicgen.models.priors.two_level import TwoLevelTransformer

NAMES = [["Bach", "Chopin"], ["baroque", "romantic"]]


def conditioner(*, dropout: float = 0.0) -> LabelConditioner:
    torch.manual_seed(0)
    return LabelConditioner(fields=["composer", "era"], width=8, names=NAMES, dropout=dropout)


def prior(kind: type[Prior]) -> Prior:
    model = kind(vocabulary=Vocabulary(4, 1, 8), width=8, context_quarters=4, conditioner=conditioner())
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.eval()


def test_the_embeddings_of_the_labels_add_up() -> None:
    labels = conditioner().eval()
    composer, era = (embedding.weight for embedding in labels.embeddings)

    added = labels(torch.tensor([[[2, 1]], [[0, 2]]]))

    torch.testing.assert_close(added[:, 0], torch.stack([composer[2] + era[1], composer[0] + era[2]]))
    torch.testing.assert_close(labels(None)[0, 0], composer[0] + era[0])


def test_names_have_labels_and_the_unknown_none() -> None:
    labels = conditioner()

    assert [labels.number("composer", name) for name in ("Bach", "Chopin", "Liszt")] == [1, 2, 0]


def test_training_loses_labels_of_a_piece_together_and_each_by_itself() -> None:
    labels = conditioner(dropout=0.2).train()
    for embedding, unit in zip(labels.embeddings, (1.0, 10.0), strict=True):
        embedding.weight.data.zero_()[1:] = unit
    many = torch.ones(20_000, 1, 2, dtype=torch.int64)

    heard = labels(many)[:, 0, 0]

    shares = [float((heard == value).float().mean()) for value in (0.0, 1.0, 10.0, 11.0)]
    neither, one = 0.2 + 0.8 * 0.2 * 0.2, 0.8 * 0.2 * 0.8
    assert shares == pytest.approx([neither, one, one, 0.8**3], abs=0.015)
    assert (labels.eval()(many) == 11).all()


@pytest.mark.parametrize("kind", [Transformer, TwoLevelTransformer, Lstm])
def test_every_prior_hears_its_labels_also_from_a_cache(kind: type[Prior]) -> None:
    model, codes = prior(kind), torch.randint(8, (2, 12))
    labels = torch.tensor([[[1, 2]], [[2, 0]]])
    cache = model.new_cache(2)

    told = model(codes, labels=labels)
    cached = torch.cat([model(part, cache, labels=labels) for part in codes.split([3, 1, 8], dim=1)], dim=1)

    assert not torch.allclose(told, model(codes), atol=1e-3)
    torch.testing.assert_close(cached, told, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model(codes), model(codes, labels=torch.zeros_like(labels)))


@pytest.mark.parametrize("kind", [Transformer, TwoLevelTransformer, Lstm])
def test_labels_of_a_quarter_count_from_that_quarter_on(kind: type[Prior]) -> None:
    model, codes = prior(kind), torch.randint(8, (1, 16))
    codes[:, 0] = 8  # the start token
    cache = model.new_cache(1)
    labels = torch.tensor([[[1, 2], [1, 2], [2, 1], [2, 1]]])

    changing = model(codes, labels=labels)
    cached = torch.cat([model(part, cache, labels=labels) for part in codes.split([3, 6, 7], dim=1)], dim=1)

    constant = model(codes, labels=labels[:, :1])
    torch.testing.assert_close(changing[:, :8], constant[:, :8], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(changing[:, 8], constant[:, 8], atol=1e-3)
    torch.testing.assert_close(cached, changing, rtol=1e-4, atol=1e-5)


def test_a_gap_is_never_dropped() -> None:
    labels = LabelConditioner(fields=["era", "gap"], width=4, names=[["baroque"], ["behind"]], dropout=0.9)
    for embedding, unit in zip(labels.embeddings, (1.0, 10.0), strict=True):
        embedding.weight.data.zero_()[1:] = unit

    added = labels.train()(torch.ones(500, 3, 2, dtype=torch.int64))[..., 0]

    assert set(added.flatten().tolist()) == {10.0, 11.0}
    assert (added == added[:, :1]).all()


def test_a_config_builds_it_again() -> None:
    target = f"{LabelConditioner.__module__}.LabelConditioner"
    built = build({"_target_": target, "fields": ["composer", "era"], "width": 8, "names": NAMES})

    built.load_state_dict(conditioner().state_dict())
    assert built.names == NAMES


def test_settings_that_label_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="condition=none"):
        LabelConditioner(fields=[], width=8)
    with pytest.raises(ValueError, match="is not a share"):
        LabelConditioner(fields=["era"], width=8, dropout=1.0)
    with pytest.raises(ValueError, match="1 lists for the fields"):
        conditioner().set_values([["Bach"]])
    with pytest.raises(ValueError, match="one twice"):
        LabelConditioner(fields=["era", "era"], width=8)
