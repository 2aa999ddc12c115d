import pytest
import torch
from torch import nn

from musicgen.models.convolution import Conv2d, ConvTranspose2d

CASES = [
    (Conv2d, nn.Conv2d, (64, 32, (6, 4), 2, 1), (22, 8)),  # by product of windows
    (Conv2d, nn.Conv2d, (64, 16, 3, 1, 0), (10, 4)),
    (Conv2d, nn.Conv2d, (8, 16, 1, 1, 0), (8, 2)),
    (Conv2d, nn.Conv2d, (1, 8, 4, 2, 1), (88, 32)),  # by PyTorch
    (ConvTranspose2d, nn.ConvTranspose2d, (32, 64, (6, 4), 2, 1), (10, 4)),
    (ConvTranspose2d, nn.ConvTranspose2d, (16, 8, 4, 2, 1), (22, 8)),
    (ConvTranspose2d, nn.ConvTranspose2d, (16, 1, 4, 2, 1), (44, 16)),  # by phases
    (ConvTranspose2d, nn.ConvTranspose2d, (8, 2, 4, 2, 1), (5, 3)),
]


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(("own", "torchs", "settings", "size"), CASES)
def test_gradients_are_those_of_pytorch(own, torchs, settings, size, memory_format) -> None:
    channels_in, channels_out, kernel, stride, padding = settings
    convolutions = [kind(channels_in, channels_out, kernel, stride, padding) for kind in (own, torchs)]
    convolutions[1].load_state_dict(convolutions[0].state_dict())
    image = torch.randn(40, channels_in, *size)
    results = []
    for convolution in convolutions:
        convolution.to(memory_format=memory_format)
        leaf = image.clone(memory_format=memory_format).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            output = convolution(leaf)
        output.float().square().sum().backward()
        results.append([output, leaf.grad, convolution.weight.grad, convolution.bias.grad])

    for mine, theirs in zip(*results, strict=True):
        assert mine.dtype == theirs.dtype
        tolerance = 0.01 * theirs.abs().max().item()
        torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance)


def test_a_batch_cut_into_many_pieces_gives_the_same_gradient(monkeypatch) -> None:
    convolution = Conv2d(64, 8, 3)
    image = torch.randn(7, 64, 10, 4)

    def weight_gradient() -> torch.Tensor:
        convolution.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            convolution(image).float().sum().backward()
        assert convolution.weight.grad is not None
        return convolution.weight.grad

    whole = weight_gradient()
    monkeypatch.setattr("musicgen.models.convolution._WINDOW_BYTES", 1)

    torch.testing.assert_close(weight_gradient(), whole, rtol=0.01, atol=0.1)


def test_float32_is_pytorchs_own() -> None:
    convolution = Conv2d(4, 4, 3)
    image = torch.randn(2, 4, 8, 8)

    assert torch.equal(convolution(image), nn.functional.conv2d(image, convolution.weight, convolution.bias))
