import math

import pytest
import torch

from musicgen.models.losses import code_loss


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
