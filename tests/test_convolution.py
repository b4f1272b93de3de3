"""Convolutions as matrix products: the same numbers as torch's own, forwards and backwards."""

import pytest
import torch
from torch import Tensor, nn

from core.backbones.convolution import ProductConv2d

CASES = [
    (1, 1, (2, 5, 7)),
    (1, 2, (2, 5, 7)),
    (3, 1, (1, 1, 1)),
    (3, 1, (2, 2, 3)),
    (3, 2, (2, 3, 4)),
    (3, 2, (1, 5, 1)),
]
"""Kernel, stride, and [n, h, w] of few enough pixels."""


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("kernel", "stride", "size"), CASES)
def test_equals_torchs_convolution(kernel: int, stride: int, size: tuple[int, int, int]) -> None:
    n, h, w = size
    module = ProductConv2d(6, 128, kernel, stride).double().to(memory_format=torch.channels_last)
    x = channels_last(torch.randn(n, 6, h, w, dtype=torch.float64)).requires_grad_()
    found, expected = module(x), nn.functional.conv2d(x, module.weight, None, stride, kernel // 2)
    assert type(found.grad_fn).__name__ == "PermuteBackward0"  # it was a matrix product
    torch.testing.assert_close(found, expected)
    gradient = torch.randn_like(found)
    for mine, plain in zip(
        torch.autograd.grad(found, (x, module.weight), gradient),
        torch.autograd.grad(expected, (x, module.weight), gradient),
        strict=True,
    ):
        torch.testing.assert_close(mine, plain)
        assert mine.is_contiguous(memory_format=torch.channels_last)  # as the weights lie: no copy on the way


@pytest.mark.parametrize(
    ("x", "stride"),
    [(torch.randn(2, 6, 5, 7), 1), (channels_last(torch.randn(2, 6, 9, 8)), 1), (torch.randn(2, 6, 5, 7), 2)],
)
def test_other_layouts_and_many_pixels_go_the_usual_way(x: Tensor, stride: int) -> None:
    module = ProductConv2d(6, 64, 3, stride)
    found = module(x)
    assert type(found.grad_fn).__name__ == "ConvolutionBackward0"
    torch.testing.assert_close(found, nn.functional.conv2d(x, module.weight, None, stride, 1))


def test_agrees_under_autocast_to_the_precision_of_bfloat16() -> None:
    module = ProductConv2d(64, 64, 3).to(memory_format=torch.channels_last)
    x = channels_last(torch.randn(2, 64, 3, 4))
    with torch.autocast("cpu", torch.bfloat16):
        found = module(x.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), nn.Conv2d.forward(module, x), atol=0.05, rtol=0.05)


def test_has_the_weights_and_state_of_torchs_own() -> None:
    ours, torchs = ProductConv2d(3, 4, 3, 2), nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
    torchs.load_state_dict(ours.state_dict())
    with pytest.raises(ValueError, match=r"`kernel` should be 1 or 3. Found 5"):
        ProductConv2d(3, 4, 5)
