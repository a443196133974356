"""What a counterfactual says of itself, for changes that are made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cae.path import FilmStrip


def made(change=None, *, names=("cat", "dog"), last=0.95, frames=4, **options):
    """A counterfactual whose last frame is its first one plus a change ``(C, H, W)``."""
    change = torch.zeros(3, 9, 9) if change is None else change
    shares = torch.linspace(0, 1, frames)
    start = torch.full_like(change, 0.25)
    chances = 0.1 + (last - 0.1) * shares
    strip = FilmStrip(
        z=shares[:, None].expand(-1, 2),
        pictures=start + shares[:, None, None, None] * change,
        probabilities=torch.stack([1 - chances, chances], dim=1),
        shares=shares,
        raw_shares=torch.linspace(0, 1, 11),
        raw_curve=torch.linspace(0.1, last, 11),
        violation=0.015,
        on_data=torch.ones(frames, dtype=torch.bool),
    )
    side = change.shape[1:]
    saliency = {name: torch.rand(side) for name in ("difference", "several", "agreement")} | {"path": torch.randn(side)}
    values = {
        "original": start,
        "strip": strip,
        "source": 0,
        "target": 1,
        "requested": None,
        "saliency": saliency,
        "completeness": (4.9, 5.0),
        "pasted": True,
        "problems": (),
        "class_names": names,
        "origin": {},
    }
    return Counterfactual(**(values | options))


def at(*pixels, side=(9, 9)):
    change = torch.zeros(3, *side)
    for row, column in pixels:
        change[:, row, column] = 0.5
    return change


def test_its_pictures():
    shown = made(at((4, 4)))
    assert torch.equal(shown.picture, shown.strip.pictures[-1])
    assert torch.allclose(shown.change, at((4, 4)))
    assert shown.start_gap == 0
    decoded = made(at((4, 4)), original=torch.full((3, 9, 9), 0.35))  # its first frame is not the picture
    assert decoded.start_gap == pytest.approx(0.1)
    assert torch.allclose(decoded.change, at((4, 4)))


def test_what_was_obtained():
    assert made().obtained == pytest.approx(0.95)
    assert made().flipped
    assert not made(last=0.4).flipped
    assert repr(made()) == "Counterfactual(cat to dog, 95%)"
    assert made().prediction_label(0) == "cat 90%"
    assert made().prediction_label(3) == "dog 95%"


@pytest.mark.parametrize(
    ("pixel", "words"),
    [
        ((0, 0), "upper left"), ((1, 4), "upper middle"), ((2, 8), "upper right"),
        ((3, 1), "middle left"), ((4, 4), "in the middle"), ((5, 6), "middle right"),
        ((6, 2), "lower left"), ((7, 5), "lower middle"), ((8, 8), "lower right"),
    ],
)  # fmt: skip
def test_where_the_change_is(pixel, words):
    assert made(at(pixel)).focus() == (pytest.approx(1 / 81), words)


@pytest.mark.parametrize("side", [(16, 16), (33, 47), (2, 2)])
def test_places_are_the_same_from_both_sides(side):
    """Mirrored changes are in mirrored places."""
    mirrored = {"upper": "lower", "lower": "upper", "left": "right", "right": "left", "middle": "middle"}
    for row in range(side[0]):
        place = made(at((row, 0), side=side)).focus()[1].split()
        other = made(at((side[0] - 1 - row, side[1] - 1), side=side)).focus()[1].split()
        assert [mirrored[word] for word in place] == other


def test_how_much_of_the_picture_holds_most_of_the_change():
    change = torch.zeros(1, 10, 10)
    change[0, 0, :4] = torch.tensor([2.0, 2.0, 1.0, 1.0]) / 10  # squared 4 : 4 : 1 : 1
    assert made(change).focus()[0] == pytest.approx(2 / 100)  # 80 % on two pixels; one has but 40 %
    assert made(torch.full((3, 10, 10), 0.1)).focus()[0] == pytest.approx(0.6, abs=0.011)
    assert made().focus() == (1.0, "nowhere")


def test_the_share_within_a_region():
    shown = made(at((0, 0), (0, 1), (5, 5), (5, 6)))
    region = torch.zeros(9, 9, dtype=torch.bool)
    assert shown.share_within(region) == 0
    region[:2] = True
    assert shown.share_within(region) == pytest.approx(0.5)
    assert shown.share_within(~region) == pytest.approx(0.5)
    assert shown.share_within(region | True) == pytest.approx(1)
    assert made().share_within(region) == 0


def test_it_is_said_in_a_sentence():
    assert made(at((0, 0))).sentence() == (
        "The classifier sees dog instead of cat after this change: 60% of it lies on 1% of the picture, upper left."
    )
    first = replace(made(at((0, 0), (8, 8))).strip, first=torch.ones(9, 9))
    first.pictures[:3, :, 0, 0] = 0.25  # until then only the other corner changes
    assert made(strip=first).sentence().endswith(" What changes first lies lower right.")
    assert "; what changes first lies lower right; half of the change gives 67%; " in made(strip=first).verdict()
    assert made(last=0.4).sentence() == ("This change is not enough: the classifier gives dog 40% only.")


def test_the_verdict_says_the_numbers():
    assert made().verdict() == (
        "dog 95.0%; everything changes at once; half of the change gives 67%; the probability falls on 1.5% of the "
        "path; frame 1 is the original; the attributions sum to 4.9 of 5.0 log-odds; all frames are near real pictures."
    )
    other = made(original=torch.full((3, 9, 9), 0.35), strip=replace(made().strip, violation=0.0)).verdict()
    assert "the probability rises all the way; frame 1 differs from the original by 0.1 on average; " in other
    off = replace(made().strip, on_data=torch.tensor([True, False, False, True]))
    shown = made(requested=0.9, strip=off, problems=("One.", "Two."))
    assert shown.verdict().startswith("NOT TO BE BELIEVED: One. Two. dog 95.0% (requested: 90%); ")
    assert shown.verdict().endswith("; 2 of 4 frames are far from real pictures.")


def test_its_maps():
    shown = made(at((4, 4)))
    maps = shown.maps()
    assert list(maps) == ["change of brightness", "where it changes", "what moves the classifier", "several ways"]
    assert all(picture.shape[:2] == (9, 9) for picture in maps.values())
    flat = made(saliency={name: torch.zeros(9, 9) for name in ("difference", "several", "agreement", "path")})
    assert (flat.maps()["what moves the classifier"] == 247).all()  # nothing to scale by: no colour


@pytest.mark.parametrize("frames", [2, 4])
def test_a_figure(frames):
    shown = made(at((4, 4)), frames=frames)
    figure = shown.figure()
    assert len(figure.axes) == frames + 5
    assert [axes.get_xlabel() for axes in figure.axes[:frames]] == [
        shown.prediction_label(frame) for frame in range(frames)
    ]
    assert figure.axes[frames].get_ylabel() == "dog"
    assert figure.get_supxlabel() == f"{shown.sentence()}\n{shown.verdict()}"


@pytest.mark.parametrize("frames", [2, 4])
def test_a_gallery(frames):
    page = made(frames=frames).gallery().html
    assert page.count("<img ") == frames
    assert page.count(">counterfactual<") == 1
    assert page.count(">intermediate<") == frames - 2
    assert "dog 95%" in page
