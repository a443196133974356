"""What the tests of the training loop share; `die` runs in a process of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from xai_widgets import training
from xai_widgets.recipe import Recipe
from xai_widgets.training import train

COUNT = 33
RECIPE = Recipe(epochs=3, batch_size=8, patience=50)


def learner(seed=0):
    """A module with all that a checkpoint must hold, and its loss: buffers, dropout, a frozen parameter."""
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 1))
    module[4].bias.requires_grad_(False)
    data = torch.randn(COUNT, 4)

    def loss(step):
        batch = data[step.indices]
        noise = torch.randn(batch.shape, generator=step.generator)
        return (module(batch + 0.1 * noise) - batch.sum(1, keepdim=True)).square().mean()

    def validate():
        return (module(data) - data.sum(1, keepdim=True)).square().mean().item()

    return module, loss, validate


def fit(checkpoint=None, at_step=None, recipe=RECIPE, **more):
    """Train a `learner`; `at_step(number)` is called in each loss."""
    module, loss, validate = learner()

    def watched(step):
        if at_step is not None:
            at_step(step.number)
        return loss(step)

    history = train(module, watched, COUNT, recipe, validate=validate, checkpoint=checkpoint, **more)
    return module, history


def same(first, second):
    (module, history), (other, other_history) = first, second
    assert history.train_loss == other_history.train_loss
    assert history.validation == other_history.validation
    assert history.best_epoch == other_history.best_epoch
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def weight(value=0.0):
    """A module of one number, the plainest that can be trained."""
    module = nn.Module()
    module.x = nn.Parameter(torch.tensor(float(value)))
    return module


def kill(number=None):
    """End this process as a power cut would, when step `number` is reached."""
    os.kill(os.getpid(), signal.SIGKILL)


def die(path, where):
    """Run in a process of its own: train with a checkpoint at every step, and be killed at step 7 or while writing."""
    training.CHECKPOINT_SECONDS = 0.0
    if where == "step":
        fit(Path(path), lambda number: kill() if number == 7 else None)
    writes = iter(range(100))
    replace = Path.replace
    Path.replace = lambda self, target: kill() if next(writes) == 8 else replace(self, target)
    fit(Path(path))


def shared(function):
    """A fixture that gives the function, by its name."""
    return pytest.fixture(scope="session", name=function.__name__)(lambda: function)


_learner, _fit, _same, _weight = shared(learner), shared(fit), shared(same), shared(weight)


@pytest.fixture(scope="session")
def unbroken():
    """The end of a training that nothing has interrupted; not to be changed."""
    torch.manual_seed(123)
    return fit()
