"""Pictures of tiles: how large they are written, and that each is drawn once."""

from __future__ import annotations

import base64
import io

import pytest
import torch
from PIL import Image

from xai_widgets.widgets.views.drawing import each_once, exactly, on_page


def drawn(source):
    kind, data = source.removeprefix("data:image/").split(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(data))).size


@pytest.mark.parametrize(
    ("shape", "alone", "paged"),
    [((3, 33, 47), ("png", (47, 33)), (47, 33)), ((3, 150, 100), ("webp", (100, 150)), (100, 150)),
     ((3, 224, 448), ("webp", (320, 160)), (160, 80))],
)  # fmt: skip
def test_large_pictures_are_written_smaller_and_smallest_on_a_page(shape, alone, paged):
    picture = torch.rand(shape)
    assert drawn(exactly(picture)) == alone
    assert drawn(on_page(picture)) == ("webp", paged)


def test_a_picture_that_comes_again_is_not_drawn_again():
    asked = []
    draw = each_once(lambda picture: asked.append(picture) or "drawn")
    picture = torch.rand(3, 4, 4)
    assert [draw(picture), draw(picture.clone()), draw(1 - picture)] == ["drawn"] * 3
    assert len(asked) == 2
