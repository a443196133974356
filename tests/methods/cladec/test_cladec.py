"""ClaDec decodes what a layer holds, and nothing else; the answers are known by construction."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress

PICTURES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def net_of(*modules, classes=4):
    """Named "0", "1", ..., and a head that any classifier has."""
    model = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(classes))
    with torch.no_grad():
        model(torch.zeros(2, 3, 16, 16))
    return model


class Constant(nn.Module):
    def forward(self, x):
        return 0 * x + 3


# --- what is known by construction -------------------------------------------------------------------------------


def test_the_identity_is_decoded_almost_perfectly(fit, new_study, squares):
    study = new_study(net_of(nn.Identity()), squares(120))
    error = fit(study, "0", epochs=40, width=8, reference=None).report().error
    assert error["cladec"] < 0.1 * error["mean"]


def test_a_constant_is_decoded_as_the_mean_picture(fit, new_study, squares):
    study = new_study(net_of(nn.Conv2d(3, 4, 3, stride=4), Constant()), squares(120))
    made = fit(study, "1", epochs=12, width=4, reference=None)
    error = made.report().error
    assert error["cladec"] == pytest.approx(error["mean"], rel=0.05)
    assert error["ridge"] == pytest.approx(error["mean"], rel=0.01)
    shown = made.explain(PICTURES)
    assert torch.allclose(shown.cladec, shown.cladec[:1].expand_as(shown.cladec), atol=1e-6)
    assert (shown.cladec - shown.mean_picture).abs().mean() < 0.05


@pytest.mark.parametrize("layer", ["conv2", "fc"])
def test_a_warm_reference_is_no_worse_than_cladec(fit, new_study, squares, layer):
    made = fit(new_study(pictures=squares(120)), layer, epochs=18, reference="warm")
    error = made.report().error
    assert error["reference"] <= error["cladec"] * 1.03
    assert not [problem for problem in made.problems_at() if "auto-encoder" in problem]


@pytest.mark.parametrize("lr", [1e-9, 1.0])
def test_a_warm_reference_starts_where_cladec_ended_and_never_gets_worse(new_study, squares, net, lr):
    model = net()
    model.norm = nn.Identity()  # its statistics would change even without training
    made = ClaDec(new_study(model, squares(120)), "conv2", epochs=6, width=4, reference="warm")
    brief = replace(made.settings.reference_recipe, lr=lr, epochs=1)
    made.settings = replace(made.settings, reference_recipe=brief)
    error = made.fit(progress=Progress()).report().error
    assert error["cladec"] < 0.5 * error["mean"]
    if lr == 1.0:  # rash
        assert error["reference"] <= error["cladec"] * 1.03
    else:
        assert error["reference"] == pytest.approx(error["cladec"], rel=0.2)


class Mean(nn.Module):
    """The mean colour of a picture says nothing of places, and the brightness of each column nothing of colours."""

    def __init__(self, dimensions):
        super().__init__()
        self.dimensions = dimensions

    def forward(self, pictures):
        return pictures.mean(self.dimensions)


def test_what_is_decoded_follows_what_the_layer_knows(fit, new_study, squares):
    """The control of two tasks on the same pictures, with layers of which it is certain what they know."""
    pictures, kept = squares(240), {}
    pictures.pictures = 0.6 * pictures.pictures + 0.4 * torch.rand(240, 3, 1, 1)
    for knows, dimensions, width in (("colours", (2, 3), 3), ("columns", (1, 2), 16)):
        study = new_study(nn.Sequential(Mean(dimensions), nn.Linear(width, 4)), pictures)
        kept[knows] = fit(study, "0", epochs=25, width=8, reference=None).report().kept["cladec"]
    assert kept["colours"]["colour"] > 0.7
    assert kept["columns"]["colour"] < 0.2
    assert kept["columns"]["shape"] > 0.7
    assert kept["colours"]["shape"] < 0.2


# --- subsets of units --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def identity(fit, new_study, squares):
    """Fitted at a layer whose units are the colours of the picture, and at a vector."""
    study = new_study(net_of(nn.Identity()), squares(120))
    return fit(study, "0", epochs=8)


def test_hidden_units_have_no_influence(identity):
    other = PICTURES.clone()
    other[:, 1] = 1 - other[:, 1]
    shown, changed = (identity.explain(pictures, units=[0, 2]) for pictures in (PICTURES, other))
    assert torch.equal(shown.cladec, changed.cladec)
    assert torch.equal(shown.reference, changed.reference)
    whole, changed = (identity.explain(pictures) for pictures in (PICTURES, other))
    assert not torch.allclose(whole.cladec, changed.cladec, atol=1e-3)


@pytest.mark.parametrize("layer", ["conv2", "fc"])
def test_hidden_units_have_no_influence_on_any_decoder(fitted, layer):
    made = fitted._fitted[layer]
    code, shown = torch.randn(3, *made.code), torch.ones(3, made.code[0])
    shown[:, ::2] = 0
    other = code.clone()
    other[:, ::2] = 100.0
    first, second = (made.cladec(one, shown, torch.zeros(3)) for one in (code, other))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_without_any_unit_every_picture_is_the_mean_picture(identity):
    shown = identity.explain(PICTURES, units=[])
    assert torch.equal(shown.cladec, shown.cladec[:1].expand_as(shown.cladec))
    test = identity.study.load(identity.study.test, range(20))[0]
    error = (shown.cladec[:1] - test).square().mean()
    assert error < 1.25 * identity.report().error["mean"]


def test_the_units_are_told(fitted):
    assert fitted.explain(PICTURES, "fc", units=[3, 1]).units == (3, 1)
    assert fitted.explain(PICTURES, "fc").units is None
    both = fitted.explain(PICTURES, "fc", units=range(12))
    assert torch.equal(both.cladec, fitted.explain(PICTURES, "fc").cladec)


@pytest.mark.parametrize("units", [[12], [0, -1], [3, 500]])
def test_units_that_are_not_there(fitted, units):
    with pytest.raises(LayerError, match=r"layer 'fc' has units 0 to 11, but not \["):
        fitted.explain(PICTURES, "fc", units=units)


def test_units_are_ranked_by_what_they_change(fitted, new_study):
    for layer, count in (("conv2", 8), ("fc", 12)):
        ranked = fitted.rank_units(PICTURES, layer)
        assert sorted(ranked.tolist()) == list(range(count))
    whole = fitted.explain(PICTURES, "conv2").cladec
    effect = [
        (fitted.explain(PICTURES, "conv2", units=[u for u in range(8) if u != hidden]).cladec - whole).square().mean()
        for hidden in fitted.rank_units(PICTURES, "conv2").tolist()
    ]
    assert effect == sorted(effect, reverse=True)


# --- alpha -------------------------------------------------------------------------------------------------------


def test_alpha_makes_the_classifier_agree(fit, new_study, squares, sure):
    """The more of the loss is the classifier's, the nearer are its beliefs on the reconstruction."""
    study = new_study(sure, squares(120))
    test = study.load(study.test, range(20))[0]
    made, divergence = fit(study, "fc", epochs=12, width=8, reference=None), {}
    for alpha in (0.0, 0.9):
        shown = made.explain(test, alpha=alpha)
        wanted, got = shown.predictions["original"], shown.predictions["cladec"]
        divergence[alpha] = float((wanted * (wanted / got).log()).sum(1).mean())
    assert divergence[0.9] < divergence[0.0]


@pytest.mark.parametrize("alpha", [-0.01, 1.01, float("nan")])
def test_settings_that_there_are_not(fitted, alpha):
    with pytest.raises(XaiWidgetsError, match=rf"alpha is {alpha}, but must lie in \[0, 1\]"):
        fitted.explain(PICTURES, alpha=alpha)
    with pytest.raises(XaiWidgetsError, match="wram"):
        ClaDec(fitted.study, "fc", reference="wram")


# --- explanations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["conv2", "fc"])
def test_an_explanation_is_whole(fitted, layer):
    shown = fitted.explain(PICTURES, layer)
    assert torch.equal(shown.original, PICTURES)
    assert shown.cladec.shape == shown.reference.shape == shown.difference.shape == (5, 3, 16, 16)
    assert shown.mean_picture.shape == (3, 16, 16)
    assert shown.deviation.shape == shown.bits_kept.shape == shown.bits_lost.shape == (5, 16, 16)
    assert (shown.deviation > 0).all()
    assert set(shown.predictions) == {"original", "cladec", "reference"}
    for probability in shown.predictions.values():
        assert torch.allclose(probability.sum(1), torch.ones(5))
    assert (shown.layer, shown.alpha, shown.class_names) == (layer, 0.0, fitted.study.class_names)
    assert shown.report == fitted.report(layer)
    assert shown.problems == fitted.problems_at(layer)
    assert shown.origin["model"] == fitted.study.fingerprint
    assert shown.origin["explained_in_seconds"] > 0
    assert torch.allclose(shown.predictions["cladec"], fitted.study.predict(shown.cladec))


def test_one_picture_and_batches_are_explained_alike(assert_same_pictures, new_study, fitted, tmp_path):
    whole = fitted.explain(PICTURES)
    alone = fitted.explain(PICTURES[2])
    assert torch.allclose(alone.cladec, whole.cladec[2:3], atol=1e-6)
    in_parts = ClaDec.load(fitted.save(tmp_path / "x"), new_study(batch_size=2)).explain(PICTURES)
    assert_same_pictures(in_parts, whole, atol=1e-6)


def test_without_a_reference(fit, new_study, tmp_path):
    made = fit(new_study(), "fc", reference=None)
    shown = made.explain(PICTURES)
    assert shown.reference is None
    assert set(shown.predictions) == {"original", "cladec"}
    assert torch.equal(shown.difference, shown.cladec - shown.original)
    assert set(made.report().error) == {"cladec", "ridge", "mean"}
    assert made.report().reference == "none"
    assert "auto-encoder" not in shown.verdict()
    assert made.report().epochs == {"cladec": 1}
    assert ClaDec.load(made.save(tmp_path / "x"), made.study).explain(PICTURES).reference is None


def test_before_it_is_fitted(new_study):
    made = ClaDec(new_study(), ["conv1", "conv2"])
    assert made.layers == ()
    for ask in (made.explain, made.rank_units, made.neighbours):
        with pytest.raises(NotFittedError, match=r"layer 'conv1' is not fitted yet; call fit\('conv1'\). Fitted: \[\]"):
            ask(PICTURES)
    for ask in (made.report, made.problems_at):
        with pytest.raises(NotFittedError):
            ask("conv2")


def test_layers_that_are_not_there(new_study, fitted):
    for wrong in (
        lambda: ClaDec(new_study(), "conv9"),
        lambda: ClaDec(new_study(), ["conv1", "conv9"]),
        lambda: fitted.fit("conv9", progress=Progress()),
        lambda: fitted.explain(PICTURES, "conv9"),
        lambda: fitted.neighbours(PICTURES, "conv9"),
    ):
        with pytest.raises(LayerError, match="no layer is named 'conv9'; closest: 'conv"):
            wrong()
    assert fitted.layers == ("conv2", "fc")


def test_a_training_picture_is_its_own_neighbour(fitted):
    places = [5, 0, 31]
    pictures, _ = fitted.study.load(fitted.study.train, places)
    for layer in fitted.layers:
        found = fitted.neighbours(pictures, layer, count=4)
        assert found.shape == (3, 4)
        assert found[:, 0].tolist() == places
        assert all(len(set(row)) == 4 for row in found.tolist())
    among = fitted.study.draw(fitted.study.train, 10, fitted.settings.recipe.seed)
    assert sorted(fitted.neighbours(pictures[2], count=10, among=10)[0].tolist()) == sorted(among)


def test_a_verdict_says_what_it_was_measured_with(fitted):
    pictures, _ = fitted.study.load(fitted.study.test, [0])
    clause = "Measured at the default settings"
    assert clause not in fitted.explain(pictures).verdict()
    assert clause in fitted.explain(pictures, units=[0]).verdict()
    assert clause in fitted.explain(pictures, alpha=0.5).verdict()
