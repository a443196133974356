"""What was fitted and named comes back from its file."""

from __future__ import annotations

import pytest
import torch

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError
from xai_widgets.methods.srae.srae import SRAE

PICTURES = torch.rand(3, 3, 16, 16)


@pytest.mark.parametrize("make", [SRAE, SRAE.paper])
def test_everything_comes_back(fit_srae, new_study, tmp_path, make):
    study = new_study()
    saved = fit_srae(study, "conv2", make=make, epochs=1, classes=[2, 0], features=3)
    saved.rename(2, 1, "corner")
    loaded = SRAE.load(saved.save(tmp_path / "srae"), study)
    assert loaded.settings == saved.settings
    assert loaded.classes == (2, 0)
    assert loaded.names(2) == ("x-feature 1", "corner", "x-feature 3")
    assert loaded.seconds == saved.seconds
    assert repr(loaded.report(0)) == repr(saved.report(0))  # where nothing could be computed, too
    for by in ("srae", "pca", "pls"):
        ours, theirs = loaded.explain(PICTURES, 2, by=by), saved.explain(PICTURES, 2, by=by)
        assert torch.equal(ours.maps, theirs.maps)
        assert ours.placed == theirs.placed
        factors = torch.tensor([0.0, 2.0, 1.0])
        assert torch.equal(loaded.intervene(PICTURES, 2, factors).real, saved.intervene(PICTURES, 2, factors).real)
    for kind in ("top", "median", "zero"):
        assert torch.equal(loaded.exemplars(0, 1, kind)[0], saved.exemplars(0, 1, kind)[0])


def test_half_precision_is_smaller_and_almost_the_same(srae, tmp_path):
    whole, half = srae.save(tmp_path / "whole"), srae.save(tmp_path / "half", dtype=torch.float16)
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    loaded = SRAE.load(half, srae.study)
    of = srae.classes[0]
    ours, theirs = loaded.explain(PICTURES, of), srae.explain(PICTURES, of)
    assert ours.maps.dtype == torch.float32
    assert torch.allclose(ours.contributions, theirs.contributions, atol=0.02 * float(theirs.contributions.abs().max()))
    assert loaded.exemplars(of, 0, "top")[0].shape == srae.exemplars(of, 0, "top")[0].shape


def test_loading_draws_no_random_numbers(srae, tmp_path):
    path = srae.save(tmp_path / "srae")
    before = torch.get_rng_state()
    SRAE.load(path, srae.study)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_model_is_refused(srae, new_study, net, tmp_path):
    path = srae.save(tmp_path / "srae")
    with pytest.raises(ArtifactError, match="made from another model"):
        SRAE.load(path, new_study(net(seed=1)))


@pytest.mark.parametrize("missing", ["srae/v", "pca/mean", "table/places"])
def test_a_file_that_lacks_something_is_refused(srae, tmp_path, missing):
    tensors, details = artifact.load(srae.save(tmp_path / "srae"), "srae")
    del tensors[missing]
    artifact.save(tmp_path / "less", "srae", tensors, details)
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        SRAE.load(tmp_path / "less", srae.study)


def test_a_description_that_is_damaged_is_refused(srae, tmp_path):
    tensors, details = artifact.load(srae.save(tmp_path / "srae"), "srae")
    for change in ({"placed": []}, {"view": "round"}, {"classes": [0]}, {"reports": [{}]}):
        artifact.save(tmp_path / "less", "srae", tensors, details | change)
        with pytest.raises(ArtifactError, match="does not hold what its description says"):
            SRAE.load(tmp_path / "less", srae.study)
