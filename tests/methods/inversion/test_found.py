"""What is given back says what it is, and when not to believe it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.targets import Target


@pytest.fixture(scope="module")
def found(colours, red):
    study = colours()
    return GuidedFeatureInversion(study, background="mean", settings=GuidedSettings(steps=10)).explain(red(study))


def test_mass_is_the_share_of_the_mask(found):
    mask = torch.zeros(3, 28, 28)
    mask[:, :2] = 1
    mask[:, 2:4] = 0.5
    half = torch.zeros(28, 28, dtype=torch.bool)
    half[:2] = True
    assert torch.allclose(replace(found, masks=mask).mass(half), torch.full((3,), 2 / 3))


def test_top_channels_have_the_greatest_shares(found):
    top = found.top_channels(0, 2)
    assert top[0][0] == "maps"
    assert top[0][2] == pytest.approx(float(found.weights[0].max() / found.weights[0].sum()))
    assert top[0][2] >= top[1][2]
    assert len(found.top_channels(0, 99)) == 3


def test_problems_say_which_masks_say_little(found):
    assert found.problems == ()
    wrong = replace(
        found,
        masks=torch.cat([torch.full((1, 28, 28), 0.5), found.masks[1:]]),
        without=torch.where(torch.arange(3) == 1, found.before, found.without),
        kept=torch.where(torch.arange(3) == 2, 0.0, found.kept),
    )
    assert [problem.split(" (such as ")[1][0] for problem in wrong.problems] == ["0", "1", "2"]
    assert wrong.verdict().startswith(wrong.problems[0])
    assert wrong.degenerate.tolist() == [True, False, False]


def test_a_background_that_shows_neither_of_two_classes_is_sound(found):
    two = replace(found, target=Target(found.target.classes, found.target.classes + 1))
    before, without = torch.tensor([0.9, 0.9, 0.2]), torch.tensor([0.5, 0.8, 0.5])
    assert replace(two, before=before, without=without).sound.tolist() == [True, False, True]
    assert replace(found, before=before, without=without).sound.tolist() == [False, False, False]


def test_one_of_them(found):
    one = found[-1]
    assert len(one) == 1
    assert torch.equal(one.masks[0], found.masks[2])
    assert one.said(0) == found.said(2)
    assert one.background_names == ("mean",)
    with pytest.raises(IndexError):
        found[3]


def test_outlines_dim_what_is_outside(found):
    outlined = found.outline(0)
    inside = found.masks[0] > 0.5
    assert torch.equal(outlined[:, inside], found.pictures[0][:, inside])
    assert outlined.max() == 1
    assert outlined[0, -1, 0] < 0.3 * found.pictures[0, 0, -1, 0]


def test_figure_and_gallery(found):
    figure = found.figure()
    assert len(figure.axes) == 3 * 5
    assert figure.axes[0].get_title() == "picture"
    html = found.gallery().html
    assert html.count("<img ") == 3
    assert "red" in html
    assert "background alone" in html
    assert "3 pictures" in repr(found)
