"""The published model, as published."""

from __future__ import annotations

import torch

from xai_widgets.methods.srae.paper import WEIGHTS, PaperFit
from xai_widgets.methods.srae.report import Numbers
from xai_widgets.methods.srae.settings import Weights
from xai_widgets.methods.srae.srae import SRAE


def test_units_and_numbers(fit_srae, new_study):
    srae = fit_srae(new_study(), make=SRAE.paper, epochs=1, features=5)
    network = srae._fitted.network
    assert [tuple(layer.weight.shape[1:]) for layer in network.ways_in] == [(8, 800), (800, 100), (100, 5)]
    assert [tuple(layer.weight.shape[1:]) for layer in network.ways_out] == [(5, 100), (100, 800), (800, 8)]
    assert network.shortcut is None
    assert network.slope == 0
    assert (float(network.scale), network.spread.unique().tolist()) == (1, [1])
    recipe = SRAE.paper(new_study()).settings.recipe
    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.optimizer) == (130, 50, 1e-3, "adam")
    assert recipe.milestones == (40, 80, 120)


def test_the_published_weights():
    assert WEIGHTS["images"] == Weights(0.0, 10.0, 100.0, 10.0, "images", 0.0)
    assert WEIGHTS["features"] == Weights(0.0, 15.0, 100.0, 5.0, "features", 0.0)


def test_x_features_of_a_pooled_layer(fit_srae, new_study):
    srae = fit_srae(new_study(), "conv2", make=SRAE.paper, epochs=1)
    assert srae.settings.view == "pooled"
    explanation = srae.explain(torch.rand(2, 3, 16, 16), 0)
    assert explanation.heatmap_method == "gradient"
    assert torch.allclose(explanation.rebuilt + explanation.unexplained, explanation.score, atol=1e-5)


def numbers(alive, second_first):
    return Numbers(r2_all=0.0, r2_positive=0.0, alive=alive, second_first=second_first, n90=1.0)


def test_the_retry_rule(new_study):
    class Rule(PaperFit):
        def __init__(self, settings):
            self.settings = settings

    rule = Rule(SRAE.paper(new_study()).settings)
    assert [numbers(*case).lopsided for case in ((2, 0.3), (2, 0.29), (1, 1.0))] == [False, True, True]
    assert (rule.weights(0).reconstruction, rule.weights(0).pull) == (10, 10)
    assert (rule.weights(2).reconstruction, rule.weights(2).pull) == (10 * 1.2**2, 10 * 0.8**2)
    assert rule.merit(numbers(3, 0.5)) > rule.merit(numbers(1, 0.9))
    assert rule.settings.rounds == 5
