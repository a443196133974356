"""SRAE is fitted, tried, and saved."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, CancelledError, XaiWidgetsError
from xai_widgets.methods.srae.report import Numbers
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress

PICTURES = torch.rand(3, 3, 16, 16)

# --- fitting -----------------------------------------------------------------------------------------------------


def same(one, other):
    assert one.classes == other.classes
    for basis, model in one._fitted.models.items():
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, other._fitted.models[basis].state_dict()[name]), (basis, name)


def test_a_fit_that_was_stopped_goes_on(fit_srae, new_study, tmp_path):
    whole = fit_srae(new_study(), "conv2", epochs=2)
    progress = Progress()
    progress._on_update = lambda at: progress.cancel() if at.task == "SRAE" and at.done >= 20 else None
    with pytest.raises(CancelledError):
        fit_srae(new_study(), "conv2", epochs=2, progress=progress, checkpoint=tmp_path)
    assert list(tmp_path.rglob("*.safetensors"))
    same(fit_srae(new_study(), "conv2", epochs=2, checkpoint=tmp_path), whole)
    assert not list(tmp_path.rglob("*"))


def test_a_fit_that_cannot_be_believed_warns(new_study):
    srae = SRAE(new_study(), "conv1", epochs=1, features=2)
    assert srae.problems == ()
    with pytest.warns(UserWarning, match="do not sum to the score"):
        srae.fit(progress=Progress())
    assert len(srae.verdict().splitlines()) == 4
    assert "class 0: NOT TO BE BELIEVED" in srae.verdict()
    assert srae.report(0).pictures == len(srae.study.test)
    assert math.isfinite(srae.report(0).srae.r2_all)


def test_a_second_fit_does_nothing(srae):
    network = srae._fitted.network
    assert srae.fit(progress=Progress()) is srae
    assert srae._fitted.network is network


@pytest.mark.parametrize("make", [SRAE, SRAE.paper])
def test_a_trial_is_a_short_fit_of_the_same_kind(new_study, make):
    srae = make(new_study(), "conv2", epochs=60, targets=[1, 3])
    explainer, growth, kept, batch = srae.trial()
    assert explainer.settings == replace(srae.settings, rounds=0, recipe=replace(srae.settings.recipe, epochs=1))
    assert explainer.requested_targets == (1, 3)
    assert growth == ((1, 1, 6, 6, 6, 6, 60) if srae.settings.paper else (1, 1, 60))
    assert batch == 1
    assert kept == 40 * (3 * 16 * 16 + 4 * 4 + 2 * 8 * 4 * 4)


@pytest.mark.parametrize("make", [SRAE, SRAE.paper])
def test_another_layer_is_fitted_in_the_same_way(new_study, make):
    srae = make(new_study(), "conv2", epochs=7, targets=[1], score="margin")
    for layer, view in {"conv1": srae.settings.view, "fc": "flat"}.items():
        other = srae.at(layer)
        assert other.settings == replace(srae.settings, layer=layer, view=view)
        assert other.requested_targets == (1,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 1}, "features is 1"),
        ({"pictures": 1}, "pictures is 1"),
        ({"view": "round"}, "view is 'round'"),
        ({"score": "probability"}, "score is 'probability'"),
        ({"targets": [0, 0]}, "targets must be different classes"),
        ({"targets": []}, "targets must be different classes"),
        ({"targets": [4]}, "4"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_wrong_settings(new_study, options, message):
    with pytest.raises(XaiWidgetsError, match=message):
        SRAE(new_study(), "conv2", **options)


def test_unknown_options(srae):
    with pytest.raises(XaiWidgetsError, match="basis is 'lda'"):
        srae.explain(PICTURES, 0, basis="lda")
    with pytest.raises(XaiWidgetsError, match="heatmap_method is 'magic'"):
        srae.explain(PICTURES, 0, heatmap_method="magic")


def test_failed_classes_are_fitted_again_with_other_weights(new_study, monkeypatch):
    from xai_widgets.methods.srae import fit

    rounds = []
    monkeypatch.setattr(Numbers, "lopsided", True)
    plain = fit.SraeFit.weights

    def weights(self, number):
        rounds.append(number)
        return plain(self, number)

    monkeypatch.setattr(fit.SraeFit, "weights", weights)
    srae = SRAE(new_study(), "conv2", epochs=1, features=3)
    with pytest.warns(UserWarning, match="x-features"):
        srae.fit(progress=Progress())
    assert rounds == [0, 1, 2]
    first, third = (plain(type("Fit", (), {"settings": srae.settings})(), number) for number in (0, 2))
    assert third == replace(first, pull=first.pull / 4, dominance=first.dominance * 4)


# --- saving ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [SRAE, SRAE.paper])
def test_names_reports_and_exemplars_come_back_from_a_file(fit_srae, new_study, tmp_path, make):
    study = new_study()
    saved = fit_srae(study, "conv2", make=make, epochs=1, targets=[2, 0], features=3, score="margin")
    saved.rename(2, 1, "corner")
    loaded = SRAE.load(saved.save(tmp_path / "srae"), study)
    assert loaded.settings == saved.settings
    assert loaded.names(2) == ("x-feature 1", "corner", "x-feature 3")
    assert loaded.seconds == saved.seconds
    assert repr(loaded.report(0)) == repr(saved.report(0))  # where nothing could be computed, too
    same(loaded, saved)
    assert loaded.explain(PICTURES, 2).map_offset == saved.explain(PICTURES, 2).map_offset
    for kind in ("top", "median", "zero"):
        assert torch.equal(loaded.exemplars(0, 1, kind)[0], saved.exemplars(0, 1, kind)[0])


def test_half_precision_is_smaller_and_almost_the_same(srae, tmp_path):
    whole, half = srae.save(tmp_path / "whole"), srae.save(tmp_path / "half", dtype=torch.float16)
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    ours, theirs = (one.contributions(PICTURES, 0) for one in (SRAE.load(half, srae.study), srae))
    assert torch.allclose(ours, theirs, atol=0.02 * float(theirs.abs().max()))


def test_a_damaged_description_is_refused(srae, tmp_path):
    tensors, details = artifact.load(srae.save(tmp_path / "srae"), "srae")
    for change in ({"placed": []}, {"view": "round"}, {"classes": [0]}, {"classes": [0, 1, 2, 9]}, {"reports": [{}]}):
        artifact.save(tmp_path / "less", "srae", tensors, details | change)
        with pytest.raises(ArtifactError, match="does not hold what its description says"):
            SRAE.load(tmp_path / "less", srae.study)
