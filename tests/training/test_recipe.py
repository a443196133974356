"""The numbers of a training, and what follows from them alone."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch
from torch import nn

from xai_widgets import recipe as recipes
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.recipe import Recipe


@pytest.mark.parametrize("warm_up", [0.3, 0.1])
def test_one_cycle_rises_to_the_peak_and_falls(warm_up):
    recipe = Recipe(epochs=10, lr=2.0, warm_up=warm_up)
    rates = [recipes.learning_rate(recipe, number, 101) for number in range(1010)]
    peak = rates.index(max(rates))
    assert rates[0] == pytest.approx(2.0 * recipes.FIRST_LR)
    assert max(rates) == pytest.approx(2.0, rel=1e-5)
    assert peak == pytest.approx(warm_up * 1009, abs=1)
    assert rates[-1] == pytest.approx(2.0 * recipes.LAST_LR)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize(("epochs", "rates"), [(1, [1.0]), (2, [recipes.FIRST_LR, recipes.LAST_LR])])
def test_one_cycle_of_very_few_steps(epochs, rates):
    recipe = Recipe(epochs=epochs, lr=1.0)
    assert [recipes.learning_rate(recipe, n, 1) for n in range(epochs)] == pytest.approx(rates)


def test_the_step_is_the_recipe_s():
    recipe = Recipe(epochs=4, lr=1.0, schedule="step", milestones=(1, 3), step_decay=0.5)
    assert [recipes.learning_rate(recipe, number, 1) for number in range(4)] == pytest.approx([1.0, 0.5, 0.5, 0.25])


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_the_betas_are_the_recipe_s(optimizer):
    parameters = [nn.Parameter(torch.zeros(1))]
    made = recipes.new_optimizer(parameters, Recipe(epochs=1, optimizer=optimizer, betas=(0.5, 0.99)))
    assert [group["betas"] for group in made.param_groups] == [(0.5, 0.99)]
    assert recipes.new_optimizer(parameters, Recipe(epochs=1)).defaults["betas"] == (0.9, 0.999)


def test_a_recipe_survives_json():
    for recipe in (Recipe(epochs=3), Recipe(epochs=9, milestones=(2, 5), betas=(0.5, 0.9), clip=None, patience=None)):
        assert Recipe.restored(json.loads(json.dumps(asdict(recipe)))) == recipe
    with pytest.raises(TypeError):
        Recipe.restored({"epochs": 3, "speed": 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1, "batch_size": 0},
        {"epochs": 1, "optimizer": "sgd"},
        {"epochs": 1, "schedule": "x"},
        {"epochs": 1, "warm_up": 1.1},
    ],
)
def test_wrong_recipes(wrong):
    name, value = list(wrong.items())[-1]
    with pytest.raises(XaiWidgetsError, match=f"{name} is {value!r}"):
        Recipe(**wrong)
