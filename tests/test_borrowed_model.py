"""Whatever an explainer does, and however it ends, the classifier is afterwards what it was before.

One table: every explainer x every way to end. A new explainer is one more line in `EXPLAINERS`.
"""

from __future__ import annotations

import random
import warnings
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from xai_widgets import layers
from xai_widgets.errors import CancelledError, LayerError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.paper_masks import Stage, TwoStageSettings
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress

PICTURES = torch.rand(3, 3, 16, 16)


def cladec(study, layer="conv2"):
    return ClaDec(study, layer, epochs=1, width=4)


def cladec_warm(study, layer="conv2"):
    return ClaDec(study, layer, epochs=1, width=4, reference="warm")


def cladec_paper(study, layer="conv2"):
    made = ClaDec.paper(study, layer, alpha=0.5)
    brief = replace(made.settings.recipe, epochs=1)
    made.settings = replace(made.settings, recipe=brief, reference_recipe=brief)
    return made


class ToSomeClass(CAE):
    """A CAE that is asked as the others are: with several pictures (it takes the first), and nothing else."""

    def fit(self, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # so short a fit is not to be believed
            return super().fit(**options)

    def explain(self, pictures):
        source = int(self.predict(pictures[:1]).argmax())
        return super().explain(pictures[0], next(k for k in self.code_classes.tolist() if k != source), confidence=0.4)


def cae(study):
    return ToSomeClass(study, epochs=1, width=2)


def cae_paper(study):
    return ToSomeClass.paper(study, epochs=1, width=2)


class Credulous(CrispMasks):
    """Takes every reference for a good one: a network of chance is sure of nothing, and no reference changes that."""

    def find(self, *given, **options):
        found = super().find(*given, **options)
        return replace(found, baseline_score=torch.zeros_like(found.baseline_score))


class OfOneClass(VisualSummaries):
    """Visual summaries that are asked as the others are: of one class, and then for masks."""

    def fit(self, **options):
        self.find(0, indices=range(6), **options)
        return self

    def explain(self, pictures):
        return self.masks.find(pictures)


def summaries(study):
    return OfOneClass(study, masks=Credulous(study, settings=DualSettings(steps=3, cooling=3)))


def summaries_two_stage(study):
    brief = TwoStageSettings(Stage(2, 0.5, 0.01, 0.0), Stage(2, 0.01, 1.0, 2.0))
    masks = Credulous(study, baselines=("weak blur",), settings=brief)
    return OfOneClass(study, masks=masks)


class Doubtful(SRAE):
    """An SRAE that does not warn: so short a fit is not to be believed."""

    def fit(self, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().fit(**options)


def srae(study):
    return Doubtful(study, "conv2", features=3, epochs=1)


def srae_vector(study):
    return Doubtful(study, "fc", features=3, epochs=1)


def srae_paper(study):
    return Doubtful.paper(study, "conv2", features=3, epochs=1)


class Inverting(GuidedFeatureInversion):
    """An inversion that is asked as the others are: there is nothing to fit, so it does all that it can."""

    def fit(self, **options):
        self.explain(PICTURES, against="runner-up", **options)
        self.invert(PICTURES, **options)
        self.invert_plainly(PICTURES, steps=2, **options)
        return self


def inversion(study):
    return Inverting(study, settings=GuidedSettings(steps=2))


def inversion_paper(study):
    made = Inverting.paper(study)
    made.settings = PublishedSettings(inversion_steps=1, steps=2)
    return made


LAYERED = {"ClaDec": cladec, "ClaDec, warm": cladec_warm, "ClaDec, paper": cladec_paper}
"""Each makes an unfitted explainer of a study, at a layer."""

EXPLAINERS = LAYERED | {"CAE": cae, "CAE, paper": cae_paper}
EXPLAINERS |= {"SRAE": srae, "SRAE, a vector": srae_vector, "SRAE, paper": srae_paper}
EXPLAINERS |= {"inversion": inversion, "inversion, paper": inversion_paper}
EXPLAINERS |= {"summaries": summaries, "summaries, two stages": summaries_two_stage}
"""Each makes an unfitted explainer of a study."""


class Fuse:
    """Counts runs, and blows at the chosen one; copies of a model share theirs."""

    def __init__(self):
        self.set(None)

    def set(self, last, error=RuntimeError):
        self.runs, self.last, self.error = 0, last, error

    def __deepcopy__(self, memo):
        return self


class Fused(nn.Module):
    """Passes everything on, as long as the fuse lasts."""

    def __init__(self):
        super().__init__()
        self.fuse = Fuse()

    def forward(self, x):
        self.fuse.runs += 1
        if self.fuse.runs == self.fuse.last:
            raise self.fuse.error("blown")
        return x


@pytest.fixture(scope="module")
def fused(net, squares):
    """A classifier that blows if it is told to, and that sees all classes in the pictures."""

    def fused():
        model = net().eval()
        with torch.no_grad():
            model.logits.bias -= model(squares().pictures).mean(0)
        model.relu = nn.Sequential(Fused(), model.relu)
        return model

    return fused


@pytest.fixture
def model(fused):
    """A classifier whose flags, gradients and hooks are in a state of their own, different everywhere."""
    model = fused()
    model.train()
    model.norm.eval()
    model.conv2.weight.requires_grad_(False)
    model.fc.bias.requires_grad_(False)
    model.conv1.weight.grad = torch.ones_like(model.conv1.weight)
    model.logits.register_forward_hook(lambda *_: None)
    return model


def fuse(model):
    return model.relu[0].fuse


def state(model):
    """All that must be as before."""
    modules = dict(model.named_modules())
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "weights": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "gradients": {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()},
        "trained": {name: p.requires_grad for name, p in model.named_parameters()},
        "training": {name: module.training for name, module in modules.items()},
        "hooks": {name: [len(getattr(module, kind)) for kind in hooks] for name, module in modules.items()},
        "attributes": {name: sorted(vars(module)) for name, module in modules.items()},
        "random": (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()),  # noqa: NPY002
        "torch": (torch.is_grad_enabled(), torch.get_default_dtype(), torch.is_autocast_enabled("cpu")),
        "borrowed": model in layers._LOANS,
    }


def assert_same(found, wanted, where=""):
    if isinstance(wanted, torch.Tensor):
        assert found is not None, where
        assert torch.equal(found, wanted), where
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for key, value in wanted.items():
            assert_same(found[key], value, f"{where} {key}")
    elif isinstance(wanted, tuple):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other, where)
    else:
        assert found == wanted, where


def run_into(error, work):
    with pytest.raises(error) if error else nullcontext():
        work()


@pytest.fixture(scope="module")
def runs(fused, new_study):
    """How often each explainer runs the classifier while it is fitted."""
    found = {}
    for name, make in EXPLAINERS.items():
        model = fused()
        explainer = make(new_study(model))
        fuse(model).set(None)
        explainer.fit(progress=Progress())
        found[name] = fuse(model).runs
    return found


ENDS = {"normal": None, "exception": RuntimeError, "interrupt": KeyboardInterrupt}
PLACES = [("normal", 1.0), *((end, place) for end in ("exception", "interrupt") for place in (0.0, 0.3, 0.7, 1.0))]


@pytest.mark.parametrize(("end", "place"), PLACES)
@pytest.mark.parametrize("name", EXPLAINERS)
def test_fit_leaves_the_model_as_it_was(model, new_study, runs, name, end, place):
    before = state(model)
    explainer = EXPLAINERS[name](new_study(model))
    if ENDS[end]:
        fuse(model).set(1 + round(place * (runs[name] - 1)), ENDS[end])
    run_into(ENDS[end], lambda: explainer.fit(progress=Progress()))
    fuse(model).set(None)
    assert_same(state(model), before)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", EXPLAINERS)
def test_explain_leaves_the_model_as_it_was(model, new_study, name, end):
    before = state(model)
    explainer = EXPLAINERS[name](new_study(model)).fit(progress=Progress())
    for last in (1, 2, 3) if ENDS[end] else (None,):
        fuse(model).set(last, ENDS[end])
        run_into(ENDS[end], lambda: explainer.explain(PICTURES))
        fuse(model).set(None)
        assert_same(state(model), before)


@pytest.mark.parametrize("name", LAYERED)
def test_wrong_names_and_pictures_leave_the_model_as_it_was(model, new_study, name):
    before = state(model)
    study = new_study(model)
    explainer = EXPLAINERS[name](study).fit(progress=Progress())
    run_into(LayerError, lambda: LAYERED[name](study, "conv3"))
    run_into(LayerError, lambda: explainer.fit("conv3", progress=Progress()))
    run_into(LayerError, lambda: explainer.explain(PICTURES, "conv3"))
    run_into(ValueError, lambda: explainer.explain(PICTURES * 300))
    assert_same(state(model), before)


@pytest.mark.parametrize("name", ["CAE", "CAE, paper"])
def test_wrong_targets_and_pictures_leave_the_model_as_it_was(model, new_study, name):
    before = state(model)
    explainer = EXPLAINERS[name](new_study(model)).fit(progress=Progress())
    for target, options in ((9, {}), ("class", {}), (0, {"confidence": 2}), (0, {"route": "none"}), (0, {"frames": 0})):
        run_into(XaiWidgetsError, lambda t=target, o=options: CAE.explain(explainer, PICTURES[0], t, **o))
    run_into(ValueError, lambda: explainer.explain(PICTURES * 300))
    assert_same(state(model), before)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_cancel_leaves_the_model_as_it_was(model, new_study, name):
    before = state(model)
    explainer, progress = EXPLAINERS[name](new_study(model)), Progress()
    progress._on_update = lambda at: (
        progress.cancel() if at.task.startswith(("ClaDec", "CAE", "SRAE", "crisp masks", "guided")) else None
    )
    run_into(CancelledError, lambda: explainer.fit(progress=progress))
    assert_same(state(model), before)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_the_pictures_given_are_not_changed(model, new_study, name):
    study, pictures = new_study(model), PICTURES.clone().requires_grad_()
    stored = study.train.dataset.pictures.clone()
    EXPLAINERS[name](study).fit(progress=Progress()).explain(pictures)
    assert torch.equal(pictures, PICTURES)
    assert pictures.grad is None
    assert torch.equal(study.train.dataset.pictures, stored)


def test_the_study_itself_leaves_the_model_as_it_was(model, new_study):
    before = state(model)
    study = new_study(model)
    study.predict(PICTURES)
    study.activations(PICTURES, "conv2")
    study.blocks()
    _ = study.fingerprint
    for last in (1, 2):
        for error in (RuntimeError, KeyboardInterrupt):
            fuse(model).set(last, error)
            run_into(error, lambda: [study.activations(PICTURES, "conv2") for _ in range(2)])
    fuse(model).set(None)
    assert_same(state(model), before)
