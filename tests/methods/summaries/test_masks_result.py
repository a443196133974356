"""Numbers, pictures and sentences of masks."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.summaries.masks import CrispMasks


@pytest.fixture
def masks(made_masks):
    """Two pictures of 4 x 4 pixels with two masks each; the second one has nothing left after its first mask."""
    pixels = torch.zeros(2, 2, 4, 4, dtype=torch.bool)
    pixels[0, 0, :2], pixels[0, 1, 3], pixels[1, 0, 0, 0] = True, True, True
    soft = torch.where(pixels, 0.99, 0.01)
    soft[0, 0, 0] = 0.8
    return made_masks(
        torch.ones(2, 3, 4, 4),
        pixels,
        class_index=torch.tensor([1, 0]),
        soft=soft,
        before=torch.tensor([0.8, 0.5]),
        baseline_score=torch.tensor([0.4, 0.4]),
        kept=torch.tensor([[0.8, 0.6], [0.5, 0.4]]),
        removed=torch.tensor([[0.2, 0.1], [0.6, 0.6]]),
        class_names=("a", "b$"),
    )


def test_numbers_by_hand(masks):
    assert masks.area.tolist() == [[0.5, 0.25], [1 / 16, 0]]
    assert masks.found.tolist() == [[True, True], [True, False]]
    assert torch.allclose(masks.crispness, torch.tensor([[0.75, 1], [1, 1]]))
    assert torch.allclose(masks.drop, torch.tensor([[0.75, 0.875], [-0.2, -0.2]]))
    assert masks.sound.tolist() == [True, False]
    assert masks.problems == ("In 1 of 2 pictures (such as 1) the baseline still shows the class: 0.4 of 0.5.",)


def test_pictures_are_shown_as_the_classifier_saw_them(masks):
    assert masks.kept_picture(0, 1)[0].sum(1).tolist() == [0, 0, 0, 4]
    assert masks.removed_picture(0, 1)[0].sum(1).tolist() == [0, 0, 4, 0]
    assert masks.removed_picture(0, 0)[0].sum(1).tolist() == [0, 0, 4, 4]
    assert masks.dimmed(1, 0)[0].unique().tolist() == [0.25, 1]


def test_sentences(masks):
    assert masks.sentence(0) == "b$ 80%: kept 80%, removed 20%"
    assert masks.sentence(1, 1) == "a: no evidence is left to find"
    assert repr(masks) == "Masks(2 pictures, 3 masks)"
    assert masks.verdict() == f"{masks.problems[0]} Kept 65%, removed 40%, area 28.1%, crispness 88% on average."


def test_figure_and_gallery(masks):
    figure = masks.figure()
    assert [axes.get_title() for axes in figure.axes[:7]] == [
        "picture", "mask 1", "kept 1", "removed 1", "mask 2", "kept 2", "removed 2"
    ]  # fmt: skip
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert masks.gallery().html.count("<img ") == 3  # not the empty one


def test_the_origin_has_the_settings(looking):
    study = looking()
    origin = CrispMasks.sufficient(study, count=1).find(study.test[0][0]).origin
    assert (origin["model"], origin["method"]) == (study.fingerprint, "crisp masks")
    assert (origin["optimiser"], origin["settings"]["remove"], origin["count"]) == ("DualSettings", 0, 1)
    assert origin["seconds"] > 0
