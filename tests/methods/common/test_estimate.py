"""What a fit would take: exact for a toy whose time is counted by hand; nothing is changed by finding out."""

from __future__ import annotations

import sys

import pytest
import torch

from xai_widgets.errors import CancelledError, LayerError, PictureError, XaiWidgetsError
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.common import estimate as module
from xai_widgets.methods.common.estimate import COPIES, Estimate, estimate
from xai_widgets.methods.common.explainer import Explainer, FewPictures, Trial
from xai_widgets.progress import Progress
from xai_widgets.study import Study


class Toy(Explainer):
    """Reads in two steps and trains in three, as long as a clock says; saves two tensors of 50 numbers in each."""

    def __init__(self, study, clock):
        self.study, self.clock = study, clock
        self.weight = torch.ones(50, requires_grad=True)

    key, fitted = "toy", False

    def _fit(self, progress, checkpoint, on_part):
        self._pass(5.0)  # before the first task
        for task, seconds in {"read": (3.0, 1.0), "train": (9.0, 2.0, 4.0)}.items():
            progress.start(task, len(seconds))
            for passed in seconds:
                ((self.weight * self.weight) * self.weight).sum().backward()
                self._pass(passed)
                progress.advance()
            self._pass(0.5)

    def _pass(self, seconds):
        self.clock.now += seconds

    def trial(self, layer=None):
        return Trial(self, growth=(10.0, 100.0), kept=1000, batch=2.0)

    def _tensors(self, dtype):
        return {"weight": self.weight}

    explain = _verdict = _settings = _details = _restored = None


@pytest.fixture
def toy(new_study, monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return Toy(new_study(), clock)


def test_a_toy(toy):
    found = estimate(toy)
    # The first step of a task is slow, and counts as the others; 6 s are between the tasks.
    assert found.seconds == 10 * 2 * 1.0 + 100 * 3 * 3.0 + 10 * 6.0
    # A weight and its square are saved in a step, each once, and twice as many pictures are in a batch.
    assert found.bytes == 1000 + 2 * 2 * 200 + COPIES * 200
    assert found.how == "5 steps on 32 pictures, in 25.0 s"
    assert toy.weight.grad.equal(torch.full((50,), 15.0))


def test_progress_is_told_and_can_cancel(toy):
    seen = []
    estimate(toy, progress=Progress(seen.append))
    assert [(state.task, state.done, state.total) for state in (seen[0], seen[-1])] == [
        ("trying the fit", 0, 2),
        ("trying the fit", 2, 2),
    ]
    progress = Progress()
    toy._pass = lambda seconds: progress.cancel()
    with pytest.raises(CancelledError):
        estimate(toy, progress=progress)


def test_every_task_of_a_fit_is_known(new_study, monkeypatch):
    """On as many pictures as the fit has, the trial's steps times their growth are the steps of the fit."""
    watches, totals = [], []

    class Watch(module._Stopwatch):
        def __init__(self, *given):
            watches.append(self)
            super().__init__(*given)

    class Counting(Progress):
        def start(self, task, total, **rest):
            totals.append(total)
            super().start(task, total, **rest)

    monkeypatch.setattr(module, "_Stopwatch", Watch)
    monkeypatch.setattr("xai_widgets.methods.common.explainer.TRIAL_BATCH", 64)
    explainer = ClaDec(new_study(), "conv2", epochs=3, width=4)
    growth = explainer.trial().growth
    assert estimate(explainer).seconds > 0
    explainer.fit(progress=Counting())
    assert [total * more for (total, _), more in zip(watches[0].tasks, growth, strict=True)] == pytest.approx(totals)


def test_a_trial_does_not_count_imports(new_study, monkeypatch):
    monkeypatch.delitem(sys.modules, "sklearn.kernel_ridge", raising=False)
    ClaDec(new_study(), "conv2").trial()
    assert "sklearn.kernel_ridge" in sys.modules


def test_nothing_is_changed(fitted):
    study, before, random = fitted.study, fitted.layers, torch.get_rng_state()
    weights = {name: value.clone() for name, value in study.model.state_dict().items()}
    assert estimate(fitted, "conv2").seconds > 0
    assert (fitted.layers, len(study.train), study.batch_size) == (before, 32, 64)
    assert all(value.equal(weights[name]) for name, value in study.model.state_dict().items())
    assert torch.get_rng_state().equal(random)


@pytest.mark.parametrize(("side", "few"), [(16, 128), (96, 42), (224, 8)])
def test_a_trial_of_large_pictures_is_of_few(net, side, few):
    pictures = torch.rand(1, side, side).expand(150, 1, side, side)
    study = Study(net(1), torch.utils.data.TensorDataset(pictures, torch.zeros(150, dtype=torch.int64)))
    trial = FewPictures.of(study, 100, 10, 0)
    count = min(few, 100)
    assert (len(trial.study.train), trial.study.batch_size) == (count, min(count, 32))
    assert trial.seen == 100 / count
    assert trial.batch(64) == 64 / min(count, 64)


def test_what_cannot_be_tried(new_study, toy, monkeypatch):
    with pytest.raises(LayerError, match="conv3"):
        estimate(ClaDec(new_study()), "conv3")
    with pytest.raises(XaiWidgetsError, match="Toy searches instead of training"):
        Explainer.trial(toy)

    def fail(seconds):
        raise PictureError("too few pictures")

    monkeypatch.setattr(toy, "_pass", fail)
    with pytest.raises(XaiWidgetsError, match=r"a trial of this fit on 32 pictures fails.*too few pictures"):
        estimate(toy)


@pytest.mark.parametrize(
    ("seconds", "count", "said"),
    [
        (0.2, 3, "about 1 s and 1 MB here"),
        (9.7, 84e6, "about 10 s and 84 MB here"),
        (42.4, 312e6, "about 42 s and 310 MB here"),
        (91, 1.24e9, "about 2 min and 1.2 GB here"),
        (1373, 994e6, "about 23 min and 990 MB here"),
        (2 * 3600, 12.3e9, "about 2.0 h and 12.3 GB here"),
    ],
)
def test_in_words(seconds, count, said):
    assert Estimate(seconds, int(count), "").sentence() == said
