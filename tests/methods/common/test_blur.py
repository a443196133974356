"""A blurred picture is torchvision's, whatever its size."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from xai_widgets.methods.common.blur import blur


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (1, 1, 9, 13), (3, 4, 28, 5)])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.7, 40.0])
def test_it_is_the_blur_of_torchvision(shape, sigma):
    pictures = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    side = max(min(2 * round(3 * sigma) + 1, 2 * min(shape[2:]) - 1), 3)
    wanted = pictures
    for kernel in ([side, 1], [1, side]):  # all at once, rounding errors add up over thousands of weights
        wanted = gaussian_blur(wanted, kernel, [max(sigma, 0.3)] * 2)
    torch.testing.assert_close(blur(pictures, sigma), wanted)


def test_what_is_even_stays_so():
    even = torch.full((1, 3, 12, 12), 0.7)
    torch.testing.assert_close(blur(even, 2.0), even)
