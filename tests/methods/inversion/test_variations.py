"""Sweeps, restarts and atoms."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import LayerError, XaiWidgetsError
from xai_widgets.methods.inversion.atoms import atoms_of
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.variations import Sweep, restarts, sweep


@pytest.fixture(scope="module")
def study(colours):
    return colours()


@pytest.fixture(scope="module")
def made(study):
    return GuidedFeatureInversion(study, background="mean", settings=GuidedSettings(steps=12))


def test_masks_get_smaller_as_their_area_weighs_more(made, study, shown):
    found = sweep(made, shown(study), 1, weights=(0.1, 4.0, 40.0))
    assert found.masks.shape == (3, 3, 28, 28)
    assert (found.area[0] > found.area[-1]).all()
    assert torch.allclose(found.masks[1], made.explain(shown(study), 1).masks, atol=1e-6)


def test_the_smallest_mask_that_keeps_enough():
    kept = torch.tensor([[0.99, 0.5], [0.95, 0.4], [0.2, 0.3]])
    area = torch.tensor([[0.5, 0.5], [0.3, 0.3], [0.1, 0.1]])
    found = Sweep(torch.ones(3), torch.zeros(3, 2, 4, 4), area, kept, kept, torch.ones(2))
    assert found.smallest().tolist() == [1, -1]
    assert found.smallest(0.1).tolist() == [2, 2]


def test_restarts_agree_where_there_is_nothing(made, study, shown, squares_of):
    found = restarts(made, shown(study), 0, count=3)
    masks = [made.altered(noise=1.0, seed=seed).explain(shown(study), 0).masks for seed in range(3)]
    assert torch.allclose(found.mean, torch.stack(masks).mean(0))
    assert torch.allclose(found.deviation, torch.stack(masks).std(0))
    assert found.mean[:, squares_of[0]].mean() > found.mean[:, ~squares_of[0]].mean()


def test_what_cannot_be_varied_is_refused(made, study, shown):
    for weights in ((), (5.0, 1.0), (-1.0, 2.0)):
        with pytest.raises(XaiWidgetsError, match=r"weights (are|is -1)"):
            sweep(made, shown(study), weights=weights)
    with pytest.raises(XaiWidgetsError, match=r"count is 1, but must lie in \[2, "):
        restarts(made, shown(study), count=1)
    with pytest.raises(XaiWidgetsError, match="PublishedSettings has no setting 'area'"):
        sweep(GuidedFeatureInversion.paper(study), shown(study))


def test_channels_that_are_active_together_are_one_atom(colours):
    class Doubled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.maps = torch.nn.Identity()
            self.scale = torch.nn.Parameter(torch.tensor(1.0))

        def forward(self, x):
            colour = torch.nn.functional.avg_pool2d((x - x.amin(1, keepdim=True)).relu(), 2)[:, :2]
            return self.scale * self.maps(torch.cat([colour, 3 * colour, 0 * colour[:, :1]], 1)).mean((2, 3))[:, :3]

    study = colours(Doubled())
    found = atoms_of(study, "maps", 2)
    assert found.labels.tolist() == [0, 1, 0, 1, 0]
    shares = found.shares(torch.tensor([[1.0, 0.0, 2.0, 1.0, 0.0]]))
    assert shares.tolist() == [[0.75, 0.25]]
    assert found.responses[0][:, 4:12, 2:10].mean() > 0.8
    assert found.responses[1][:, 14:22, 18:26].mean() > 0.8
    assert found.responses[0][:, 14:22, 18:26].mean() < 0.1
    assert found.gallery().html.count("<img ") == 2 * found.pictures.shape[1]
    with pytest.raises(XaiWidgetsError, match="4 active channels"):
        atoms_of(study, "maps", 5)
    with pytest.raises(XaiWidgetsError, match="has 5 channels"):
        found.shares(torch.ones(1, 3))
    with pytest.raises(LayerError):
        atoms_of(study, "nothing")
