"""Handwritten digits that come with scikit-learn: no download."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

from xai_widgets.errors import PictureError
from xai_widgets.limits import Whole

_SOURCE_SIZE = 8  # pixels of a side, as scikit-learn has them
_SOURCE_MAX = 16  # their brightest value


class Digits(Dataset[tuple[Tensor, int]]):
    """The 1797 digits of the UCI test set, enlarged.

    Item ``i`` is a picture, float32 ``(1, size, size)`` in ``[0, 1]``, with its digit as an int.

    Parameters
    ----------
    size
        Pixels of a side, 8 to 4096.

    Raises
    ------
    PictureError
        If `size` is another number.
    """

    def __init__(self, size: int = 32) -> None:
        size = Whole(_SOURCE_SIZE, 4096, error=PictureError)("size", size)  # they are only enlarged
        source = load_digits()
        self.size = (size, size)
        self._small = torch.from_numpy(source.images).float()[:, None] / _SOURCE_MAX
        self.labels: list[int] = source.target.tolist()
        self.class_names = [str(digit) for digit in range(10)]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        small = self._small[index][None]
        return interpolate(small, self.size, mode="bicubic").clamp(0, 1)[0], self.labels[index]


def digits(size: int = 32) -> Digits:
    """Load scikit-learn's digits, enlarged to `size` pixels a side; see `Digits`."""
    return Digits(size)
