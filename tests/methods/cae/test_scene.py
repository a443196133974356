"""A scene is one picture on one map: what is shown belongs there, and leads where it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.atlas import MARGIN, Atlas, box_around, grid
from xai_widgets.methods.cae.scene import FRAMES, Choice, choose_scene, make_scene
from xai_widgets.progress import Progress
from xai_widgets.study import Study

N = 4


@pytest.fixture(scope="module")
def pair(brief, unseen):
    (picture, source), *_ = unseen(brief)
    return make_scene(brief, picture, (source + 1) % 4, side=N)


@pytest.fixture(scope="module")
def overview(brief, unseen):
    return make_scene(brief, unseen(brief)[0][0], None, side=N)


def test_a_chart_of_two_classes(brief, pair, unseen):
    assert pair.source == unseen(brief)[0][1]
    assert pair.plane.kind == "pair"
    both = [place for place, k in enumerate(brief.code_classes.tolist()) if k in {pair.source, pair.target}]
    assert pair.indices.tolist() == both
    assert torch.allclose(pair.points, pair.plane.project(brief.codes[both]))
    z, (source, target) = brief.codes[both], (pair.source, pair.target)
    odds = brief.head(z)[:, target].log() - brief.head(z)[:, source].log()
    assert torch.allclose(pair.points[:, 0], odds, atol=1e-3)  # what the axis says it is


def test_an_overview_of_all_classes(brief, overview):
    assert overview.plane.kind == "overview"
    assert overview.target is None
    assert overview.indices.tolist() == list(range(len(brief.codes)))


@pytest.mark.parametrize("target", [None, "other"])
def test_a_code_of_two_numbers_is_the_map(flat, unseen, target):
    (picture, source), *_ = unseen(flat)
    scene = make_scene(flat, picture, None if target is None else (source + 1) % 3, side=N)
    assert scene.plane.kind == "code"
    assert torch.equal(scene.points, flat.codes)
    assert scene.home == tuple(scene.encoded.z[0].tolist())
    assert torch.allclose(scene.code(0.5, -2), torch.tensor([0.5, -2]))


@pytest.mark.parametrize("which", ["pair", "overview"])
def test_everything_is_inside_and_at_its_place(which, request, brief):
    scene = request.getfixturevalue(which)
    x0, x1, y0, y1 = scene.box
    for x, y in [*scene.points.tolist(), scene.home]:
        assert x0 < x < x1
        assert y0 < y < y1
    assert torch.allclose(scene.code(*scene.home), scene.encoded.z[0], atol=1e-4)
    assert scene.point(scene.code(0.3, 0.2)) == pytest.approx((0.3, 0.2), abs=1e-4)
    assert scene.fog.shape == (N, N)
    assert 0 <= scene.fog.min() < scene.fog.max() <= 1
    assert scene.atlas.side == N
    distances = torch.cdist(grid(scene.box, N), scene.points).min(1).values
    assert scene.fog.flatten()[distances.argmin()] < scene.fog.flatten()[distances.argmax()]
    assert torch.allclose(scene.probabilities, brief.predict(scene.encoded.pictures)[0])
    for row, column in ((0, 0), (1, 3), (3, 2)):
        x, y = x0 + (x1 - x0) * column / (N - 1), y0 + (y1 - y0) * row / (N - 1)
        expected = brief.decode(scene.encoded, scene.code(x, y)[None])
        assert torch.allclose(scene.atlas.pictures[row * N + column], expected[0], atol=1e-5)
        assert torch.allclose(scene.atlas.probabilities[row * N + column], brief.predict(expected)[0], atol=1e-4)


def test_a_scene_that_there_is_not(brief, unseen):
    (picture, source), *_ = unseen(brief)
    with pytest.raises(XaiWidgetsError, match="source and target are both class"):
        make_scene(brief, picture, source, side=N)
    with pytest.raises(XaiWidgetsError, match="target is 4, but the classes are numbered 0 to 3"):
        make_scene(brief, picture, 4, side=N)


def test_points_go_from_left_to_right_and_from_the_lower_edge_up():
    assert grid((0.0, 2.0, 10.0, 12.0), 3).tolist() == [
        [0, 10], [1, 10], [2, 10],
        [0, 11], [1, 11], [2, 11],
        [0, 12], [1, 12], [2, 12],
    ]  # fmt: skip
    assert grid((0.0, 2.0, 10.0, 12.0), 1).tolist() == [[0, 10]]
    assert Atlas(torch.zeros(9, 1, 1, 1), torch.zeros(9, 2), (0, 1, 0, 1)).side == 3


def test_a_box_has_some_room():
    assert box_around(torch.tensor([[0.0, 5.0], [10.0, 5.0], [4.0, 7.0]])) == pytest.approx(
        (-10 * MARGIN, 10 + 10 * MARGIN, 5 - 2 * MARGIN, 7 + 2 * MARGIN)
    )
    x0, x1, y0, y1 = box_around(torch.tensor([[3.0, 4.0]]))  # a single place has a box too
    assert x0 < 3 < x1
    assert y0 < 4 < y1


def test_a_scene_of_a_choice_decodes_and_explains(brief, pair):
    unseen, fitted = Choice(True, 0, pair.target), Choice(False, 3, None)
    scene = choose_scene(brief, unseen, Progress())
    assert torch.equal(scene.encoded.pictures, pair.encoded.pictures)
    explanation = scene.explain("border")
    end, there = scene.end(explanation), scene.decode(scene.point(explanation.strip.z[-1]))
    assert end.point == pytest.approx(there.point, abs=1e-3)
    assert torch.allclose(end.picture, there.picture, atol=1e-3)
    assert len(explanation.strip.pictures) == FRAMES
    overview = choose_scene(brief, fitted, Progress())
    assert torch.equal(overview.encoded.pictures[0], brief.study.train[3][0])
    assert (overview.target, overview.explain("typical")) == (None, None)
    assert torch.equal(overview.end(None).picture, overview.encoded.pictures[0])
    already = choose_scene(brief, unseen._replace(target=pair.source), Progress())
    assert (already.plane.kind, already.target) == ("overview", None)


def test_the_words_of_a_choice(brief, toy, unseen):
    choice = Choice(True, 0, None)
    assert choice.truth(brief.study) == f"class {brief.study.test[0][1]}"
    explanation = toy.explain(unseen(toy)[0][0])
    assert choice.most_changed(brief.study, explanation) == ""

    class Parts(list):
        part_names = ("ground", "square")

        def part_map(self, index):
            return np.ones((16, 16), int) if index == 7 else None

    study = Study(brief.study.model, Parts(brief.study.test), test=Parts(brief.study.test))
    said = Choice(False, 7, None).most_changed(study, explanation)
    assert said.startswith(" 100% of the change falls on the square.")
    ordered = replace(explanation, strip=replace(explanation.strip, first=torch.ones(16, 16)))
    assert Choice(False, 7, None).most_changed(study, ordered).endswith(" The square changes first.")
