"""Whatever an explainer does, and however it ends, the classifier is afterwards as it was before.

One table: every explainer and its variants x every way to end.
"""

from __future__ import annotations

import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from xai_widgets.errors import CancelledError, LayerError, XaiWidgetsError
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress

PICTURE = torch.rand(1, 3, 16, 16)


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


def mixed_up(model):
    """Flags, gradients and hooks in a state of their own, different everywhere; and a fuse."""
    model.relu = nn.Sequential(Fused(), model.relu)
    model.train()
    model.norm.eval()
    model.conv2.weight.requires_grad_(False)
    model.fc.bias.requires_grad_(False)
    model.conv1.weight.grad = torch.ones_like(model.conv1.weight)
    model.logits.register_forward_hook(lambda *_: None)


@pytest.fixture
def study(readable):
    return readable(mixed_up)


def fuse(study):
    return study.model.relu[0].fuse


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
    }


def assert_same(found, expected, where=""):
    if isinstance(expected, torch.Tensor):
        assert found is not None, where
        assert torch.equal(found, expected), where
    elif isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key, value in expected.items():
            assert_same(found[key], value, f"{where} {key}")
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, where)
    else:
        assert found == expected, where


def run_into(error, work):
    with pytest.raises(error) if error else nullcontext():
        work()


# No RuntimeError: the search for layers takes one for a network that runs no batch of several pictures, and goes on.
ENDS = {"normal": None, "exception": ArithmeticError, "interrupt": KeyboardInterrupt}


@pytest.fixture(scope="module")
def runs(make_any, readable, fit_quietly):
    """How often an explainer runs the classifier while it is fitted."""
    study = readable(mixed_up)
    fuse(study).set(None)
    explainer = make_any(study)
    fuse(study).set(None)
    fit_quietly(explainer)
    return fuse(study).runs


@pytest.mark.parametrize(
    ("end", "when"),
    [("normal", 1.0), *((end, when) for end in ("exception", "interrupt") for when in (0.0, 0.3, 0.7, 1.0))],
)
def test_fit_leaves_the_model_as_it_was(study, make_any, fit_quietly, runs, end, when):
    before = state(study.model)
    explainer = make_any(study)
    if ENDS[end]:
        fuse(study).set(1 + round(when * (runs - 1)), ENDS[end])
    run_into(ENDS[end], lambda: fit_quietly(explainer))
    fuse(study).set(None)
    assert_same(state(study.model), before)


@pytest.mark.parametrize("end", ENDS)
def test_explain_leaves_the_model_as_it_was(study, make_any, fit_quietly, explain, end):
    before = state(study.model)
    explainer = fit_quietly(make_any(study))
    for last in (1, 2, 3) if ENDS[end] else (None,):
        fuse(study).set(last, ENDS[end])
        run_into(ENDS[end], lambda: explain(explainer, PICTURE))
        fuse(study).set(None)
        assert_same(state(study.model), before)


def test_wrong_classes_and_pictures_leave_the_model_as_it_was(study, make, fit_quietly, explain):
    before = state(study.model)
    explainer = fit_quietly(make(study))
    for given in ((PICTURE * 300,), (PICTURE, "nothing"), (PICTURE, 9)):
        run_into(XaiWidgetsError, lambda given=given: explain(explainer, *given))
    assert_same(state(study.model), before)


def test_wrong_layers_leave_the_model_as_it_was(study):
    before = state(study.model)
    run_into(LayerError, lambda: ClaDec(study, "conv3"))
    run_into(LayerError, lambda: ClaDec(study, "conv2").fit("conv3", progress=Progress()))
    assert_same(state(study.model), before)


@pytest.mark.parametrize("task", [0, 1, 2])
def test_cancel_leaves_the_model_as_it_was(study, make_any, fit_quietly, task):
    before, tasks = state(study.model), set()
    explainer, progress = make_any(study), Progress()

    def stop(at):
        tasks.add(at.task)
        if len(tasks) > task:
            progress.cancel()

    progress._on_update = stop
    try:
        fit_quietly(explainer, progress=progress)
    except CancelledError:
        pass
    else:
        assert len(tasks) <= task  # there are no more tasks
    assert_same(state(study.model), before)


def test_pictures_are_not_changed(study, make_any, fit_quietly, explain):
    pictures = PICTURE.clone().requires_grad_()
    stored = study.train.dataset.pictures.clone()
    explain(fit_quietly(make_any(study)), pictures)
    assert torch.equal(pictures, PICTURE)
    assert pictures.grad is None
    assert torch.equal(study.train.dataset.pictures, stored)


def test_the_study_itself_leaves_the_model_as_it_was(study):
    before = state(study.model)
    study.predict(PICTURE)
    study.activations(PICTURE, "conv2")
    study.blocks()
    _ = study.fingerprint
    for last in (1, 2):
        for error in (RuntimeError, KeyboardInterrupt):
            fuse(study).set(last, error)
            run_into(error, lambda: [study.activations(PICTURE, "conv2") for _ in range(2)])
    fuse(study).set(None)
    assert_same(state(study.model), before)
