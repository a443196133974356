"""The measures are what they say, and the checks speak up exactly when they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from xai_widgets.methods.cladec import measures as cladec_measures
from xai_widgets.methods.cladec.explanation import LayerReport
from xai_widgets.methods.cladec.measures import TOLERANCE, depth_problems, own_problems, ridge_error
from xai_widgets.methods.common.codes import CachedPass, cached_pass
from xai_widgets.progress import Progress
from xai_widgets.study import Study

# --- the checks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"cladec": 0.1, "reference": 0.05, "ridge": 0.2}, []),
        ({"cladec": 0.1, "reference": 0.1, "ridge": 0.1}, []),
        ({"cladec": 0.1, "reference": 0.1029, "ridge": 0.0972}, []),  # within the tolerance
        ({"cladec": 0.1, "reference": 0.1031, "ridge": 0.2}, ["auto-encoder's error"]),
        ({"cladec": 0.1, "reference": 0.05, "ridge": 0.097}, ["linear decoder"]),
        ({"cladec": 0.1, "reference": 0.2, "ridge": 0.05}, ["auto-encoder's error", "linear decoder"]),
        ({"cladec": 0.1, "ridge": 0.2}, []),  # no reference
        ({"cladec": 0.1, "ridge": 0.05}, ["linear decoder"]),
        ({"cladec": 0.0, "reference": 0.0, "ridge": 0.0}, []),
    ],
)
def test_the_checks_of_one_layer(error, said):
    found = own_problems(error | {"mean": 1.0})
    assert len(found) == len(said)
    assert all(words in problem for words, problem in zip(said, found, strict=True))


def test_a_problem_says_the_numbers_and_what_to_do():
    worse, linear = own_problems({"cladec": 0.1234, "reference": 0.2, "ridge": 0.05})
    assert "(0.2) is above ClaDec's (0.123)" in worse
    assert "Use more epochs or reference='warm'" in worse
    assert "(0.05) beats ClaDec (0.123)" in linear


@pytest.mark.parametrize(
    ("layer", "later"),
    [("block1", None), ("block2", "block4"), ("block3", "block4"), ("block4", None), ("elsewhere", None)],
)
def test_the_depth_check(layer, later):
    errors = {"block1": 0.01, "block2": 0.03, "block3": 0.04, "block4": 0.02}
    found = depth_problems(layer, errors)
    assert len(found) == (later is not None)
    if later:
        assert f"The later layer {later} has a smaller error (0.02) than this one ({errors[layer]})" in found[0]


def test_the_depth_check_names_the_first_and_tolerates_little():
    assert "layer b has" in depth_problems("a", {"a": 0.03, "b": 0.02, "c": 0.01})[0]
    assert depth_problems("a", {"a": 1.0, "b": 1 - TOLERANCE}) == ()
    assert depth_problems("a", {"a": 1.0, "b": 0.999 - TOLERANCE}) != ()
    assert depth_problems("a", {"a": 1.0}) == ()


def test_an_explanation_repeats_the_checks_between_layers(fitted, monkeypatch):
    errors = {"conv2": 0.5, "fc": 0.1}
    for layer, made in ((name, fitted._fitted[name]) for name in fitted.layers):
        monkeypatch.setitem(made.report.error, "cladec", errors[layer])
    assert "The later layer fc has a smaller error (0.1) than this one (0.5)" in fitted.problems_at("conv2")[-1]
    assert not any("later layer" in problem for problem in fitted.problems_at("fc"))
    assert "later layer fc" in fitted.explain(torch.rand(1, 3, 16, 16), "conv2").verdict()


# --- the linear decoder ------------------------------------------------------------------------------------------


def passed(codes, pictures):
    """A pass of which everything is given."""
    count = len(codes)
    study = Study(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), [(pictures[0] / 255, 0)] * 2)
    return CachedPass(study, pictures, torch.zeros(count), torch.zeros(count, 3), {"x": codes.half()})


def random_pass(count, code, seed):
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randint(256, (count, 3, 2, 2), generator=generator, dtype=torch.uint8)
    mixing = torch.rand(12, int(np.prod(code)), generator=torch.Generator().manual_seed(9)) / 255
    codes = pictures.flatten(1).float() @ mixing + 0.2 * torch.rand(count, mixing.shape[1], generator=generator)
    return passed(codes.view(count, *code), pictures)


@pytest.mark.parametrize("code", [(5,), (40,), (2, 3, 2)])
@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_the_linear_decoder_is_the_closed_form(monkeypatch, code, penalty):
    """min over W of |X W - Y|^2 + a |W|^2, solved in its primal form."""
    monkeypatch.setattr(cladec_measures, "PENALTIES", (penalty,))
    seen, unseen = random_pass(30, code, 0), random_pass(11, code, 1)
    x, y = (seen.codes["x"].flatten(1).double().numpy(), seen.pictures.flatten(1).double().numpy() / 255)
    middle, centre = x.mean(0), y.mean(0)
    x, y = x - middle, y - centre
    a = penalty * (x**2).sum(1).mean()
    weights = np.linalg.solve(x.T @ x + a * np.eye(x.shape[1]), x.T @ y)
    guess = np.clip((unseen.codes["x"].flatten(1).double().numpy() - middle) @ weights + centre, 0, 1)
    expected = ((guess - unseen.pictures.flatten(1).double().numpy() / 255) ** 2).mean()
    assert ridge_error("x", seen, unseen) == pytest.approx(expected, rel=1e-3)


def test_the_penalty_is_chosen_among_several(monkeypatch):
    seen, unseen = random_pass(30, (20,), 0), random_pass(11, (20,), 1)
    free = ridge_error("x", seen, unseen)
    single = []
    for penalty in cladec_measures.PENALTIES:
        monkeypatch.setattr(cladec_measures, "PENALTIES", (penalty,))
        single.append(ridge_error("x", seen, unseen))
    assert free in single
    assert free < max(single)


def test_a_linear_code_is_decoded_perfectly_and_a_constant_one_as_the_mean():
    pictures = torch.randint(256, (60, 3, 2, 2), dtype=torch.uint8)
    seen, unseen = (passed(some.flatten(1) / 255, some) for some in (pictures[:50], pictures[50:]))
    assert ridge_error("x", seen, unseen) < 1e-4
    seen, unseen = (passed(torch.full((len(some), 7), 3.0), some) for some in (pictures[:50], pictures[50:]))
    mean = (pictures[:50].float().mean(0) - pictures[50:].float()).square().mean() / 255**2
    assert ridge_error("x", seen, unseen) == pytest.approx(float(mean), rel=1e-4)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_linear_decoder_of_very_few_pictures(count):
    seen = random_pass(count, (5,), 0)
    assert np.isfinite(ridge_error("x", seen, seen))


# --- the report --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["conv2", "fc"])
def test_the_report_is_what_can_be_computed_from_outside(fitted, layer):
    study, report = fitted.study, fitted.report(layer)
    pictures, _ = study.load(study.test, range(len(study.test)))
    shown = fitted.explain((pictures * 255).round() / 255, layer)
    assert report.pictures == 8
    for name in ("cladec", "reference"):
        error = (getattr(shown, name) - shown.original).square().mean()
        assert report.error[name] == pytest.approx(float(error), rel=1e-3)
    assert report.error["mean"] == pytest.approx(float((shown.mean_picture - shown.original).square().mean()), rel=1e-4)
    wanted, got = shown.predictions["original"], shown.predictions["cladec"]
    assert report.agreement == pytest.approx(float((wanted.argmax(1) == got.argmax(1)).float().mean()))
    assert report.divergence == pytest.approx(float((wanted * (wanted / got).log()).sum(1).mean()), abs=1e-5)
    code, again = (study.activations(some, layer) for some in (shown.original, shown.cladec))
    assert report.cycle_error == pytest.approx(float((again - code).norm() / code.norm()), rel=1e-2)
    assert report.epochs == {"cladec": 2, "reference": 2}
    assert report.reference == "scratch"
    assert report.seconds > 0
    assert set(report.kept) == {"cladec", "reference"}


def test_the_ridge_of_a_report(fitted):
    study = fitted.study
    seen = cached_pass(study, study.train, study.draw(study.train, 3000), ["fc"], Progress())
    unseen = cached_pass(study, study.test, range(8), ["fc"], Progress())
    assert fitted.report("fc").error["ridge"] == pytest.approx(ridge_error("fc", seen, unseen))


def report(kept, error=None):
    error = error or {"cladec": 0.02, "reference": 0.01, "ridge": 0.03, "mean": 0.04}
    return LayerReport(100, error, kept, 0.5, 0.1, 0.2, "scratch", (), {}, 1.0)


def test_shares_are_of_what_the_auto_encoder_keeps():
    kept = {
        "cladec": {"colour": 0.1, "shape": 0.8, "texture": -0.5, "position": 0.9},
        "reference": {"colour": 0.8, "shape": 0.8, "texture": 0.5, "position": 0.5},
    }
    shares = report(kept).shares()
    assert shares == pytest.approx({"colour": 0.125, "shape": 1, "texture": 0, "position": 1})
    said = report(kept).sentence()
    assert said == "This layer keeps shape (100%) and position (100%) and loses most of colour (12%) and texture (0%)."


def test_shares_without_a_reference_and_without_anything_kept():
    assert report({"cladec": {"shape": 0.25}}).shares() == {"shape": 0.25}
    assert report({"cladec": {"shape": 0.25}}).sentence() == "This layer loses most of shape (25%)."
    assert report({"cladec": {"shape": 0.9}}).sentence() == "This layer keeps shape (90%)."
    assert report({"cladec": {"shape": 0.0}, "reference": {"shape": -3.0}}).shares() == {"shape": 0.0}
    assert len(report({"cladec": {}, "reference": {}}).sentence().split()) > 3
