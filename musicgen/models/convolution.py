"""Convolutions that train faster in bfloat16 on a CPU; elsewhere PyTorch's own.

There oneDNN takes most of a training step for the gradients of weights and of the transposed convolutions'
biases. As a matrix product of windows, and as a plain sum, they take a third of the time. A transposed
convolution to one channel takes half the time as a plain one to four.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

Image = Float[Tensor, "batch channels h w"]
_Settings = tuple[tuple[int, int], tuple[int, int], bool]
_WINDOW_BYTES = 1 << 20  # more at once falls out of the processor's cache
_FEWEST_CHANNELS = 64  # with fewer, copying windows costs more than the product saves
_MOST_PHASED = 4  # channels out; with few, oneDNN's transposed convolution takes twice as long


class _Phase(NamedTuple):
    """Which taps of a kernel of 3 take which rows of a kernel of 4."""

    taps: slice
    kernel: list[int]


_PHASES = (_Phase(slice(0, 2), [3, 1]), _Phase(slice(1, 3), [2, 0]))


class Conv2d(nn.Conv2d):
    """PyTorch's convolution, with a faster backward pass under bf16 autocast on a CPU."""

    def forward(self, input: Image) -> Image:
        """Convolve as `torch.nn.Conv2d` does."""
        if not _is_bf16_on_cpu(input):
            return super().forward(input)
        settings = (_pair(self.stride), _pair(self.padding), False)
        return _Convolution.apply(input, self.weight, self.bias, settings)


class ConvTranspose2d(nn.ConvTranspose2d):
    """PyTorch's transposed convolution, with a faster backward pass under bf16 autocast on a CPU."""

    def forward(self, input: Image, output_size: list[int] | None = None) -> Image:
        """Convolve as `torch.nn.ConvTranspose2d` does."""
        if output_size is not None or not _is_bf16_on_cpu(input):
            return super().forward(input, output_size)
        settings = (_pair(self.stride), _pair(self.padding), True)
        return _Convolution.apply(input, self.weight, self.bias, settings)


class _Convolution(torch.autograd.Function):
    """A convolution in bfloat16; its settings are (stride, padding, transposed)."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, weight: Tensor, bias: Tensor | None, settings: _Settings) -> Tensor:
        stride, padding, transposed = settings
        image, weight = image.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(image, weight)
        ctx.settings = settings
        bias = None if bias is None else bias.bfloat16()
        if transposed and _doubles(weight, stride, padding) and weight.shape[1] <= _MOST_PHASED:
            return _doubled_by_phases(image, weight, bias)
        convolve = functional.conv_transpose2d if transposed else functional.conv2d
        return convolve(image, weight, bias, stride=stride, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        image, weight = ctx.saved_tensors
        stride, padding, transposed = ctx.settings
        wants_image, wants_weight, wants_bias, _ = ctx.needs_input_grad
        small, large = (image, grad) if transposed else (grad, image)
        is_wide = min(small.shape[1], large.shape[1]) >= _FEWEST_CHANNELS
        by_product = wants_weight and (is_wide or weight.shape[2:].numel() == 1)
        mask = [wants_image, wants_weight and not by_product, False]
        image_grad, weight_grad, _ = torch.ops.aten.convolution_backward(
            grad, image, weight, None, stride, padding, (1, 1), transposed, (0, 0), 1, mask
        )
        if by_product:
            weight_grad = _product_of_windows(small, large, weight.shape[2:], stride, padding)
        bias_grad = grad.sum(dim=(0, 2, 3)).float() if wants_bias else None
        return image_grad, None if weight_grad is None else weight_grad.float(), bias_grad, None


def _doubles(weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> bool:
    return weight.shape[2:] == (4, 4) and stride == (2, 2) and padding == (1, 1)


def _doubled_by_phases(image: Image, weight: Tensor, bias: Tensor | None) -> Image:
    """Convolve transposed, 4×4 in steps of 2, as a plain convolution to four phases that are interleaved.

    Even pixels see the kernel's rows 3 and 1 of the pixel before and their own, odd ones 2 and 0 of their own
    and the next; columns likewise.
    """
    channels_in, channels_out = weight.shape[:2]
    phases = weight.new_zeros(channels_out, 2, 2, channels_in, 3, 3)
    for row, rows in enumerate(_PHASES):
        for column, columns in enumerate(_PHASES):
            taps = weight[:, :, rows.kernel][:, :, :, columns.kernel].transpose(0, 1)
            phases[:, row, column, :, rows.taps, columns.taps] = taps
    bias = None if bias is None else bias.repeat_interleave(4)
    four = functional.conv2d(image, phases.view(4 * channels_out, channels_in, 3, 3), bias, padding=1)
    return functional.pixel_shuffle(four, 2)


def _product_of_windows(
    small: Image, large: Image, kernel: torch.Size, stride: tuple[int, int], padding: tuple[int, int]
) -> Float[Tensor, "small_channels large_channels height width"]:
    """Sum, over all places of the kernel, the products of a pixel and the window that belongs to it.

    Args:
        small: The image with a pixel a place: the output's gradient, or a transposed convolution's input.
        large: The image with a window a place.
        kernel: Height and width of a window.
        stride: Steps from window to window.
        padding: Zeros around the large image.
    """
    _, few, height, width = small.shape
    many = large.shape[1]
    total = torch.zeros(kernel.numel() * many, few)
    images = max(1, _WINDOW_BYTES // (2 * height * width * kernel.numel() * many))
    for pixels, image in zip(small.split(images), large.split(images), strict=True):
        borders = (0, 0, padding[1], padding[1], padding[0], padding[0])
        padded = functional.pad(image.permute(0, 2, 3, 1), borders).contiguous()
        of_image, of_row, of_pixel, _ = padded.stride()
        windows = padded.as_strided(
            (len(image), height, width, kernel[0], kernel[1] * many),
            (of_image, stride[0] * of_row, stride[1] * of_pixel, of_row, 1),
        ).reshape(len(image) * height * width, -1)
        total += windows.T @ pixels.permute(0, 2, 3, 1).reshape(-1, few)
    return total.view(kernel[0], kernel[1], many, few).permute(3, 2, 0, 1)


def _is_bf16_on_cpu(image: Tensor) -> bool:
    autocast = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return image.device.type == "cpu" and autocast and torch.is_grad_enabled()


def _pair(setting: str | tuple[int, ...]) -> tuple[int, int]:
    assert not isinstance(setting, str), "padding by name is not used here"
    return setting[0], setting[1]
