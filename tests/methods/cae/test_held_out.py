"""What a fit is judged by: pictures that it has not seen; and how long its map is trained."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cae import fit as module
from xai_widgets.methods.cae.fit import FitData
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.progress import Progress
from xai_widgets.study import Study


def read(study):
    return FitData.of(cached_pass(study, study.train, range(40), ["flat"], Progress()), "flat")


@pytest.mark.parametrize(("pictures", "epochs"), [(40, 1000), (64, 1000), (65, 500), (3000, 22), (10_000, 12)])
def test_the_map_takes_so_many_steps_at_least(monkeypatch, pictures, epochs):
    monkeypatch.setattr(module, "MAP_STEPS", 1000)
    assert module.map_epochs(pictures) == epochs


def test_held_out_pictures_say_whether_the_fit_worked(reader, squares):
    study = Study(reader(), squares(50))
    seen = read(study)
    held = seen.held_out(0, Progress())
    pictures = torch.stack([study.test[i][0] for i in study.draw(study.test, module.HELD_OUT, 0)])
    assert torch.allclose(held.cached.picture(slice(None)), pictures, atol=1 / 255)
    study = Study(reader(), squares(50), test=squares(1))
    alone = read(study)
    assert alone.held_out(0, Progress()) is alone


def test_a_fit_says_by_which_pictures_it_is_judged(fit, reader, squares):
    health = fit(Study(reader(), squares(50)), epochs=1).health
    assert health.unseen
    assert "tests on held-out pictures" in health.verdict()
    alone = fit(Study(reader(), squares(50), test=squares(1)), epochs=1).health
    assert not alone.unseen
    assert "held-out" not in alone.verdict()
