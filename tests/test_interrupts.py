"""Ctrl-C at any instruction, while a model is borrowed, leaves the model as it was: to the last bit, flag and hook."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

import xai_widgets
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress
from xai_widgets.study import Study

INTERRUPTS = 500
PACKAGE = str(Path(xai_widgets.__file__).parent)


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(1, 8, 8, generator=generator), number % 2) for number in range(12)]


def new_model():
    """In training mode, with a frozen parameter, a part in evaluation mode, and a hook of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = OrderedDict(
            maps=nn.Conv2d(1, 3, 3, 2, 1), norm=nn.BatchNorm2d(3), act=nn.ReLU(inplace=True), drop=nn.Dropout(),
            pool=nn.AdaptiveAvgPool2d(2), flat=nn.Flatten(), logits=nn.Linear(12, 2),
        )  # fmt: skip
        model = nn.Sequential(layers).train()
    model.maps.bias.requires_grad_(False)
    model.drop.eval()
    model.act.register_forward_hook(lambda *_: None)
    return model


def state_of(model):
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    modes = [module.training for module in model.modules()]
    flags = [(one.requires_grad, one.grad is None) for one in model.parameters()]
    return hooks, modes, flags, [(name, one.tolist()) for name, one in model.state_dict().items()]


def fit(study, pictures):
    ClaDec(study, "act", reference=None, epochs=1, width=2, pictures=4).fit(progress=Progress())


WORK = {
    "study": lambda study, pictures: Study(study.model, pictures).blocks(),
    "explain": lambda study, pictures: GuidedFeatureInversion(
        study, "act", background="mean", settings=GuidedSettings(steps=1)
    ).explain(pictures[0][0]),
    "fit": fit,
}


def traced(seen):
    """A tracer that calls `seen` with each instruction of the package, and of the standard library's contexts."""

    def on_instruction(frame, event, _):
        if event == "opcode":
            seen(frame)
        return on_instruction

    def on_call(frame, event, _):
        if not frame.f_code.co_filename.startswith(PACKAGE) and not frame.f_code.co_filename.endswith("contextlib.py"):
            return None
        frame.f_trace_opcodes = True
        return on_instruction

    return on_call


def run(work, moment=None):
    """Work, interrupted at that instruction; how many instructions there were, and the last one."""
    count, last = 0, ""

    def seen(frame):
        nonlocal count, last
        count += 1
        if count == moment:
            last = f"{frame.f_code.co_filename}:{frame.f_lineno}, instruction {frame.f_lasti} of {frame.f_code.co_name}"
            raise KeyboardInterrupt

    sys.settrace(traced(seen))
    try:
        work()
    except KeyboardInterrupt:
        assert moment is not None
    finally:
        sys.settrace(None)
        torch.set_grad_enabled(True)  # Python itself leaves a context open where it is interrupted as it enters it
    return count, last


@pytest.mark.parametrize("name", WORK)
def test_a_model_is_given_back_as_it_was(name, pictures):
    model = new_model()
    study, before, work = Study(model, pictures), state_of(model), WORK[name]
    work(study, pictures)
    total, _ = run(partial(work, study, pictures))
    dice, left = random.Random(11), []  # noqa: S311  (no secrets)
    for moment in dice.sample(range(1, total + 1), min(INTERRUPTS // len(WORK) + 1, total)):
        _, last = run(partial(work, study, pictures), moment)
        if state_of(model) != before:
            left.append(last)
            model = new_model()
            study = Study(model, pictures)
    assert not left, "\n".join(left)
