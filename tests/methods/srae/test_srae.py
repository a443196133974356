"""SRAE from end to end: sums are exact, on any layer of any model."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.explanation import NOT_EXPLAINED, spoken
from xai_widgets.recipe import Recipe
from xai_widgets.training import train

PICTURES = torch.rand(3, 3, 16, 16)


def assert_sums(explanation):
    """Maps sum to contributions, contributions and bias to the sum, and what is left to the score."""
    assert torch.allclose(explanation.contributions.sum(1) + explanation.bias, explanation.rebuilt, atol=1e-5)
    assert torch.allclose(explanation.rebuilt + explanation.unexplained, explanation.score, atol=1e-5)
    if explanation.heatmap_method == "spatial":
        assert torch.allclose(explanation.maps.sum((2, 3)), explanation.contributions, atol=1e-5)


# --- explaining --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("basis", ["srae", "pca", "pls", "random"])
@pytest.mark.parametrize("method", ["spatial", "gradient", "occlusion"])
def test_the_sum_is_exact(srae, basis, method):
    explanation = srae.explain(PICTURES, 1, basis=basis, heatmap_method=method)
    assert_sums(explanation)
    assert torch.allclose(explanation.score, srae.study.logits(PICTURES)[:, 1])
    assert explanation.contributions.shape == (3, 4)
    assert explanation.heatmaps().shape == (3, 4, 16, 16)
    assert torch.equal(explanation.contributions, srae.contributions(PICTURES, 1, basis=basis))


def test_steps_lead_from_the_bias_to_the_score(srae):
    explanation = srae.explain(PICTURES, 2)
    for row in range(3):
        bias, *steps, score = explanation.steps(row)
        assert (bias.start, bias.stop, bias.kind) == (0, explanation.bias, "total")
        assert all(one.stop == other.start for one, other in pairwise([bias, *steps]))
        assert (steps[-1].name, steps[-1].kind) == (NOT_EXPLAINED, "rest")
        assert steps[-1].stop == score.stop == float(explanation.score[row])
        amounts = [step.amount for step in steps[:-1]]
        assert amounts == sorted(amounts, reverse=True)
        assert [s.feature for s in steps if s.significant] == explanation.order(row)[: int(explanation.n90[row])]
        assert [step.feature for step in explanation.steps(row, [3, 0])[1:3]] == [3, 0]
        assert spoken(steps).endswith(f"not explained {steps[-1].text}.")


def test_two_pictures_are_compared(srae):
    explanation = srae.explain(PICTURES, 2)
    found = explanation.compare(0, explanation, 2)
    assert float(found.contributions.sum()) + found.unexplained == pytest.approx(found.score, abs=1e-5)
    assert "Not explained" in found.sentence()
    with pytest.raises(XaiWidgetsError, match="only sums of the same x-features"):
        explanation.compare(0, srae.explain(PICTURES, 1), 0)


def test_words_and_pictures(srae):
    explanation = srae.explain(PICTURES, 2)
    assert "The sum explains" in explanation.verdict()
    assert "NOT TO BE BELIEVED" in explanation.verdict()
    assert all(explanation.sentence(row).startswith("The logit of class 2 is") for row in range(3))
    assert explanation.figure()._repr_png_()[:4] == b"\x89PNG"
    assert explanation.gallery().html.count("<img ") == 3 * (1 + int(explanation.alive.sum() or 4))


def test_by_default_the_prediction_for_the_first_picture_is_explained(srae):
    assert srae.explain(PICTURES).class_index == int(srae.study.logits(PICTURES)[0].argmax())


def test_the_default_names_and_the_users(fit_srae, new_study):
    srae = fit_srae(new_study(class_names=["a", "b", "c", "d"]), "conv2", epochs=1)
    assert srae.names("b")[0] == "x-feature 1"
    srae.rename("b", 2, " <red> beak ")
    assert srae.explain(PICTURES, "b").names[2] == srae.names(1)[2] == "<red> beak"
    assert srae.names("a")[2] == "x-feature 3"
    srae.rename("b", 2, "")
    assert srae.names("b")[2] == "x-feature 3"
    with pytest.raises(XaiWidgetsError, match="x-features are numbered 0 to 3; there is no 4"):
        srae.rename("b", 4, "beak")


def test_exemplars(srae):
    for own in (False, True):
        top, values = srae.exemplars(0, 1, "top", count=5, own=own)
        assert len(top) == len(values) <= 5
        assert values.abs().tolist() == sorted(values.abs().tolist(), reverse=True)
    pictures, _ = srae.study.load(srae.study.train, top.tolist())
    assert torch.allclose(srae.contributions(pictures, 0)[:, 1], values, atol=1e-4)
    zero = srae.exemplars(0, 1, "zero")[1].abs().max()
    assert zero <= srae.exemplars(0, 1, "median")[1].abs().max() <= srae.exemplars(0, 1, "top")[1].abs().max()
    with pytest.raises(XaiWidgetsError, match="kind is 'best'"):
        srae.exemplars(0, 1, "best")


# --- whatever the model and the layer ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "view", "method"),
    [
        ("conv1", None, "spatial"),
        ("conv2", "pooled", "gradient"),
        ("pool", "flat", "gradient"),
        ("fc", None, "gradient"),
        (None, None, "spatial"),
    ],
)
def test_every_layer(fit_srae, new_study, layer, view, method):
    explanation = fit_srae(new_study(), layer, view=view, epochs=1).explain(PICTURES, 0)
    assert explanation.heatmap_method == method
    assert_sums(explanation)


def test_grey_pictures_of_odd_sides(fit_srae, new_study, net, squares):
    study = new_study(net(channels=1), squares(shape=(1, 33, 47)))
    explanation = fit_srae(study, epochs=1).explain(torch.rand(2, 1, 33, 47), 3)
    assert_sums(explanation)
    assert explanation.heatmaps().shape == (2, 4, 33, 47)


def test_a_network_without_positions(fit_srae, new_study):
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
    explanation = fit_srae(new_study(flat), epochs=1).explain(PICTURES)
    assert explanation.heatmap_method == "occlusion"
    assert_sums(explanation)


def test_tokens(fit_srae, new_study):
    class Tokens(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cut, self.mix, self.logits = torch.nn.Conv2d(3, 6, 4, 4), torch.nn.Linear(6, 6), torch.nn.Linear(6, 4)

        def forward(self, x):
            tokens = self.cut(x).flatten(2).transpose(1, 2)
            tokens = self.mix(torch.cat([tokens.mean(1, keepdim=True), tokens], dim=1))
            return self.logits(tokens[:, 0])

    srae = fit_srae(new_study(Tokens()), epochs=1)
    assert srae.settings.layer == "cut"  # of the last tokens only the first is read, which has no place
    explanation = srae.explain(PICTURES, 0)
    assert explanation.maps.shape == (3, 4, 4, 4)
    assert_sums(explanation)
    changes = srae.intervene(PICTURES, 0, torch.full((4,), 2.0)).real_change
    assert torch.isfinite(changes).all()


def test_the_margin(fit_srae, new_study):
    explanation = fit_srae(new_study(), score="margin", epochs=1).explain(PICTURES, 1)
    logits = explanation.probabilities.log()
    assert torch.allclose(explanation.score, logits[:, 1] - logits[:, [0, 2, 3]].amax(1), atol=1e-4)
    assert explanation.sentence(0).startswith("The margin of")


def test_some_classes(fit_srae, new_study):
    srae = fit_srae(new_study(), targets=[3, "class 1"], epochs=1)
    assert srae.classes == (3, 1)
    assert srae.explain(PICTURES).class_index in {1, 3}
    assert srae.explain(PICTURES, 3).class_index == 3
    with pytest.raises(
        XaiWidgetsError, match=r"'class 0' is not explained; the explained classes are \['class 3', 'class 1'\]"
    ):
        srae.explain(PICTURES, 0)


def test_of_many_classes_those_predicted_are_explained(fit_srae, new_study, net):
    study = new_study(net(classes=40))
    seen = study.logits(torch.stack([study.train[i][0] for i in range(len(study.train))])).argmax(1)
    srae = fit_srae(study, epochs=1)
    assert set(srae.classes) <= set(seen.tolist())
    assert len(srae.classes) == min(12, len(seen.unique()))


# --- a fit that means something ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnt(fit_srae, new_study, squares):
    """A network that knows the squares, and its x-features."""
    study = new_study(pictures=squares(200))
    pictures, labels = study.load(study.train, range(len(study.train)))

    def loss(step):
        return torch.nn.functional.cross_entropy(study.model(pictures[step.indices]), labels[step.indices])

    train(study.model, loss, len(pictures), Recipe(epochs=30, batch_size=32))
    return fit_srae(study, "conv2", view="flat", epochs=24, features=5)


def test_x_features_add_up_to_what_a_trained_network_says(learnt):
    assert learnt.problems == ()
    for k in range(4):
        ours = learnt.report(k).srae
        assert ours.r2_all > 0.95
        assert ours.alive >= 2
        assert ours.second_first >= 0.3


def test_the_first_x_feature_is_the_strongest(learnt):
    pictures, _ = learnt.study.load(learnt.study.train, range(60))
    seen = learnt.study.predict(pictures).argmax(1)
    for k in range(4):
        means = learnt.contributions(pictures[seen == k], k).mean(0)
        assert int(means.argmax()) in {0, 1}
