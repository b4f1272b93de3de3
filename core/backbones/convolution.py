"""Convolutions over few pixels, computed on a CPU as the matrix products that they are."""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx


class ProductConv2d(nn.Conv2d):
    """A convolution without bias, 1x1, or 3x3 padded to keep the size: same weights and state as torch's own.

    Wide convolutions over few pixels are bound by their weights, which oneDNN reorders in every pass. In the
    channels-last layout on a CPU the weights are a matrix as they lie, so the pixels are gathered instead: 512 to 512
    channels on 4 x 2 x 3 pixels take two thirds of the time, forwards and backwards, 2048 to 512 of 1x1 half (float32)
    or a quarter (bfloat16). Everything else goes the usual way.
    """

    def __init__(self, channels: int, neurons: int, kernel: int = 1, stride: int = 1) -> None:
        if kernel not in (1, 3):
            raise ValueError(f"`kernel` should be 1 or 3. Found {kernel}.")
        super().__init__(channels, neurons, kernel, stride=stride, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not x.is_contiguous(memory_format=torch.channels_last):
            return super().forward(x)
        stride = self.stride[0]
        rows = x.permute(0, 2, 3, 1)  # [n, h, w, channels]
        if self.kernel_size == (3, 3):
            pixels = x.shape[0] * -(-x.shape[2] // stride) * -(-x.shape[3] // stride)
            # measured: up to here gathering nine times the input costs less than reordering the weights
            if pixels > self.out_channels // (2 if x.dtype.itemsize < 4 else 8):
                return super().forward(x)
            rows = _Patches.apply(rows, stride)  # [n, h, w, 9 * channels]
        elif stride > 1:
            rows = rows[:, ::stride, ::stride]
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)  # [neurons, kernel * kernel * channels]
        return nn.functional.linear(rows, weight).permute(0, 3, 1, 2)  # [n, neurons, h, w]


class _Patches(torch.autograd.Function):
    """The 3x3 surroundings of every `stride`-th pixel of [n, h, w, c], zero outside: [n, h', w', 9 * c].

    torch's own `unfold` has the same result; its way back is several times slower.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, stride: int) -> Tensor:
        n, h, w, c = x.shape
        ctx.size, ctx.stride = (n, h, w, c), stride  # type: ignore[attr-defined]
        padded = nn.functional.pad(x, (0, 0, 1, 1, 1, 1))  # [n, h + 2, w + 2, c]
        image, row, pixel, channel = padded.stride()
        size = (n, -(-h // stride), -(-w // stride), 3, 3, c)
        steps = (image, row * stride, pixel * stride, row, pixel, channel)
        return padded.as_strided(size, steps).reshape(*size[:3], 9 * c)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        (n, h, w, c), stride = ctx.size, ctx.stride  # type: ignore[attr-defined]
        (gradient,) = gradients
        _, rows, columns, _ = gradient.shape
        patches = gradient.reshape(n, rows, columns, 3, 3, c)
        padded = gradient.new_zeros(n, h + 2, w + 2, c)
        for y in range(3):
            for x in range(3):
                padded[:, y : y + stride * rows : stride, x : x + stride * columns : stride] += patches[:, :, :, y, x]
        return padded[:, 1 : h + 1, 1 : w + 1].contiguous(), None
