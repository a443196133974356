"""What is computed for a view: which masks can be shown, and what the classifier says of each."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import (
    NOTHING,
    PREDICTED,
    RUNNER_UP,
    TOGETHER,
    Choice,
    film_of,
    make_scene,
    of_layer,
    stops_of,
    strongest,
)
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress

LAST = 4


@pytest.fixture(scope="module")
def inversion(colours):
    return GuidedFeatureInversion(colours(), "maps", background="mean", settings=GuidedSettings(steps=LAST))


def scene_of(inversion, first=PREDICTED, second=NOTHING, picture=1):
    return make_scene(inversion, Pool.unseen(inversion.study), Choice(picture, first, second, "maps"), Progress())


def test_stops_are_few_and_end_with_the_end():
    assert [stop.step for stop in film_of(6)] == list(range(7))
    assert [stop.step for stop in film_of(80)] == list(range(0, 81, 4))
    assert [stop.step for stop in film_of(41)][-3:] == [36, 39, 41]
    assert [stop.share for stop in stops_of(6)[7:]] == list(range(90, 0, -10))


def test_the_strongest_of_a_mask_holds_its_share():
    masks = torch.tensor([[[0.4, 0.1], [0.3, 0.2]], [[0.0, 0.0], [0.0, 0.0]]])
    assert torch.equal(strongest(masks, 0.7)[0] > 0, torch.tensor([[True, False], [True, False]]))
    assert torch.equal(strongest(masks, 0.01)[0] > 0, torch.tensor([[True, False], [False, False]]))
    assert not strongest(masks, 0.5)[1].any()
    many = torch.rand(3, 33, 47)
    assert (strongest(many, 0.3).sum((1, 2)) / many.sum((1, 2))).tolist() == pytest.approx([0.3] * 3, abs=0.01)


@pytest.mark.parametrize(
    ("first", "second", "classes"),
    [(PREDICTED, NOTHING, [0]), (PREDICTED, RUNNER_UP, [0, 1]), (1, RUNNER_UP, [1, 0]), (2, 1, [2, 1]), (1, 1, [1])],
)
def test_the_classes_of_a_choice(inversion, first, second, classes):
    assert scene_of(inversion, first, second).classes == classes


def test_every_stop_has_the_probabilities_of_its_pictures(inversion):
    scene, study = scene_of(inversion, PREDICTED, RUNNER_UP), inversion.study
    for stop in (0, 3, LAST, LAST + 5):
        for row, class_index in enumerate(scene.classes):
            one = scene.at(stop)
            pictures = torch.stack([one.kept_picture(row), one.removed_picture(row)])
            expected = study.predict(pictures)[:, class_index].tolist()
            assert scene.probabilities(stop, row) == pytest.approx(expected, abs=1e-5)
    final = float(scene.explanation.kept[0]), float(scene.explanation.removed[0])
    assert scene.probabilities(LAST, 0) == pytest.approx(final, abs=1e-5)
    assert torch.equal(scene.masks[:LAST] * 255, scene.explanation.frames.float())


def test_the_smallest_part_that_keeps_the_class(inversion):
    scene = scene_of(inversion)
    goal = 0.9 * float(scene.explanation.before[0])
    keeping = [stop for stop in range(LAST, len(scene.stops)) if scene.probabilities(stop, 0)[0] >= goal]
    assert scene.smallest(0) == (max(keeping) if keeping else None)


def test_what_was_found_before_is_not_searched_again(inversion, monkeypatch):
    known = inversion.altered().find(Pool.unseen(inversion.study).indices)
    monkeypatch.setattr(GuidedFeatureInversion, "explain", None)
    assert scene_of(known).explanation is known.found[scene_of(known).index]
    with pytest.raises(TypeError):
        scene_of(known, second=RUNNER_UP)


def test_the_same_search_with_another_layer(inversion):
    assert of_layer(inversion, "maps") is inversion
    other = of_layer(inversion, "levels")
    assert (other.base_layers, other.deep_layer, other.settings) == (("levels",), "maps", inversion.settings)
    assert TOGETHER not in other.base_layers
