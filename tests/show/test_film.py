"""A film strip as a figure shows every frame, the curve, and the maps as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_widgets.show.film import film


def made(frames=3, shape=(3, 12, 12), label="moss tanager", footer="numbers", maps=("where", "why")):
    pictures = [torch.full(shape, 0.2)] * frames
    captions = [f"{label} {frame}%" for frame in range(frames)]
    curve = ([0.0, 0.5, 1.0], [0.1, 0.4, 0.9])
    stops = (np.linspace(0, 1, frames).tolist(), np.linspace(0.1, 0.9, frames).tolist())
    return film(
        pictures, captions, curve, stops, ("way", label), dict.fromkeys(maps, torch.rand(12, 12, 3).numpy()), footer
    )


def test_all_is_there():
    figure = made()
    *frames, curve, where, why = figure.axes
    assert [axes.get_xlabel() for axes in frames] == ["moss tanager 0%", "moss tanager 1%", "moss tanager 2%"]
    assert [axes.get_title() for axes in (where, why)] == ["where", "why"]
    assert (curve.get_xlabel(), curve.get_ylabel()) == ("way", "moss tanager")
    line, stops = curve.lines
    assert line.get_xydata().tolist() == [[0.0, 0.1], [0.5, 0.4], [1.0, 0.9]]
    assert stops.get_xydata().tolist() == [[0.0, 0.1], [0.5, 0.5], [1.0, 0.9]]
    assert stops.get_linestyle() == "None"
    assert curve.get_ylim()[0] <= 0
    assert curve.get_ylim()[1] >= 1
    assert figure.get_supxlabel() == "numbers"
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 47), (1, 8, 64)])
@pytest.mark.parametrize("frames", [2, 9])
def test_pictures_of_any_shape_are_shown_as_they_are(frames, shape):
    figure = made(frames, shape)
    for axes in figure.axes[:frames]:
        assert axes.images[0].get_array().shape == (*shape[1:], 3)
        assert (axes.images[0].get_array() == 51).all()  # not stretched to black and white
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_long_footer_and_names_that_look_like_something_else():
    label = '<script>"$\\frac{$ & _{'
    figure = made(label=label, footer=f"{label} " * 30)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.axes[3].get_ylabel() == label.replace("$", r"\$")  # as matplotlib wants what is no formula
