"""The optimiser of the default: against a slow twin, and as its settings promise."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.terms import Question
from xai_widgets.methods.summaries.dual import DualSettings, tolerated
from xai_widgets.study import Study


@pytest.fixture
def question(looking, seen):
    study = looking()
    pictures, _ = study.load(study.train, range(3))
    classes = torch.tensor([1, 1, 0])
    references = torch.full_like(pictures, 0.1)
    top, bottom = (study.predict(one).gather(1, classes[:, None])[:, 0] for one in (pictures, references))
    return Question(study, pictures, references, classes, torch.ones(3, 1, 28, 28), top, bottom)


def found(settings, question):
    with question.study.borrowed():
        return settings.optimise(question, lambda: None)


def twin(s, question, row, by_hand):
    """The objective as it is written, with torch's Adam, for one picture."""
    x, r = question.pictures[row : row + 1], question.baselines[row : row + 1]
    c, top, bottom = int(question.class_index[row]), question.top[row], question.bottom[row]
    grid = torch.zeros(1, 1, *s.grid((28, 28)), requires_grad=True)
    adam = torch.optim.Adam([grid], lr=s.lr, betas=s.betas)
    weight = s.first_weight
    for step in range(s.steps):
        t = min(1.0, step / s.cooling)
        d = torch.sigmoid(F.interpolate(grid, (28, 28), mode="bilinear") / s.coldest**t)
        both = question.study.forward(torch.cat([x * (1 - d) + r * d, r * (1 - d) + x * d])).softmax(1)[:, c]
        delete, keep = (both - bottom) / (top - bottom)
        answers = s.remove * max(delete, 0 * delete) + s.keep * (1 - min(keep, 0 * keep + 1))
        crisp = s.variation * by_hand(d[0, 0], 1) + s.indecision * t * (d * (1 - d)).mean()
        adam.zero_grad()
        (answers + weight * d.mean() + crisp).backward()
        adam.step()
        with torch.no_grad():
            grid.clamp_(-s.furthest * s.coldest**t, s.furthest * s.coldest**t)
        weight *= s.faster if delete < s.removed and keep > s.kept else s.slower
        weight = min(max(weight, s.least_weight), s.most_weight)
    return torch.sigmoid(F.interpolate(grid, (28, 28), mode="bilinear") / s.coldest**t).detach()[0]


@pytest.mark.parametrize(("row", "steps", "weight", "atol"), [(0, 8, 0.0, 1e-5), (1, 8, 0.0, 1e-5), (0, 3, 0.3, 1e-2)])
def test_masks_are_those_of_a_slow_twin(question, row, steps, weight, atol, by_hand):
    # Neighbours that are equal but for rounding have a variation of random sign, hence the tolerance where it counts.
    settings = DualSettings(steps=steps, cooling=3, jitter=100, variation=weight)
    masks = found(settings, question)
    with question.study.borrowed():
        assert torch.allclose(masks[row], twin(settings, question, row, by_hand), atol=atol)


def test_pictures_do_not_influence_one_another(question):
    settings = DualSettings(steps=60, cooling=20)
    order = torch.tensor([2, 0, 1])
    together, permuted = found(settings, question), found(settings, question[order])
    assert torch.allclose(permuted, together[order], atol=1e-4)
    assert torch.allclose(found(settings, question[torch.tensor([1])]), together[1:2], atol=1e-4)


def test_settled_masks_cost_no_more_steps(question, monkeypatch):
    asked = []
    scores = Question.scores
    monkeypatch.setattr(Question, "scores", lambda self, x: asked.append(len(x)) or scores(self, x))
    steps = []
    with question.study.borrowed():
        DualSettings(steps=400).optimise(question, lambda: steps.append(1))
    assert len(steps) == 400
    assert len(asked) < 200


def test_masks_stay_where_they_are_allowed(question, seen):
    allowed = Question(**vars(question) | {"allowed": (~seen["first"]).float().expand(3, 1, 28, 28)})
    assert not found(DualSettings(steps=4, cooling=4), allowed)[:, 0, seen["first"]].any()


class Place(nn.Module):
    """Says class 1 if a pixel around the middle is bright."""

    def __init__(self, around):
        super().__init__()
        self.around = around

    def forward(self, x):
        seen = x[:, :, 14 - self.around : 15 + self.around, 14 - self.around : 15 + self.around].amax((1, 2, 3))
        return torch.stack([0 * seen, 20 * (seen - 0.5)], 1)


@pytest.mark.parametrize(("around", "most", "shift"), [(0, 3, 0), (2, 3, 2), (2, 1, 1), (13, 3, 3), (13, 0, 0)])
def test_pictures_are_shifted_no_further_than_the_classifier_puts_up_with(around, most, shift):
    point = torch.zeros(3, 29, 29)
    point[:, 14, 14] = 1
    study = Study(Place(around), [(point, 1)] * 3)
    assert tolerated(study, (29, 29), most) == shift


@pytest.mark.parametrize(
    ("sides", "grid"), [((28, 28), (14, 14)), ((33, 47), (16, 24)), ((64, 64), (32, 32)), ((224, 299), (9, 12))]
)
def test_grids_are_half_as_fine_as_pictures_or_coarser(sides, grid):
    assert DualSettings().grid(sides) == grid


@pytest.mark.parametrize("wrong", [{"cooling": 0}, {"steps": 3}, {"settled": 0}, {"remove": -1.0}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(XaiWidgetsError, match=r"(cooling|settled|remove) is .*, but must be (at least|1 to steps)"):
        DualSettings(**wrong)
