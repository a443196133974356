from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from xai_widgets.data.digits import digits
from xai_widgets.errors import PictureError


@pytest.mark.parametrize("size", [8, 32, 33])
def test_pictures_have_one_channel_and_the_size_asked_for(size: int) -> None:
    pictures = digits(size)
    picture, label = pictures[len(pictures) - 1]
    assert picture.shape == (1, size, size)
    assert picture.dtype == torch.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert label == pictures.labels[-1]
    assert pictures.size == (size, size)


def test_at_their_own_size_they_are_what_scikit_learn_has() -> None:
    pictures, source = digits(8), load_digits()
    assert pictures.class_names == list("0123456789")
    assert len(pictures) == 1797
    for i in (0, 700, 1796):
        torch.testing.assert_close(pictures[i][0][0] * 16, torch.from_numpy(source.images[i]).float())
        assert pictures[i][1] == source.target[i]
    with pytest.raises(PictureError, match="size is 7"):
        digits(7)
