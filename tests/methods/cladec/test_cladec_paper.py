"""The authors' preset: their recipe, one alpha, all units, and nothing held out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets.errors import LayerError, XaiWidgetsError
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress

PICTURES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def brief(made, epochs=1):
    """The paper preset with its 64 epochs cut short."""
    recipe = replace(made.settings.recipe, epochs=epochs)
    made.settings = replace(made.settings, recipe=recipe, reference_recipe=recipe)
    return made


@pytest.fixture(scope="module")
def paper(new_study):
    return brief(ClaDec.paper(new_study(), ["conv2", "fc"], alpha=0.25)).fit(progress=Progress())


def test_the_authors_recipe(new_study):
    settings = ClaDec.paper(new_study(), "fc").settings
    recipe = settings.recipe
    assert settings.reference_recipe == recipe
    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.weight_decay) == (64, 128, 3e-4, 1e-5)
    assert (recipe.optimizer, recipe.schedule, recipe.milestones, recipe.clip) == ("adam", "step", (29, 58), None)
    assert (settings.alpha, settings.reference) == (0.001, "scratch")
    assert settings.pictures >= 10**6


@pytest.mark.parametrize("layer", ["conv2", "fc"])
def test_the_paper_preset_explains(paper, layer):
    shown = paper.explain(PICTURES, layer)
    assert shown.alpha == 0.25
    assert shown.cladec.shape == shown.reference.shape == PICTURES.shape
    assert torch.equal(shown.deviation, torch.zeros(5, 16, 16))
    assert paper.report(layer).epochs == {"cladec": 1, "reference": 1}
    assert torch.equal(paper.explain(PICTURES, layer, alpha=0.25).cladec, shown.cladec)


def test_the_paper_preset_has_one_alpha_and_all_units(paper):
    with pytest.raises(XaiWidgetsError, match=r"alpha is 0.5, but the paper preset was fitted for 0.25 only"):
        paper.explain(PICTURES, alpha=0.5)
    with pytest.raises(LayerError, match="decodes all units only"):
        paper.explain(PICTURES, units=[0])
    with pytest.raises(LayerError, match="all units only"):
        paper.rank_units(PICTURES)


def test_the_paper_preset_is_saved(assert_same_bits, paper, tmp_path, assert_same_pictures):
    loaded = ClaDec.load(paper.save(tmp_path / "paper"), paper.study)
    assert loaded.settings == paper.settings
    assert_same_bits(loaded, paper)
    assert_same_pictures(loaded.explain(PICTURES), paper.explain(PICTURES))


@pytest.mark.parametrize("alpha", [-0.1, 5.0])
def test_the_paper_preset_s_alpha_has_bounds_from_the_beginning(new_study, alpha):
    with pytest.raises(XaiWidgetsError, match="must lie in"):
        ClaDec.paper(new_study(), "fc", alpha=alpha)
