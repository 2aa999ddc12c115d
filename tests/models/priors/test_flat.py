import math
from pathlib import Path

import pytest
import torch

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.losses import code_loss
from musicgen.models.priors.flat import Transformer

VOCABULARY, BACHSFORMER = Vocabulary(4, 1, 8), Vocabulary(16, 1, 16)


def tiny(*, dropout: float = 0.0, start_token: bool = True, max_positions: int = 24) -> Transformer:
    torch.manual_seed(0)
    model = Transformer(
        vocabulary=VOCABULARY,
        num_layers=2,
        num_heads=2,
        width=16,
        max_positions=max_positions,
        dropout=dropout,
        start_token=start_token,
    )
    for parameter in model.parameters():  # far enough from the start that everything matters
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize(("start_token", "expected", "rows"), [(True, 8, 9), (False, None, 8)])
def test_start_token_is_one_more_code_of_the_input(start_token, expected, rows) -> None:
    model = tiny(start_token=start_token)

    assert model.start_token == expected
    assert len(model.code_embedding.weight) == rows
    assert model(torch.full((1, 1), rows - 1)).shape == (1, 1, 8)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"width": 100, "num_heads": 8}, "width=100.*use width=96"),
        ({"width": 4, "num_heads": 8}, "width=4.*use width=8"),
        ({"num_heads": 0}, "num_heads=0.*use 1 or more"),
        ({"num_layers": 0}, "num_layers=0.*use 1 or more"),
        ({"max_positions": 0}, "max_positions=0.*use 1 or more"),
        ({"dropout": 1.0}, "dropout=1.0.*0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        Transformer(vocabulary=VOCABULARY, **settings)


def test_weights_start_small_and_those_that_add_to_the_stream_smaller() -> None:
    model = Transformer(vocabulary=BACHSFORMER, num_layers=8, width=128)
    layer = model.blocks[3]

    assert layer.attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for adding in (layer.attention.output, layer.feed_forward.output):
        assert adding.weight.std().item() == pytest.approx(0.02 / math.sqrt(16), rel=0.05)
    loss = code_loss(model(torch.randint(16, (4, 50))), torch.randint(16, (4, 50)))
    assert loss.item() == pytest.approx(math.log(16), abs=0.1)


def test_parameters_are_counted() -> None:
    model = Transformer(vocabulary=BACHSFORMER, num_layers=4, num_heads=8, width=128)
    layer = 12 * 128 * 128 + 13 * 128

    assert model.num_parameters() == 4 * layer + (17 + 192 + 16) * 128 + 2 * 128


def test_state_survives_a_file_of_tensors_only(tmp_path: Path) -> None:
    model, other, codes = tiny(), tiny(), torch.randint(8, (2, 10))
    for parameter in other.parameters():
        parameter.data.zero_()
    torch.save(model.state_dict(), tmp_path / "state.pt")

    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))

    assert torch.equal(other(codes), model(codes))
