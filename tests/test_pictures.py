"""What a picture set may be, and how pictures of one are loaded."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from xai_widgets.errors import PictureError
from xai_widgets.pictures import require_set
from xai_widgets.study import Study

PIXELS = torch.arange(4.0)[:, None, None, None].expand(4, 3, 8, 8) / 4


def test_load_stacks_pictures_of_one_shape_and_labels(squares):
    pictures = squares(5)
    pixels, labels = Study.load(pictures, [3, 0])
    assert torch.equal(pixels, pictures.pictures[[3, 0]])
    assert torch.equal(labels, pictures.labels[[3, 0]])
    assert labels.dtype == torch.int64
    pictures = [(torch.zeros(3, 4, 4), 0), (torch.zeros(3, 4, 5), 1)]
    with pytest.raises(PictureError, match=r"must share one shape, but these have \[\(3, 4, 4\), \(3, 4, 5\)\]"):
        Study.load(pictures, [0, 1])


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        (TensorDataset(PIXELS), [-1, -1]),
        (PIXELS, [-1, -1]),
        ([[pixels] for pixels in PIXELS], [-1, -1]),
        ([(pixels, None) for pixels in PIXELS], [-1, -1]),
        ([(pixels, -1) for pixels in PIXELS], [-1, -1]),
        ([[pixels, np.int64(2)] for pixels in PIXELS], [2, 2]),
        ([{"image": pixels, "label": k} for k, pixels in enumerate(PIXELS)], [3, 1]),
        ([{"image": pixels} for pixels in PIXELS], [-1, -1]),
    ],
)
def test_forms_of_items(pictures, labels):
    pixels, found = Study.load(pictures, [3, 1])
    assert torch.equal(pixels, PIXELS[[3, 1]])
    assert found.tolist() == labels


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            {"pixel_values": 1, "labels": 2},
            "one is dict of length 2 with 'pixel_values', 'labels'; make a list",
        ),
        ((PIXELS[0], 0, 1), "one is tuple of length 3"),
        ((), "one is tuple of length 0"),
        (3, "one is int"),
        (None, "one is NoneType"),
        ("ab", "one is str of length 2"),
        ({"image": 3}, "must be a float tensor"),
        ((PIXELS[0], "cat"), "a label must be the number of a class, but this one is 'cat'"),
    ],
)
def test_items_of_another_form(item, said):
    with pytest.raises(PictureError, match=re.escape(said)):
        Study.load([item] * 3, [0])


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (DataLoader(TensorDataset(PIXELS)), "a DataLoader, which gives batches; give its .dataset"),
        (Stream(), "these are Stream"),
        ("photos", "open a folder with xw.folder('photos')"),
        (Path("photos"), "open a folder with xw.folder('photos')"),
        (None, "these are NoneType"),
        (5, "these are int"),
        ({0: PIXELS, 1: PIXELS}, "these are dict of length 2"),
        (b"abc", "these are bytes of length 3"),
        (iter([]), "these are list_iterator"),
        ({1, 2, 3}, "these are set of length 3"),
        ([], "at least two pictures, but got 0"),
        ([1], "at least two pictures, but got 1"),
    ],
)
def test_what_is_no_picture_set(new_study, pictures, said):
    with pytest.raises(PictureError, match=re.escape(said)):
        Study(torch.nn.Identity(), pictures)
    if said.startswith("at least"):
        return
    with pytest.raises(PictureError, match=re.escape(said)):
        new_study(test=pictures) if pictures is not None else require_set(pictures)


def test_no_indices():
    with pytest.raises(PictureError, match="indices is empty"):
        Study.load(PIXELS, [])
