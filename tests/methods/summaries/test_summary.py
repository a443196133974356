"""Figures, galleries, sentences and files of summaries, also where there are none."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.views import DIMMED
from xai_widgets.methods.summaries.summary import LONGEST_NAME, ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries


@pytest.fixture(scope="module")
def found(parts, planted):
    """Two sound summaries and one that is not used, of 8 pictures."""
    study = parts(12, class_names=["none", "<b>parts</b>"])
    return VisualSummaries(study, masks=planted(study)).find(1)


@pytest.fixture(scope="module")
def nothing(parts, planted):
    """Of pictures whose baselines all show the class."""
    study = parts(12)
    return VisualSummaries(study, masks=planted(study, blind=range(8))).find(1)


def test_numbers_and_words(found):
    assert [one.sound for one in found.summaries] == [True, True, False]
    assert found.kept == found.summaries[:2]
    assert found.per_100 == 25
    assert found.problems == ()
    assert found.verdict().startswith("2 of 3 groups of regions are sound, from 8 pictures. On average the masks")
    line = found.summaries[0].sentence()
    assert line.startswith("evidence 3 (3 to 3), drop 25.6%, stability 1.00, coherence 1.")
    assert line.endswith(", in 8 pictures")
    assert repr(found) == "ClassSummaries('<b>parts</b>': 2 summaries of 8 pictures)"
    assert replace(found, errors=True).title == "mistaken for <b>parts</b>"


def test_names(found):
    named = found.named(0, "  the <i>first</i> ")
    assert (named.label(0), named.label(1)) == ("the <i>first</i>", "summary 2")
    assert found.label(0) == "summary 1"
    with pytest.raises(XaiWidgetsError, match="a name has at most 80 letters, but this one has 81"):
        found.named(0, "n" * 81)
    assert named.named(0, " ").summaries == found.summaries
    assert found.named(2, "n" * LONGEST_NAME).label(2) == "n" * LONGEST_NAME


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_other_summary(found, index):
    for ask in (lambda: found.named(index, "it"), lambda: found.gallery(index)):
        with pytest.raises(XaiWidgetsError, match=f"there is no summary {index}: 3 were found, counted from 0"):
            ask()


def test_a_region_is_outlined_and_all_else_dimmed(found, region):
    whole = replace(found, regions=(region(slice(0, 28), slice(0, 28)),))
    assert torch.equal(whole.outline(0), found.masks.pictures[0])
    index = found.summaries[0].exemplar
    one, shown = found.regions[index], found.outline(index)
    picture = found.masks.pictures[one.picture]
    top, left, bottom, right = one.box
    inside, edge = torch.zeros(28, 28, dtype=torch.bool), torch.zeros(28, 28, dtype=torch.bool)
    inside[top:bottom, left:right] = True
    edge[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = True
    edge &= ~inside
    assert torch.equal(shown[:, inside], picture[:, inside])
    assert (shown[:, edge] == 1).all()
    assert torch.allclose(shown[:, ~(inside | edge)], DIMMED * picture[:, ~(inside | edge)])


def test_a_gallery_of_exemplars_and_one_of_members(found):
    exemplars, members = found.gallery().html, found.gallery(2).html
    assert exemplars.count("<img") == 2
    assert members.count("<img") == 8
    assert "summary 3" not in exemplars
    assert "evidence 3 (3 to 3)" in exemplars
    indices = [int(found.indices[found.regions[one].picture]) for one in found.summaries[2].members]
    assert [f"picture {index}, drop alone 0.0%" in members for index in indices] == [True] * 8


def test_names_are_text_in_galleries_and_no_formula_in_figures(found):
    named = found.named(0, '<script>alert("1")</script>').named(1, "$x_{$ & <i>")
    html = named.gallery().html
    assert "<script" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" in html
    assert named.figure()._repr_png_().startswith(b"\x89PNG")


def test_a_figure_has_a_row_for_each_sound_summary(found):
    axes = found.figure().axes
    assert len(axes) == 2 * 6
    assert [one.get_xlabel() for one in axes[:4]] == ["summary 1", "evidence 3", "stability 1.00", "in 8 of 8"]


def test_where_none_is_sound_all_are_shown_with_the_reason(found):
    doubted = replace(found, summaries=tuple(replace(one, problems=("rare",)) for one in found.summaries))
    assert doubted.kept == ()
    assert doubted.problems == ("No summary is sound.",)
    assert doubted.verdict() == "No summary is sound. 0 of 3 groups of regions are sound, from 8 pictures."
    assert doubted.gallery().html.count("<img") == 3
    assert len(doubted.figure().axes) == 3 * 6


def test_where_baselines_show_the_class_there_are_no_summaries_and_the_masks_are_shown(nothing):
    assert (nothing.summaries, nothing.regions, nothing.kept, nothing.per_100) == ((), (), (), 0)
    assert nothing.similarity.shape == (0, 0)
    assert "In 8 of 8 pictures (such as 0) the baseline alone still shows the class" in nothing.problems[0]
    assert nothing.verdict().endswith("No summary is sound. 0 of 0 groups of regions are sound, from 8 pictures.")
    assert nothing.gallery().html.count("<img") == 8
    assert nothing.figure()._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(XaiWidgetsError, match="there is no summary 0: 0 were found"):
        nothing.named(0, "it")


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    elif is_dataclass(expected):
        for field in fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == json.loads(json.dumps(expected))


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 33, 47)])
@pytest.mark.parametrize(("blind", "errors"), [((), False), ((1, 4), False), (range(8), False), ((), True)])
def test_what_is_restored_is_what_was_stored(parts, planted, shape, blind, errors):
    study = parts(24, shape, class_names=("none", "parts"))
    found = VisualSummaries(study, masks=planted(study, blind), most=8).find(1, errors=errors)
    if found.summaries:
        found = found.named(len(found.summaries) - 1, "naïve \u2192 'name'")
    details = json.loads(json.dumps(found.details(), allow_nan=False))
    assert_same(ClassSummaries.restored(found.tensors(), details, study.class_names), found)
