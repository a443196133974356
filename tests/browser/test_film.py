"""A film of a drag: at each stop the picture is the one that belongs to the place of the point."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import middle, pixels
from tests.browser.test_manifold import READY, STUDY, settle

pytestmark = pytest.mark.browser

STOPS = 5
STATE = "document.querySelector('.xw-atlas').dataset.state"
BARS = "[...document.querySelectorAll('.xw-bar-percent')].map((bar) => bar.textContent).join()"


def decoded(opened: Any) -> np.ndarray:
    """What the kernel decodes at the point."""
    picture = "explorer.scene.decode(explorer.point).picture"
    return np.array(opened.python(f"{picture}.mul(255).round().permute(1, 2, 0).tolist()"))


def test_the_pictures_follow_the_hand(notebook: Callable[..., Any], complaints: list[str]) -> None:
    opened = notebook([STUDY, READY])
    page = opened.page
    page.set_viewport_size({"width": 1400, "height": 2200})
    settle(opened)
    (x, y), box = middle(page), page.locator(".xw-map").bounding_box()
    end = box["x"] + box["width"] / 2 - (x - box["x"] - box["width"] / 2)  # as far on the other side
    page.mouse.move(x, y)
    page.mouse.down()
    film, chances, places = [], [], []
    for stop in range(1, STOPS + 1):
        page.mouse.move(x + (end - x) * stop / STOPS, y, steps=6)
        page.wait_for_function(f"{STATE} === 'exact'")  # it is still held
        opened.until("explorer.wait(0)", True)
        places.append(opened.python("explorer.point")[0])
        film.append(pixels(page))
        chances.append(page.evaluate(BARS))
        assert np.abs(film[-1] - decoded(opened)).max() <= 1
    page.mouse.up()
    steps = np.diff(places)
    assert (np.sign(steps) == np.sign(steps[0])).all()
    assert all(np.abs(one - other).max() > 3 for one, other in pairwise(film))
    assert len(set(chances)) > 1
