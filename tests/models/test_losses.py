import math

import pytest
import torch

from musicgen.models.losses import code_loss, reconstruction_loss


def test_even_odds_cost_one_bit_a_cell() -> None:
    loss = reconstruction_loss(torch.zeros(2, 1, 88, 32), torch.ones(2, 1, 88, 32, dtype=torch.uint8))

    assert loss.sounding.item() == pytest.approx(math.log(2))
    assert loss.total is loss.sounding
    assert loss.onset is None


def test_onsets_are_weighed_beside_the_sounding_cells() -> None:
    logits = torch.tensor([0.0, math.log(3)]).view(1, 2, 1, 1).expand(3, 2, 88, 32)
    slices = torch.tensor([1, 0]).view(1, 2, 1, 1).expand(3, 2, 88, 32)

    loss = reconstruction_loss(logits, slices, onset_weight=0.5)

    assert loss.onset is not None
    assert loss.sounding.item() == pytest.approx(math.log(2))
    assert loss.onset.item() == pytest.approx(math.log(4))
    assert loss.total.item() == pytest.approx(math.log(2) + 0.5 * math.log(4))


def test_sums_are_float32_under_autocast() -> None:
    logits = (torch.randn(8, 1, 88, 32) - 5).bfloat16()
    slices = torch.rand(8, 1, 88, 32) < 0.03
    with torch.autocast("cpu", torch.bfloat16):
        loss = reconstruction_loss(logits, slices).total

    exact = reconstruction_loss(logits.double(), slices).total
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)


def test_uniform_logits_cost_the_codebooks_entropy() -> None:
    loss = code_loss(torch.zeros(2, 5, 16), torch.zeros(2, 5, dtype=torch.int64))

    assert loss.item() == pytest.approx(math.log(16))


def test_masked_codes_do_not_count() -> None:
    logits, targets = torch.randn(2, 5, 16), torch.randint(16, (2, 5))
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, :3] = True

    torch.testing.assert_close(
        code_loss(logits, targets, mask=mask), code_loss(logits[:1, :3], targets[:1, :3])
    )
    assert code_loss(logits, targets, mask=torch.zeros_like(mask)).isnan()
