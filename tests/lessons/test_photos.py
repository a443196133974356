"""Pictures made of photos are what they are called."""

from __future__ import annotations

import pytest
import torch

from xai_widgets import lessons
from xai_widgets.data.bundled_photos import PHOTOS, BundledPhotos


def test_the_photos_are_there_and_named():
    photos = BundledPhotos(64)
    assert len(photos) == len(PHOTOS) == len(photos.shows)
    pictures = [photos[i] for i in range(len(photos))]
    assert {tuple(picture.shape) for picture, _ in pictures} == {(3, 64, 64)}
    assert [label for _, label in pictures] == [0, 1, 2, 3, -1, -1, -1]
    assert photos.class_names == ["espresso", "tabby", "military uniform", "palace"]


def test_a_mosaic_has_each_photo_in_its_quarter():
    greys = [torch.full((3, 8, 8), value) for value in (0.1, 0.2, 0.3, 0.4)]
    whole, where = lessons.mosaic(greys)
    assert whole.shape == (3, 8, 8)
    means = [float(whole[:, quarter].mean()) for quarter in where.values()]
    assert means == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert torch.stack([*where.values()]).sum(0).eq(1).all()


def test_a_horse_has_its_texture_inside_and_white_around():
    red = torch.zeros(3, 60, 60)
    red[0] = 1
    made = lessons.horse(red)
    inside = made[1] < 0.5
    assert 0.15 < inside.float().mean() < 0.5
    assert made[:, 0].min() > 0.999
    assert made[0].min() > 0.999  # red and white alike
