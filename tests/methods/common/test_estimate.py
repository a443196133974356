"""What a fit would take: exact where time and pictures are counted by hand; and nothing is changed by finding out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.errors import CancelledError, LayerError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.common import estimate as module
from xai_widgets.methods.common.estimate import COPIES, Estimate, estimate
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.study import Study


def published(study):
    made = ClaDec.paper(study, "pool")
    recipe = replace(made.settings.recipe, epochs=3)
    made.settings = replace(made.settings, recipe=recipe, reference_recipe=recipe)
    return made


MAKE = {
    "ClaDec": lambda study: ClaDec(study, "pool", epochs=3, width=4),
    "ClaDec without reference": lambda study: ClaDec(study, "flat", reference=None, epochs=3, width=4),
    "ClaDec as published": published,
    "SRAE": lambda study: SRAE(study, "pool", epochs=2, targets=[0, 2]),
    "SRAE as published": lambda study: SRAE.paper(study, "flat", epochs=2, targets=[0, 2]),
    "CAE": lambda study: CAE(study, epochs=2, width=4),
    "CAE as published": lambda study: CAE.paper(study, epochs=1, width=2),
}


@pytest.fixture
def study(squares):
    """A classifier that sees where the bright square is."""
    model = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(4), flat=nn.Flatten(), logits=nn.Linear(48, 4)))
    weight = torch.zeros(4, 3, 4, 4)
    for k in range(4):
        weight[k, :, 1, k] = 2
    with torch.no_grad():
        model.logits.weight.copy_(weight.flatten(1))
        model.logits.bias.zero_()
    return Study(model, squares(34), test=squares(9, seed=1))


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to."""

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


class Counting(Progress):
    """Counts the steps of each task."""

    def __init__(self):
        super().__init__()
        self.totals = []

    def start(self, task, total, **rest):
        super().start(task, total, **rest)
        self.totals.append(total)


@pytest.mark.parametrize("name", MAKE)
def test_every_task_of_the_fit_is_known(study, name, monkeypatch):
    """On as many pictures as the fit has, the trial's steps times their ratios are the steps of the fit."""
    explainer = MAKE[name](study)
    ratios = []
    watch = module._Watch.extrapolated
    totals = []

    def look(self, given):
        ratios.extend(given)
        totals.extend(total for total, _ in self._tasks)
        return watch(self, given)

    monkeypatch.setattr(module._Watch, "extrapolated", look)
    monkeypatch.setattr(module, "BATCH", study.batch_size)
    assert estimate(explainer).seconds > 0
    counting = Counting()
    if isinstance(explainer, SRAE):
        explainer.settings = replace(explainer.settings, rounds=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # fitted for a moment only
        explainer.fit(progress=counting)
    assert [total * ratio for total, ratio in zip(totals, ratios, strict=True)] == pytest.approx(counting.totals)


@pytest.mark.parametrize("name", ["ClaDec", "SRAE", "CAE"])
def test_nothing_is_changed(study, name):
    explainer = MAKE[name](study)
    study.model.train()
    next(study.model.parameters()).requires_grad_(False)
    before = {key: value.clone() for key, value in study.model.state_dict().items()}
    flags = [(p.requires_grad, p.grad) for p in study.model.parameters()]
    state, random = {**vars(explainer)}, torch.get_rng_state()
    found = estimate(explainer)
    assert found.bytes > 0
    assert {key: explainer.__dict__[key] for key in state} == state
    assert study.explainers == {}
    assert (len(study.train), len(study.test), study.batch_size) == (34, 9, 64)
    assert study.model.training
    assert [(p.requires_grad, p.grad) for p in study.model.parameters()] == flags
    assert all(value.equal(before[key]) for key, value in study.model.state_dict().items())
    assert torch.get_rng_state().equal(random)
    assert not any(module._forward_hooks for module in study.model.modules())


def test_a_fitted_layer_can_be_tried_again(fitted):
    before = fitted.layers
    assert estimate(fitted, "conv2").seconds > 0
    assert fitted.layers == before


def test_seconds_are_those_of_the_steps_times_how_many_there_are(clock):
    watch = module._Watch(Progress(), 2)
    clock.now = 5.0  # between tasks
    watch.start("read", 2)
    for seconds in (3.0, 1.0):  # the first step is slow, and counts like the others
        clock.now += seconds
        watch.advance()
    clock.now += 0.5
    watch.start("train", 3)
    for seconds in (9.0, 2.0, 4.0):
        clock.now += seconds
        watch.advance()
    watch.finish()
    assert watch.steps == 5
    assert watch.seconds == 24.5
    assert watch.extrapolated((10.0, 100.0)) == 10 * 2 * 1.0 + 100 * 3 * 3.0 + 10 * 5.5


def test_a_single_step_counts_as_it_is(clock):
    watch = module._Watch(Progress(), 1)
    watch.start("read", 1)
    clock.now = 2.0
    watch.advance()
    watch.finish()
    assert watch.extrapolated((3.0,)) == 6.0


def test_what_a_step_keeps_is_counted_once_however_often_it_is_used():
    saved = module._Saved()
    weight = torch.ones(50, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, module._unpack):
        for _ in range(3):
            ((weight * weight) * weight).sum().backward()  # keeps the weight and its square: 2 x 200 bytes
            saved.reset()
    assert saved.most == 400
    assert weight.grad.equal(torch.full((50,), 9.0))


def test_memory_grows_with_what_is_kept_and_with_the_weights(squares, net):
    few, many = (Study(net(), squares(count), test=squares(10)) for count in (200, 400))
    few, many = (estimate(ClaDec(study, "fc", reference=None, width=4, epochs=1)).bytes for study in (few, many))
    pixels, code = 3 * 16 * 16, 12
    kept, ridge = pixels + 4 * 4 + 2 * code, 4 * (5 * pixels + 3 * code)
    assert many - few == 200 * (kept + ridge)  # at its worst while the linear decoder is fitted
    study = Study(net(), squares(60))
    narrow, wide = (estimate(ClaDec(study, "fc", width=width, epochs=1)).bytes for width in (4, 64))
    assert wide > narrow + 4 * COPIES * 9 * 64 * 64  # the weights of one convolution alone


@pytest.mark.parametrize("name", ["ClaDec", "SRAE", "CAE"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_it_can_be_cancelled_at_every_task(study, name, after):
    explainer = MAKE[name](study)
    progress = Progress()

    def stop(state):
        if state.done >= after:
            progress.cancel()

    progress._on_update = stop
    with pytest.raises(CancelledError):
        estimate(explainer, progress=progress)
    estimate(explainer)


def test_progress_is_told(study):
    seen = []
    estimate(MAKE["ClaDec"](study), progress=Progress(seen.append))
    assert (seen[0].task, seen[0].done, seen[-1].done, seen[-1].total) == ("trying the fit", 0, 4, 4)


def test_grey_pictures_of_an_odd_shape(squares, net):
    study = Study(net(1, 2), squares(12, (1, 33, 47), classes=2), test=squares(3, (1, 33, 47), classes=2))
    found = estimate(ClaDec(study, "conv2", width=4, epochs=2))
    # Two batches for reading, one step in each of two epochs for the decoder and for its reference.
    assert found.how.startswith("6 steps of a trial on 12 of 12 pictures, ")


def test_what_cannot_be_tried(study):
    with pytest.raises(XaiWidgetsError, match="a fit of int cannot be tried; give a ClaDec, an SRAE or a CAE"):
        estimate(3)
    with pytest.raises(LayerError, match="conv3"):
        estimate(MAKE["ClaDec"](study), "conv3")


@pytest.mark.parametrize(
    ("seconds", "count", "said"),
    [
        (0.2, 3, "about 1 s and 1 MB here"),
        (1.4, 1e6, "about 1 s and 1 MB here"),
        (9.7, 84e6, "about 10 s and 84 MB here"),
        (42.4, 312e6, "about 42 s and 310 MB here"),
        (89.9, 996e6, "about 90 s and 1.0 GB here"),
        (91, 1.24e9, "about 2 min and 1.2 GB here"),
        (1373, 994e6, "about 23 min and 990 MB here"),
        (2 * 3600, 12.3e9, "about 2.0 h and 12.3 GB here"),
    ],
)
def test_in_words(seconds, count, said):
    assert Estimate(seconds, int(count), "").sentence() == said
