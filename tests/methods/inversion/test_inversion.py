"""Guided feature inversion: exact answers by construction, any network and picture, and clear refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.errors import LayerError, XaiWidgetsError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.progress import Progress
from xai_widgets.study import Study

from .conftest import Tokens

BRIEF = GuidedSettings(steps=3)
BRIEF_PAPER = PublishedSettings(inversion_steps=2, steps=3)


@pytest.fixture(scope="module")
def study(colours):
    return colours()


@pytest.fixture(scope="module")
def made(study):
    return GuidedFeatureInversion(study, background="blur")


@pytest.mark.parametrize("preset", ["faithful", "fast"])
def test_the_mask_is_the_square_of_the_class(study, squares_of, shown, preset):
    made = getattr(GuidedFeatureInversion, preset)(study, background="mean")
    for colour in (0, 1):
        found = made.explain(shown(study), colour)
        assert found.mass(squares_of[colour]).min() > 0.75
        assert found.mass(squares_of[1 - colour]).max() < 0.05
        assert found.kept.min() > 0.8
        assert found.removed.max() < 0.1
        assert not found.degenerate.any()


def test_the_runner_up_has_its_own_square_and_why_one_and_not_the_other(made, study, squares_of, shown):
    found = made.explain(shown(study), "runner-up")
    assert found.class_index.tolist() == [1, 1, 1]
    assert found.mass(squares_of[1]).min() > 0.75
    found = made.explain(shown(study), against="runner-up")
    assert found.mass(squares_of[0]).min() > 0.75
    two = study.logits(shown(study))[:, :2].softmax(1)[:, 0]
    assert torch.allclose(found.before, two, atol=1e-6)
    assert found.sentence(0).startswith("red, not green")


def test_a_score_of_ones_own(made, study, squares_of, shown):
    found = made.explain(shown(study), lambda logits: logits.log_softmax(1)[:, 1])
    assert found.mass(squares_of[1]).min() > 0.75
    assert torch.allclose(found.masks, made.explain(shown(study), 1).masks, atol=1e-3)
    assert found.sentence(0).startswith("own score")


def test_the_published_search_finds_the_square_too(study, squares_of, shown):
    found = GuidedFeatureInversion.paper(study, background="mean").explain(shown(study), 1)
    assert found.mass(squares_of[1]).min() > found.mass(squares_of[0]).max()


def test_stage_one_needs_both_squares_whatever_the_class(made, study, squares_of, shown):
    found = made.invert(shown(study))
    assert found.masks[:, squares_of[0]].mean() > 0.7
    assert found.masks[:, squares_of[1]].mean() > 0.7
    assert found.error.max() < 0.1


def test_plain_inversion_has_the_same_representation_and_another_look(made, study, shown):
    pictures, errors = made.invert_plainly(shown(study), steps=60)
    assert pictures.shape == shown(study).shape
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert errors.max() < 0.2
    assert (pictures - shown(study)).abs().mean() > 0.02


def test_probabilities_are_those_of_the_pictures_shown(made, study, shown):
    found = made.explain(shown(study), 1)
    for name, view in (("kept", found.kept_picture), ("removed", found.removed_picture)):
        seen = study.predict(torch.stack([view(row) for row in range(3)]))[:, 1]
        assert torch.allclose(getattr(found, name), seen, atol=1e-5)
    assert torch.allclose(found.before, study.predict(found.pictures)[:, 1], atol=1e-5)
    assert torch.allclose(found.baseline_score, study.predict(found.backgrounds)[:, 1], atol=1e-5)


@pytest.mark.parametrize("settings", [GuidedSettings(steps=15), PublishedSettings(inversion_steps=5, steps=10)])
def test_a_batch_is_as_one_at_a_time(colours, shown, settings):
    pictures = shown(colours())
    together = GuidedFeatureInversion(colours(batch_size=4), settings=settings).explain(pictures)
    alone = GuidedFeatureInversion(colours(), settings=settings)
    assert torch.allclose(torch.cat([alone.explain(one).masks for one in pictures]), together.masks, atol=1e-4)


@pytest.mark.parametrize("settings", [BRIEF, BRIEF_PAPER])
def test_the_search_can_be_played_back(study, shown, settings):
    made = GuidedFeatureInversion(study, "maps", settings=settings, background="mean")
    found = made.explain(shown(study), film=True)
    assert found.frames.shape == (settings.explain_steps, 3, 28, 28)
    assert found.frames.dtype == torch.uint8
    assert made.invert(shown(study), film=True).frames.shape[0] == settings.invert_steps
    assert made.explain(shown(study)).frames.shape == (0, 3, 28, 28)
    assert torch.equal(found[1].frames[:, 0], found.frames[:, 1])


@pytest.mark.parametrize("settings", [BRIEF, BRIEF_PAPER])
@pytest.mark.parametrize("shape", [(1, 33, 47), (3, 16, 16)])
def test_any_picture_and_layers_of_both_signs(net, squares, settings, shape):
    study = Study(net(shape[0]), squares(8, shape))
    made = GuidedFeatureInversion(study, ["conv1", "conv2"], settings=settings)
    found = made.explain(study.load(study.test, [0])[0])
    assert found.masks.shape == (1, *shape[1:])
    assert found.masks.min() >= 0
    assert found.masks.max() <= 1
    assert len(found.channels) == found.weights.shape[1] == 2 * 6 + 2 * 8
    assert made.invert(found.pictures).masks.shape == found.masks.shape


def test_in_place_activations_change_nothing(net, squares):
    models = net(), net()
    models[1].relu = nn.ReLU()
    found = [
        GuidedFeatureInversion(study, ["norm", "conv2"], settings=BRIEF).explain(study.load(study.train, [0, 1])[0])
        for study in (Study(model, squares(8)) for model in models)
    ]
    assert torch.allclose(found[0].masks, found[1].masks, atol=1e-6)


def test_tokens_of_a_transformer(colours, shown):
    study = colours(Tokens())
    made = GuidedFeatureInversion(study, settings=BRIEF)
    assert made.base_layers == ("first.norm2",)  # of the last block's cells nothing is read
    found = made.explain(shown(study))
    assert found.masks.shape == (3, 28, 28)
    assert found.weights.shape == (3, 16)  # two signs of eight channels, without the class token's
    # A network whose last layer is zero has layers all the same.
    torch.nn.init.zeros_(study.model.head.weight)
    assert GuidedFeatureInversion(colours(study.model)).base_layers == ("last.norm2",)


@pytest.mark.parametrize("name", ["explain", "invert"])
def test_a_network_that_sees_nothing_has_masks_that_say_so(colours, shown, name):
    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = nn.AvgPool2d(2)
            self.bias = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return 0 * self.maps(x).mean((2, 3)) + self.bias

    made = GuidedFeatureInversion(colours(Blind()), "maps", background="mean")
    found = getattr(made, name)(0 * shown(colours()))
    assert torch.isfinite(found.masks).all()
    assert found.degenerate.all()
    assert any("same everywhere" in problem for problem in found.problems)


def test_settings_outside_their_range_and_networks_without_maps_are_refused(made, study, shown, net, squares, colours):
    with pytest.raises(LayerError, match="no layer of the network has maps"):
        GuidedFeatureInversion(colours(nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 3))))
    with pytest.raises(XaiWidgetsError, match="background is 'snow', but must be one of auto"):
        GuidedFeatureInversion(study, background="snow")
    with pytest.raises(LayerError, match="has no maps"):
        GuidedFeatureInversion(Study(net(), squares()), "fc")
    with pytest.raises(XaiWidgetsError, match=r"steps is 0, but must lie in \[1, "):
        made.invert_plainly(shown(study), steps=0)
    with pytest.raises(XaiWidgetsError, match="between 0 and 1"):
        GuidedSettings(level=1.0)


def test_a_classifier_without_gradients_is_refused(study, shown):
    made = GuidedFeatureInversion(study, settings=BRIEF)

    class Closed(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            with torch.no_grad():
                return self.model(x)

    with pytest.raises(XaiWidgetsError, match="gives no gradients"):
        GuidedFeatureInversion(Study(Closed(study.model), study.train)).explain(shown(study))
    assert made.explain(shown(study)).masks.shape == (3, 28, 28)


def test_every_step_is_reported(study, shown):
    inversion, masks, told = GuidedFeatureInversion(study, settings=BRIEF), [], []
    found = inversion.explain(shown(study), film=True, on_mask=masks.append, progress=Progress(told.append))
    assert [tuple(mask.shape) for mask in masks] == [tuple(found.masks.shape)] * 3
    assert (masks[-1] - found.frames[-1].float() / 255).abs().max() <= 0.5 / 255 + 1e-6
    assert not masks[0].requires_grad
    assert told[-1].total == told[-1].done == found.origin["settings"]["steps"] == 3
