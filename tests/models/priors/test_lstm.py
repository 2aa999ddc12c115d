import pytest

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.flat import Transformer
from musicgen.models.priors.lstm import Lstm

VOCABULARY, BACHSFORMER = Vocabulary(4, 1, 8), Vocabulary(16, 1, 16)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_layers": 0}, "num_layers=0.*use 1 or more"),
        ({"width": 0}, "width=0.*use 1 or more"),
        ({"dropout": 1.0}, "dropout=1.0.*0 to below 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        Lstm(vocabulary=VOCABULARY, **settings)


def test_the_defaults_are_of_one_size_with_the_transformers() -> None:
    lstm, transformer = Lstm(vocabulary=BACHSFORMER), Transformer(vocabulary=BACHSFORMER)

    assert lstm.num_parameters() == pytest.approx(transformer.num_parameters(), rel=0.02)
