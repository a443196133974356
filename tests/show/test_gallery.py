"""ipyplot's weak spots, and that none of them comes through."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from xai_widgets.errors import PictureError
from xai_widgets.show.gallery import gallery


def pictures_in(html: str) -> list[Image.Image]:
    return [Image.open(io.BytesIO(base64.b64decode(code))) for code in re.findall(r'base64,([^"]+)"', html)]


def test_every_picture_is_there_once_at_its_size() -> None:
    found = pictures_in(gallery(torch.rand(5, 3, 33, 47), ["a"] * 5, width=94).html)
    assert [picture.size for picture in found] == [(94, 66)] * 5


@pytest.mark.parametrize("shape", [(8, 12), (12, 8), (300, 200)])
def test_the_width_is_the_same_for_every_shape(shape: tuple[int, int]) -> None:
    assert pictures_in(gallery([np.zeros(shape)], ["a"], width=60).html)[0].width == 60


def test_forms_that_ipyplot_refuses_are_drawn() -> None:
    mixed = [
        Image.new("RGB", (8, 8)), Image.new("L", (8, 8)), np.zeros((8, 8), np.int64), np.zeros((8, 8, 1)),
        np.zeros((3, 9, 5)), torch.zeros(1, 4, 4),
    ]  # fmt: skip
    assert len(pictures_in(gallery(mixed, range(6)).html)) == 6


def test_what_would_wrap_around_is_refused() -> None:
    with pytest.raises(PictureError, match=r"-0\.5"):
        gallery([np.full((4, 4), -0.5)], ["a"])


def test_names_are_text_and_spoken() -> None:
    html = gallery([np.zeros((4, 4))], ['<script>alert("1")</script>'], ["<i>0.02</i>"]).html
    assert "<script" not in html
    assert "<i>" not in html
    assert 'alt="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;, &lt;i&gt;0.02&lt;/i&gt;"' in html


def test_the_rest_is_counted() -> None:
    shown = gallery([np.zeros((4, 4))] * 7, range(7), most=3).html
    assert len(pictures_in(shown)) == 3
    assert "3 of 7 pictures are shown" in shown
    assert "are shown" not in gallery([np.zeros((4, 4))], ["a"]).html


def test_nothing_outside_is_needed() -> None:
    html = gallery([np.zeros((4, 4))], ["a"])._repr_html_()
    assert not re.search(r"https?:|<script|<link|@import|url\(", html)
    # Its own anchors, which enlarge a picture, are all it refers to.
    assert all(place.startswith("#") for place in re.findall(r'href="([^"]*)"', html))


@pytest.mark.parametrize(
    ("count", "labels", "captions", "said"),
    [(0, [], None, "none"), (2, ["a"], None, "2 labels, not 1"), (1, ["a"], ["x", "y"], "1 captions, not 2")],
)
def test_missing_parts_are_named(count: int, labels: list[str], captions: list[str] | None, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        gallery([np.zeros((4, 4))] * count, labels, captions)
