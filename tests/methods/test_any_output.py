"""Every method on classifiers whose output or type is not the usual one, and in every mode of torch."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from xai_widgets.errors import LayerError, XaiWidgetsError
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.study import Study


class Then(nn.Module):
    """A network, and a function of its logits; the network's layers keep their names."""

    def __init__(self, network, change):
        super().__init__()
        for name, module in network.named_children():
            setattr(self, name, module)
        self.network, self.change = [network], change

    def forward(self, pictures):
        return self.change(self.network[0].train(self.training)(pictures))


def masked(logits):
    return torch.cat([logits[:, :3], torch.full_like(logits[:, :1], -torch.inf)], 1)


MODELS = {
    "multi-label": (lambda net: net, {"scores": "sigmoid"}),
    "one logit": (lambda net: Then(net, lambda logits: 5 * (logits[:, :1] - logits[:, 1:2])), {"class_names": ["cat"]}),
    "a masked class": (lambda net: Then(net, masked), {}),
    "half": (lambda net: net.half(), {}),
    "bfloat16": (lambda net: net.bfloat16(), {}),
    "float64": (lambda net: net.double(), {}),
}


@pytest.fixture(scope="module")
def balanced(net, squares):
    """Makes a network that sees every class in some of the pictures, and its study."""

    def balanced(change=lambda net: net, **options):
        pictures, network = squares(), net().eval()
        with torch.no_grad():
            found = network(pictures.pictures)
            network.logits.weight /= found.std()
            network.logits.bias -= network.logits.bias
            network.logits.bias -= network(pictures.pictures).mean(0)
        model = change(network.eval())
        study = Study(model, pictures, **options)
        pictures.labels = study.predict(pictures.pictures).argmax(1)
        return study

    return balanced


@pytest.mark.parametrize("kind", MODELS)
def test_every_method_explains_every_kind_of_output(kind, balanced, make, fit_quietly, explain, tmp_path):
    change, options = MODELS[kind]
    study = balanced(change, **options)
    explainer = fit_quietly(make(study))
    picture, _ = study.load(study.test, [0])
    if isinstance(explainer, VisualSummaries):
        found = explainer.masks.find(picture)
        asked = study.scores.probabilities(study.logits(picture))[0, found.class_index[0]]
        assert float(found.before[0]) == pytest.approx(float(asked), abs=1e-5)
    else:
        found = explain(explainer, picture)
    assert found is not None
    assert type(explainer).load(explainer.save(tmp_path / "saved"), study).verdict() == explainer.verdict()


# --- modes of torch ------------------------------------------------------------------------------------------------


@contextmanager
def double():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def usual(readable, make, fit_quietly, explain):
    """An explainer that is fitted without any mode, and what it says of a picture."""
    explainer = fit_quietly(make(readable()))
    return explainer, explain(explainer, explainer.study.test[0][0])


@pytest.mark.parametrize("mode", [double, torch.inference_mode])
def test_every_method_works_in_every_mode_as_without(mode, usual, readable, make, fit_quietly, explain):
    study = readable()
    with mode():
        explainer = fit_quietly(make(study))
        # A copy: what is made in inference mode is of no use to gradients.
        same(explain(explainer, study.test[0][0].clone()), usual[1])
    for name, tensor in usual[0]._tensors(torch.float32).items():
        assert torch.equal(tensor, explainer._tensors(torch.float32)[name]), name


def same(one, other):
    """Whether all tensors of two results are equal."""
    for name, value in vars(one).items():
        if isinstance(value, torch.Tensor):
            assert value.dtype == vars(other)[name].dtype, name
            assert torch.equal(value, vars(other)[name]) or not torch.isfinite(value).all(), name


@pytest.mark.parametrize("mode", [double, torch.inference_mode])
def test_a_model_and_pictures_that_are_made_in_the_mode(mode, balanced, make, fit_quietly, explain):
    with mode():
        study = balanced(lambda net: net.double() if mode is double else net)
        explain(fit_quietly(make(study)), torch.rand(1, 3, 16, 16))


# --- no gradients --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated", "ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("kind", ["no_grad", "quantised"])
def test_without_gradients_a_method_works_or_says_why_not(kind, balanced, make, fit_quietly, explain):
    def change(network):
        if kind == "no_grad":
            network.register_forward_pre_hook(lambda module, given: given[0].detach())
            return network
        return torch.ao.quantization.quantize_dynamic(network.eval(), {nn.Linear}, dtype=torch.qint8)

    study = balanced(change)
    try:
        explain(fit_quietly(make(study)), study.test[0][0])
    except XaiWidgetsError as error:
        assert "gradients" in str(error)  # noqa: PT017 - it need not be raised


# --- no layers -----------------------------------------------------------------------------------------------------

WITHOUT_LAYERS = {
    "scripted": torch.jit.script,
    "traced": lambda net: torch.jit.trace(net, torch.rand(2, 3, 16, 16)),
    "exported": lambda net: torch.export.export(
        net, (torch.rand(2, 3, 16, 16),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    ).module(),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", WITHOUT_LAYERS)
def test_without_layers_a_method_works_or_says_what_to_give(kind, balanced, make, fit_quietly, explain):
    study = balanced(lambda net: WITHOUT_LAYERS[kind](net.eval()))
    try:
        explain(fit_quietly(make(study)), study.test[0][0])
    except LayerError as error:
        assert "give the original Python module" in str(error)  # noqa: PT017 - it need not be raised
    assert CrispMasks(study, settings=DualSettings(steps=2, cooling=2)).find(study.test[0][0]).masks.shape[2:] == (
        16,
        16,
    )


def test_a_part_that_was_scripted_is_no_layer(net, new_study):
    network = net().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.relu = torch.jit.script(nn.Sequential(nn.ReLU()))
    assert [layer.name for layer in new_study(network).layers()][:3] == ["conv1", "norm", "conv2"]


def test_a_class_whose_score_never_changes_is_not_explained(balanced, fit_quietly):
    study = balanced(*MODELS["one logit"][:1], class_names=["cat"])
    assert fit_quietly(SRAE(study, "conv2", features=2, epochs=1)).classes == (1,)
    with pytest.raises(XaiWidgetsError, match="the score of 'not cat' is the same for all pictures"):
        fit_quietly(SRAE(study, "conv2", features=2, epochs=1, targets=["not cat"]))
