import math

import pytest
import torch

from musicgen.generation.drawing.choosing import Recall
from musicgen.generation.sampling import DrawRequest, Sampling
from tests.generation.test_sampling import seeded, tiny


def shares(recall: Recall, codes: list[int], *, per_quarter: int, size: int = 8) -> list[float]:
    logits = torch.zeros(1, size)
    return recall.mixed(logits, torch.tensor([codes]), codes_per_quarter=per_quarter).exp()[0].tolist()


def test_what_followed_an_exact_match_gets_the_share() -> None:
    recall = Recall(share=0.8, sharpness=1000.0, memory_quarters=0.25)  # compares one code

    mixed = shares(recall, [3, 5, 3], per_quarter=1)  # after 3 came 5

    assert mixed[5] == pytest.approx(0.8 + 0.2 / 8)
    assert mixed[:5] + mixed[6:] == pytest.approx([0.2 / 8] * 7)


def test_the_latest_codes_count_most() -> None:
    recall = Recall(share=0.8, power=1.0, sharpness=1000.0, memory_quarters=0.5)  # compares two codes
    late, early = 1 / (1 + math.exp(-2)), math.exp(-2) / (1 + math.exp(-2))

    assert shares(recall, [0, 3, 5, 1, 3], per_quarter=1)[5] == pytest.approx(
        0.8 * late + (1 - 0.8 * late) / 8
    )
    assert shares(recall, [3, 0, 5, 3, 1], per_quarter=1)[5] == pytest.approx(
        0.8 * early + (1 - 0.8 * early) / 8
    )


def test_the_share_falls_with_the_match() -> None:
    recall = Recall(share=0.8)
    exact, partly, other = (
        shares(recall, [5, 6, 7, 1, 2, 3, 4, *begun], per_quarter=7)[3]
        for begun in ([5, 6, 7, 1, 2], [5, 6, 0, 1, 2], [0, 0, 0, 0, 0])
    )

    assert exact > partly > other
    assert other == pytest.approx(1 / 8)


def test_only_the_same_place_of_a_quarter_is_recalled() -> None:
    # the end repeats the beginning one place late: nothing there is at the same place
    mixed = shares(Recall(sharpness=1000.0), [1, 2, 3, 0, 1, 2], per_quarter=3)

    assert mixed == pytest.approx([1 / 8] * 8)


def test_the_better_match_wins() -> None:
    first, second = [1, 2, 3], [4, 2, 5]
    mixed = shares(Recall(sharpness=1000.0), [*first, *second, 4, 2], per_quarter=3)

    assert mixed[5] > 1.4 * mixed[3]


def test_silence_that_goes_on_is_not_recalled() -> None:
    silence = shares(Recall(), [7, 7, 7, 7, 7], per_quarter=1)
    theme = shares(Recall(), [1, 2, 3, 1, 2, 3, 1, 2], per_quarter=1)

    assert silence[7] == pytest.approx(1 / 8, abs=0.01)
    assert theme[3] > 0.5


@pytest.mark.parametrize(("share", "codes"), [(0.0, [1, 2, 1, 2]), (0.9, [1]), (0.9, [])])
def test_nothing_changes_without_a_share_or_a_past(share, codes) -> None:
    logits = torch.randn(1, 8)

    mixed = Recall(share=share).mixed(logits, torch.tensor([codes], dtype=torch.int64), codes_per_quarter=2)

    assert torch.equal(mixed, logits)


def test_rows_do_not_depend_on_each_other() -> None:
    recall, logits = Recall(), torch.randn(3, 8, generator=seeded(1))
    codes = torch.randint(8, (3, 21), generator=seeded(2))

    together = recall.mixed(logits, codes, codes_per_quarter=4)

    for row in range(3):
        alone = recall.mixed(logits[row : row + 1], codes[row : row + 1], codes_per_quarter=4)
        torch.testing.assert_close(together[row : row + 1], alone)


def test_pieces_come_back_to_what_they_did() -> None:
    def returns(recall: Recall | None) -> float:
        request = DrawRequest(num_quarters=64, generator=seeded(0), batch=4)
        quarters = Sampling(recall=recall).draw(tiny(), request).view(4, 64, 4)
        return float(sum(64 - len(piece.unique(dim=0)) for piece in quarters)) / 256

    assert returns(Recall(share=0.95, power=1.0)) > 2 * returns(None) + 0.1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"share": 1.0}, "recall.share=1.0; use 0"),
        ({"power": 0.0}, "recall.power=0.0; use a number above 0"),
        ({"memory_quarters": -1.0}, "recall.memory_quarters=-1.0"),
        ({"sharpness": float("inf")}, "recall.sharpness=inf"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, said) -> None:
    with pytest.raises(ValueError, match=said):
        Recall(**settings)
