"""Loops that a GPU works through wait for it seldom: what is on the device is read every few steps.

There is no GPU in these tests. `OnDevice` follows what would be on one, and counts whatever makes the CPU wait for it.
"""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import xai_widgets as xw
from xai_widgets import devices, training
from xai_widgets.methods.cae import fit as cae_fit
from xai_widgets.methods.inversion import guided, paper, problem
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.srae import fit as srae_fit
from xai_widgets.methods.summaries import dual
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.paper_masks import Stage, TwoStageSettings

COUNT, EVERY, STEPS = 24, 4, 12
"""Pictures; steps between two reads, which are fewer here than they are; and steps of a search or more."""

READERS = {torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.cpu}
WAITING = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default, torch.ops.aten.equal.default}
INDEXING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default, torch.ops.aten.index_put.default}


class OnDevice(TorchDispatchMode):
    """Counts reads of what would be on a device: weights, what is sent there, and what is computed from these."""

    def __init__(self, *modules):
        super().__init__()
        self.reads, self._there = 0, set()
        self._calls = Calls(self)
        for module in modules:
            for tensor in module.state_dict().values():
                self.put(tensor)

    def __enter__(self):
        super().__enter__()
        self._calls.__enter__()
        return self

    def __exit__(self, *error):
        self._calls.__exit__(*error)
        super().__exit__(*error)

    def put(self, tensor):
        self._there.add(tensor.untyped_storage()._cdata)
        return tensor

    def away(self, tensor):
        self._there.discard(tensor.untyped_storage()._cdata)
        return tensor

    def has(self, tensor):
        return isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata in self._there

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = tree_leaves((args, kwargs))
        if func is torch.ops.aten.lift_fresh.default:  # of a new tensor, at an address that another may have had
            self.away(args[0])
        there = any(map(self.has, given))
        # A mask is counted on the CPU, and the numbers of rows that are not on the device have to get there first.
        rows = [one for one in args[1] if one is not None] if func in INDEXING else []
        if there and (func in WAITING or any(one.dtype == torch.bool or not self.has(one) for one in rows)):
            self.reads += 1
        found = func(*args, **(kwargs or {}))
        for one in tree_leaves(found):
            if isinstance(one, torch.Tensor) and not any(one is old for old in given):
                (self.put if there else self.away)(one)
        return found


class Calls(TorchFunctionMode):
    """What happens between CPU and device, and would be nothing where both are the same."""

    def __init__(self, device):
        super().__init__()
        self.device = device

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in READERS and self.device.has(args[0]):
            self.device.reads += 1
            return self.device.away(args[0].clone()) if func is torch.Tensor.cpu else func(*args, **(kwargs or {}))
        found = func(*args, **(kwargs or {}))
        # Made there: by us with the device of another tensor; torch's optimisers count steps on the "cpu".
        if isinstance((kwargs or {}).get("device"), torch.device) and isinstance(found, torch.Tensor):
            return self.device.put(found)
        if func is torch.Tensor.to and any(
            isinstance(one, torch.device) or self.device.has(one) for one in tree_leaves((args[1:], kwargs))
        ):
            return found if self.device.has(found) else self.device.put(found.clone())
        return found


def test_the_detector_sees_what_waits():
    module = nn.Linear(2, 1)
    with OnDevice(module) as device:
        cpu = torch.rand(4, 2)
        cpu.tolist(), bool(cpu.sum() > 0), cpu[cpu > 0.5]
        assert device.reads == 0
        there = cpu.to(torch.device("cpu"))
        for waits in (
            there.tolist,
            there.cpu,
            lambda: module(there).sum().item(),
            lambda: float((there * 2).sum()),
            lambda: there[there > 0.5],
            lambda: there[torch.tensor([1])],
        ):
            before = device.reads
            waits()
            assert device.reads == before + 1
        before = device.reads
        there.cpu().sum().item()
        there[torch.tensor([1]).to(there.device)]
        assert device.reads == before + 1


# --- fits ----------------------------------------------------------------------------------------------------------


class Blobs:
    def __init__(self, side=16):
        self.side = side

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        picture = 0.2 * torch.rand(3, self.side, self.side, generator=torch.Generator().manual_seed(index))
        half = self.side // 2
        picture[:, : half - 1, half * (index % 2) : half * (index % 2) + half - 1] = 0.9
        return picture, index % 2


def study(side=16):
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, stride=side // 16, padding=1), nn.ReLU())
    pool = nn.Sequential(nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten())
    model = nn.Sequential(
        OrderedDict(maps=maps, more=nn.Conv2d(4, 4, 3, padding=1), pool=pool, logits=nn.Linear(16, 2))
    )
    pictures = Blobs(side)
    with torch.no_grad():  # so that it predicts both classes
        model.logits.weight *= 20
        model.logits.bias -= model.eval()(torch.stack([pictures[i][0] for i in range(COUNT)])).mean(0)
    return xw.Study(model, pictures, test=pictures, class_names=["left", "right"], batch_size=12)


def short(explainer, **recipe):
    """The explainer, with one picture a step."""
    chosen = {"batch_size": 1, **recipe}
    explainer.settings = replace(explainer.settings, recipe=replace(explainer.settings.recipe, **chosen))
    return explainer


def once(explainer):
    """The explainer, without further rounds for classes that fail."""
    explainer.settings = replace(explainer.settings, rounds=0)
    return explainer


def crops():
    made = xw.ClaDec(study(128), ["maps"], epochs=1, width=4, reference=None)
    made.settings = replace(made.settings, crops=48)
    return short(made, batch_size=4)


FITS = {
    "cladec": lambda: short(xw.ClaDec(study(), ["more"], epochs=1, width=4, reference=None)),
    "cladec, published": lambda: short(xw.ClaDec.paper(study(), ["more"], alpha=0.5), batch_size=2, epochs=1),
    "crops": crops,
    "srae": lambda: once(xw.SRAE(study(), "more", features=3, epochs=1)),
    "srae, published": lambda: once(short(xw.SRAE.paper(study(), "more", features=3, epochs=1), batch_size=2)),
    "cae": lambda: short(xw.CAE(study(), epochs=1, width=4), batch_size=2),
    "cae, published": lambda: short(xw.CAE.paper(study(), epochs=1, width=4), batch_size=2),
}


def few_steps_between(monkeypatch):
    for module in (devices, training):
        monkeypatch.setattr(module, "EVERY", EVERY)


@pytest.fixture
def epochs(monkeypatch):
    """Reads and steps of each epoch of at least `EVERY` steps; `epochs.device` counts them."""
    found = []
    original = training._Run._epoch
    few_steps_between(monkeypatch)

    def counted(run):
        before = counted.device.reads
        original(run)
        if run.steps >= EVERY:
            found.append((counted.device.reads - before, run.steps, run.validate is not None))

    monkeypatch.setattr(training._Run, "_epoch", counted)
    monkeypatch.setattr(training, "READ_SECONDS", math.inf)
    monkeypatch.setattr(cae_fit, "MAP_STEPS", 1)
    monkeypatch.setattr(srae_fit, "STEPS", STEPS)
    counted.found = found
    return counted


@pytest.mark.parametrize("key", FITS)
def test_a_fit_reads_every_few_steps(epochs, key):
    explainer = FITS[key]()
    with warnings.catch_warnings(), OnDevice(explainer.study.model) as device:
        warnings.simplefilter("ignore")
        epochs.device = device
        explainer.fit(progress=xw.progress.Progress())
    assert epochs.found
    for reads, steps, validated in epochs.found:
        assert reads <= math.ceil(steps / EVERY) + validated, epochs.found


# --- searches ------------------------------------------------------------------------------------------------------


def many(**more):
    return GuidedSettings(steps=STEPS, **more)


SEARCHES = {
    "inversion": (problem, "descend", lambda made: xw.GuidedFeatureInversion(made, settings=many())),
    "inversion, contrasted": (
        problem, "descend", lambda made: xw.GuidedFeatureInversion(made, settings=many(contrast=True, grounded=True)),
    ),
    "inversion, published": (
        problem, "descend", lambda made: xw.GuidedFeatureInversion.paper(made).altered(steps=STEPS, inversion_steps=3),
    ),
    "masks": (dual._Search, "run", lambda made: xw.CrispMasks(made, settings=DualSettings(steps=STEPS, cooling=STEPS))),
    "masks, published": (
        TwoStageSettings, "_descend",
        lambda made: xw.CrispMasks(made, settings=TwoStageSettings(Stage(STEPS, 0.5, 0.01, 0), Stage(3, 0.01, 1, 2))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", SEARCHES)
def test_a_search_reads_every_few_steps(monkeypatch, key):
    where, loop, make = SEARCHES[key]
    made, found, original = study(), [], getattr(where, loop)
    few_steps_between(monkeypatch)
    pictures = torch.stack([made.test[i][0] for i in range(3)])

    def counted(*given, **more):
        before = device.reads
        ended = original(*given, **more)
        found.append(device.reads - before)
        return ended

    for module in [where, *([guided, paper] if where is problem else [])]:
        monkeypatch.setattr(module, loop, counted)
    explainer = make(made)
    with OnDevice(made.model) as device:
        explainer.find(pictures) if isinstance(explainer, xw.CrispMasks) else explainer.explain(pictures)
    assert found
    assert max(found) <= math.ceil(STEPS / EVERY)
