import pytest
import torch
from torch.nn import functional

from musicgen.models.style import StyleClassifier


def tiny(**settings) -> StyleClassifier:
    torch.manual_seed(0)
    labels = {"composers": ["A", "B", "C"], "eras": ["early", "late"]}
    return StyleClassifier(**labels, families=[12, 5], **{"width": 16, "embedding_dim": 8, **settings})


def counts(rows: int = 6) -> torch.Tensor:
    return torch.randint(20, (rows, 17), generator=torch.Generator().manual_seed(1)).float()


def test_shapes() -> None:
    output = tiny().eval()(counts())

    assert output.embedding.shape == (6, 8)
    assert output.composer_logits.shape == (6, 3)
    assert output.era_logits.shape == (6, 2)


def test_each_family_is_shares_of_its_own_and_silence_is_no_fault() -> None:
    shares = tiny()._shares(counts())

    assert torch.allclose(shares[:, :12].square().sum(dim=1), torch.ones(6))
    assert torch.allclose(shares[:, 12:17].square().sum(dim=1), torch.ones(6))
    assert tiny().eval()(torch.zeros(1, 17)).composer_logits.isfinite().all()


def test_one_batch_overfits() -> None:
    model, inputs, composer = tiny(dropout=0.0, input_dropout=0.0), counts(), torch.arange(6) % 3
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = functional.cross_entropy(model(inputs).composer_logits, composer)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss.item() < 0.05


@pytest.mark.parametrize(
    ("settings", "said"), [({"width": 0}, "width=0"), ({"dropout": 1.0}, "dropout=1.0.*0 to below 1")]
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        tiny(**settings)
