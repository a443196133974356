"""Figures show all pictures with their numbers, and leave matplotlib's global state alone."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib._pylab_helpers import Gcf

from xai_widgets.errors import PictureError
from xai_widgets.show.figures import picture_rows
from xai_widgets.show.film import film

PICTURES = torch.rand(2, 3, 16, 16)
COLUMNS = ["original", "ClaDec", "auto-encoder", "difference", "bits lost", "uncertainty"]


def headings(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_one_column_a_name_and_one_row_a_picture():
    pictures = [torch.rand(3, 33, 47), torch.rand(1, 8, 8), np.zeros((5, 9), np.uint8)]
    figure = picture_rows({"first": pictures, "second": pictures}, {"second": ["a", "b", "c"]}, "how it was made")
    assert headings(figure) == ["first", "second"]
    assert len(figure.axes) == 6
    shapes = [axes.images[0].get_array().shape for axes in figure.axes]
    assert shapes == [(33, 47, 3)] * 2 + [(8, 8, 3)] * 2 + [(5, 9, 3)] * 2
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "a", "", "b", "", "c"]
    assert figure.get_supxlabel() == "how it was made"
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_pictures_are_shown_as_they_are():
    figure = picture_rows({"grey": [torch.full((3, 4, 4), 0.2)]}, {}, "")
    assert (figure.axes[0].images[0].get_array() == 51).all()  # not stretched to black and white


def test_a_picture_that_is_none():
    broken = torch.full((3, 4, 4), torch.nan)
    with pytest.raises(PictureError):
        picture_rows({"broken": [broken]}, {}, "")
    with pytest.raises(PictureError):
        film([broken] * 2, ["", ""], ([0], [0]), ([0], [0]), ("", ""), {}, "")


def test_an_explanation(fitted):
    shown = fitted.explain(PICTURES)
    figure = shown.figure()
    assert headings(figure) == COLUMNS
    assert len(figure.axes) == 12
    assert figure.axes[1].get_xlabel() == shown.said("cladec", 0)
    assert figure.axes[8].get_xlabel() == shown.said("reference", 1)
    assert figure.axes[3].get_xlabel() == ""
    assert figure.get_supxlabel() == f"Layer conv2, alpha 0. {shown.verdict()}"
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_an_explanation_without_a_reference(fitted):
    figure = replace(fitted.explain(PICTURES, "fc", alpha=0.5), reference=None).figure()
    assert headings(figure) == [name for name in COLUMNS if name != "auto-encoder"]
    assert figure.get_supxlabel().startswith("Layer fc, alpha 0.5. ")


def test_what_is_kept_alike_has_no_colour_in_the_difference(fitted):
    shown = fitted.explain(PICTURES)
    figure = replace(shown, reference=shown.cladec).figure()
    for column in (3, 4):
        assert (figure.axes[column].images[0].get_array() == 247).all()


def test_what_was_said_of_each_version(fitted):
    shown = fitted.explain(PICTURES)
    chances = torch.tensor([[0.125, 0.5, 0.25, 0.125], [0.0, 0.0, 0.0, 1.0]])
    shown = replace(shown, predictions=shown.predictions | {"original": chances}, class_names=("a", "b", "c", "d"))
    assert [shown.said("original", row) for row in (0, 1)] == ["b 50%", "d 100%"]


def test_the_verdict_begins_with_whether_to_trust_it(fitted):
    shown = fitted.explain(PICTURES)
    assert (
        replace(shown, problems=())
        .verdict()
        .startswith("Checks hold. Mean squared error on 8 held-out pictures: ClaDec ")
    )
    assert replace(shown, problems=("Too few.",)).verdict().startswith("VOID: Too few. ")


def test_nothing_global_changes(fitted):
    before, open_figures = dict(mpl.rcParams), list(Gcf.figs)
    fitted.explain(PICTURES).figure()
    film(PICTURES, ["", ""], ([0], [0]), ([0], [0]), ("", ""), {"where": PICTURES[0]}, "")._repr_png_()
    assert dict(mpl.rcParams) == before
    assert list(Gcf.figs) == open_figures
