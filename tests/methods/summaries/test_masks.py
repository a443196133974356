"""Crisp masks: exact answers by construction, pictures of any kind, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.batches import batches
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.paper_masks import Stage, TwoStageSettings
from xai_widgets.progress import Progress
from xai_widgets.study import Study

BRIEF = DualSettings(steps=4, cooling=4)


def pictures_of(study, count=4):
    return study.load(study.test, range(count))[0]


def brief_paper(study, **options):
    made = CrispMasks.paper(study, baselines=("mean",), **options)
    made.settings = TwoStageSettings(Stage(3, 0.5, 0.01, 0.0), Stage(2, 0.01, 1.0, 2.0))
    return made


@pytest.fixture(scope="module")
def both(looking):
    return looking(squares=((slice(4, 12), slice(6, 14)), (slice(16, 24), slice(14, 22))))


def test_the_mask_is_the_square_that_the_classifier_looks_at(looking, seen):
    study = looking()
    found = CrispMasks(study).find(pictures_of(study))
    assert not found.masks[:, 0, ~seen["first"]].any()
    assert found.masks[:, 0, seen["first"]].float().mean() > 0.7
    assert found.kept.min() > 0.9
    assert found.removed.max() < 0.1
    assert found.crispness.min() > 0.95
    assert found.sound.all()
    assert found.problems == ()


def test_evidence_shown_twice_is_in_one_mask_that_must_be_removed(both, seen):
    found = CrispMasks(both, count=2).find(pictures_of(both))
    assert not found.masks[:, 0, ~seen["both"]].any()
    assert found.masks[:, 0, seen["first"]].float().mean() > 0.4
    assert found.masks[:, 0, seen["second"]].float().mean() > 0.4
    assert found.found.tolist() == [[True, False]] * 4
    assert torch.equal(found.removed[:, 0], found.removed[:, 1])


def test_sufficient_masks_tell_redundant_evidence_apart(both, seen):
    found = CrispMasks.sufficient(both).find(pictures_of(both))
    assert found.found.tolist() == [[True, True, False]] * 4
    inside = torch.stack([found.masks[:, :, seen[name]].any(2) for name in ("first", "second")])
    assert inside.sum(0).tolist() == [[1, 1, 0]] * 4
    assert not (found.masks.sum(1) > 1).any()
    assert found.kept[:, :2].min() > 0.75
    assert found.removed[:, 0].min() > 0.75
    assert found.removed[:, 1].max() < 0.25


def test_the_published_masks_find_the_square_too(looking, seen):
    study = looking()
    found = CrispMasks.paper(study, baselines=("mean",)).find(pictures_of(study, 1))
    assert found.masks[:, 0, seen["first"]].float().mean() > 0.8
    assert found.removed.max() < 0.1
    assert found.area.max() < 0.6


def test_a_class_may_be_chosen(looking):
    study = looking()
    made = CrispMasks(study, settings=BRIEF, baselines=("mean",))
    found = made.find(pictures_of(study, 2), torch.tensor([0, 1]))
    assert found.class_index.tolist() == [0, 1]
    assert found.before[0] < 0.1
    assert found.before[1] > 0.9
    assert not found.sound[0]
    assert "In 1 of 2 pictures (such as 0) the baseline alone still shows the class" in found.problems[0]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 47), (3, 48, 30), (1, 64, 64)])
@pytest.mark.parametrize("make", [CrispMasks, brief_paper])
def test_pictures_of_any_size(looking, shape, make):
    study = looking(shape, count=3)
    made = make(study, count=2)
    if make is CrispMasks:
        made.settings = BRIEF
    found = made.find(pictures_of(study, 1)[0])
    assert found.masks.shape == found.soft.shape == (1, 2, *shape[1:])
    assert torch.isfinite(found.soft).all()
    assert found.soft.min() >= 0
    assert found.soft.max() <= 1


@pytest.mark.parametrize("make", [CrispMasks, brief_paper])
def test_large_pictures_through_a_usual_network(net, make):
    pictures = torch.rand(2, 3, 224, 299)
    made = make(Study(net(), [(picture, 0) for picture in pictures]))
    if make is CrispMasks:
        made.settings = BRIEF
    assert made.find(pictures).masks.shape == (2, 1, 224, 299)
    assert len(batches(made.study, pictures[:1].expand(9, -1, -1, -1))[0]) == 1


def test_batches_make_no_difference(looking):
    one, many = looking(batch_size=64), looking(batch_size=2)
    together, apart = CrispMasks(one).find(pictures_of(one)), CrispMasks(many).find(pictures_of(many))
    assert torch.allclose(together.soft, apart.soft, atol=1e-4)
    assert [len(rows) for rows in batches(many, pictures_of(many))] == [1] * 4


def test_the_seed_decides_the_shifts(new_study, squares):
    study, pictures = new_study(), squares(shape=(3, 33, 47)).pictures[:3]
    one, other = (CrispMasks(study, settings=replace(BRIEF, seed=seed)).find(pictures).soft for seed in (0, 1))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("make", [CrispMasks, CrispMasks.sufficient, brief_paper])
def test_pictures_that_the_classifier_cannot_tell_from_nothing_give_no_nan(make):
    class Blind(nn.Module):
        def forward(self, x):
            return torch.stack([x.mean((1, 2, 3)) * 0, x.mean((1, 2, 3)) * 0], 1)

    pictures = torch.stack([torch.zeros(3, 28, 28), torch.rand(3, 28, 28)])
    study = Study(Blind(), [(picture, 0) for picture in pictures])
    found = make(study).find(pictures)
    for values in (found.soft, found.kept, found.removed, found.drop, found.area):
        assert torch.isfinite(values).all()
    assert not found.sound.any()


def test_gradients_are_asked_for_even_where_they_are_off(looking):
    study = looking()
    pictures = pictures_of(study, 1)
    expected = CrispMasks(study, settings=BRIEF).find(pictures)
    with torch.no_grad():
        assert torch.equal(CrispMasks(study, settings=BRIEF).find(pictures).soft, expected.soft)


def test_progress_counts_every_step(looking):
    study, progress = looking(batch_size=4), Progress()
    CrispMasks.sufficient(study, count=3).find(pictures_of(study, 3), progress=progress)
    assert progress.state.done == progress.state.total == 3 * 2 * DualSettings().steps


class Breaks(nn.Module):
    """Gives NaN for pictures that are between bright and dark, or gives no gradients."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        mean = x.mean((1, 2, 3))
        if self.kind == "gradients":
            mean = mean.detach()
        elif x.requires_grad:
            mean = mean * float("nan")
        return torch.stack([mean, -mean], 1)


@pytest.mark.parametrize(("kind", "said"), [("gradients", "gives no gradients"), ("nan", "the model gives NaN")])
def test_classifiers_that_cannot_be_asked_are_told(kind, said):
    study = Study(Breaks(kind), [(torch.rand(3, 28, 28), 0)] * 2)
    with pytest.raises(XaiWidgetsError, match=said):
        CrispMasks(study).find(torch.rand(1, 3, 28, 28))


@pytest.mark.parametrize("wrong", [{"count": 0}, {"smallest": 1.0}, {"smallest": -0.1}, {"baselines": ("none",)}])
def test_settings_outside_their_range_are_refused(looking, wrong):
    with pytest.raises(XaiWidgetsError, match=r"(count|smallest|reference) is"):
        CrispMasks(looking(), **wrong)


def test_published_constants(looking):
    settings = CrispMasks.paper(looking()).settings
    assert settings.steps == 450
    assert (settings.smooth, settings.crisp) == (Stage(300, 0.5, 0.01, 0.0), Stage(150, 0.01, 1.0, 2.0))
    assert (settings.cell, settings.smoothing, settings.lr) == (8, 5.0, 0.1)


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
    assert masks.problems == (
        "In 1 of 2 pictures (such as 1) the baseline alone still shows the class "
        "(probability 0.4, 0.5 for the picture).",
    )


def test_pictures_are_shown_as_the_classifier_saw_them(masks):
    assert masks.kept_picture(0, 1)[0].sum(1).tolist() == [0, 0, 0, 4]
    assert masks.removed_picture(0, 1)[0].sum(1).tolist() == [0, 0, 4, 0]
    assert masks.removed_picture(0, 0)[0].sum(1).tolist() == [0, 0, 4, 4]
    assert masks.dimmed(1, 0)[0].unique().tolist() == [0.25, 1]


def test_sentences(masks):
    assert masks.sentence(0) == "b$: 80% from the mask alone, 20% without it"
    assert masks.sentence(1, 1) == "a: no evidence left"
    assert repr(masks) == "Masks(2 pictures, 3 masks)"
    assert masks.verdict() == (
        f"{masks.problems[0]} On average the masks cover 28.1% of a picture. "
        "Mean probability: 65% from the mask alone, 40% without it. Crispness: 88%."
    )


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
