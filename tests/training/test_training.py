"""The loop learns, keeps the best weights, and stops when it should."""

from __future__ import annotations

import math
from itertools import chain

import pytest
import torch

from xai_widgets import artifact, training
from xai_widgets.devices import EVERY
from xai_widgets.errors import CancelledError, PictureError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.training import train

COUNT = 33
RECIPE = Recipe(epochs=3, batch_size=8, patience=50)


def test_it_finds_a_minimum(weight):
    module = weight()
    recipe = Recipe(epochs=100, batch_size=1, lr=0.5, weight_decay=0.0)
    history = train(module, lambda step: (module.x - 3).square(), 2, recipe)
    assert module.x.item() == pytest.approx(3.0, abs=1e-2)
    assert history.best_epoch == 99
    assert len(history.train_loss) == 100
    assert history.validation == ()
    assert not history.stopped_early


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (8, [8]), (9, [5, 4]), (17, [6, 6, 5])])
def test_an_epoch_is_every_example_once_in_equal_batches(count, sizes, weight):
    module, seen = weight(), []

    def loss(step):
        assert step.indices.dtype == torch.int64
        seen.append(step.indices.tolist())
        return module.x.square()

    train(module, loss, count, Recipe(epochs=2, batch_size=8))
    first, second = seen[: len(sizes)], seen[len(sizes) :]
    assert [len(batch) for batch in first] == sizes
    orders = [list(chain(*epoch)) for epoch in (first, second)]
    assert [sorted(order) for order in orders] == [list(range(count))] * 2
    assert count == 1 or orders[0] != orders[1]


def test_an_epoch_s_loss_is_the_mean_and_its_first_step_adam_s(weight):
    module = weight()
    values = torch.tensor([1.0, 2.0, 6.0])
    history = train(module, lambda step: values[step.indices].mean() + 0 * module.x, 3, Recipe(1, batch_size=2))
    assert history.train_loss == (3.0,)
    module = weight(2.0)
    recipe = Recipe(1, lr=0.1, weight_decay=0.0, schedule="step")
    train(module, lambda step: module.x.square(), 1, recipe)
    assert module.x.item() == pytest.approx(1.9)  # Adam's first step is as long as the learning rate


def test_weight_decay_of_adamw_is_decoupled_and_of_adam_is_not(weight):
    ends = {}
    for optimizer in ("adamw", "adam"):
        module = weight(2.0)
        recipe = Recipe(1, lr=0.1, weight_decay=0.5, schedule="step", optimizer=optimizer)
        train(module, lambda step, module=module: 0 * module.x, 1, recipe)
        ends[optimizer] = module.x.item()
    assert ends["adamw"] == pytest.approx(2.0 * (1 - 0.1 * 0.5))
    assert ends["adam"] == pytest.approx(1.9)


@pytest.mark.parametrize(("clip", "length"), [(1.0, 1.0), (500.0, 100.0), (None, 100.0)])
def test_clipping_bounds_the_gradient(monkeypatch, clip, length, weight):
    module, seen = weight(), []
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda optimizer: seen.append(module.x.grad.item()))
    train(module, lambda step: 100 * module.x, 1, Recipe(1, clip=clip))
    assert seen == [pytest.approx(length)]


def test_the_weights_of_the_lowest_validation_are_kept(weight):
    module, ends = weight(), []
    values = iter([3.0, 1.0, 2.0])

    def validate():
        assert not module.training
        assert not torch.is_grad_enabled()
        ends.append(module.x.item())
        return next(values)

    def loss(step):
        assert module.training
        return (module.x - 3).square()

    history = train(module, loss, 1, Recipe(3), validate=validate)
    assert history.validation == (3.0, 1.0, 2.0)
    assert history.best_epoch == 1
    assert module.x.item() == ends[1] != ends[2]
    assert not module.training
    assert module.x.grad is None


@pytest.mark.parametrize(
    ("values", "epochs"),
    [
        ([1.0, 0.999, 0.998, 9.9], 3),  # less than 0.5 % is no gain ...
        ([1.0, 0.998, 0.994, 0.993, 0.992, 9.9], 5),  # ... but small gains add up
        ([-1.0, -1.001, -1.002, 9.9], 3),
        ([0.0, 0.0, 0.0, 9.9], 3),
    ],
)
def test_patience(values, epochs, weight):
    module, seen = weight(), []
    history = train(
        module,
        lambda step: module.x.square(),
        1,
        Recipe(epochs=len(values), patience=2),
        validate=iter(values).__next__,
        progress=Progress(seen.append),
    )
    assert history.validation == tuple(values[:epochs])
    assert history.best_epoch == values.index(min(values[:epochs]))
    assert history.stopped_early
    assert seen[-1].fraction == 1.0
    assert "stopped early" in seen[-1].note


def test_patience_without_validation_and_at_the_end(weight):
    module = weight()
    history = train(module, lambda step: 1 + 0 * module.x, 1, Recipe(epochs=9, patience=3))
    assert len(history.train_loss) == 4
    assert history.best_epoch == 3
    module = weight()
    recipe = Recipe(epochs=3, patience=2)
    history = train(module, lambda step: module.x.square(), 1, recipe, validate=iter([1.0, 1.0, 1.0]).__next__)
    assert not history.stopped_early


def test_same_seed_same_bits_and_the_global_random_numbers_are_untouched(unbroken, learner, same):
    module, loss, validate = learner()
    torch.manual_seed(12345)
    before = torch.get_rng_state()
    history = train(module, loss, COUNT, RECIPE, validate=validate)
    assert torch.equal(torch.get_rng_state(), before)
    same(unbroken, (module, history))


def test_every_step_has_random_numbers_of_its_own(weight):
    module, drawn = weight(), []

    def loss(step):
        drawn.append((torch.rand(4, generator=step.generator).tolist(), torch.rand(4).tolist()))
        return module.x.square()

    train(module, loss, 2, Recipe(epochs=2, batch_size=1))
    assert len({tuple(numbers) for pair in drawn for numbers in pair}) == 8


def test_frozen_parameters_stay_and_others_learn_inside_no_grad(learner, fit, weight):
    before = learner()[0][4].bias
    assert torch.equal(fit()[0][4].bias, before)
    module = weight(1.0)
    with torch.no_grad():
        train(module, lambda step: module.x.square(), 1, Recipe(1))
    assert module.x.item() < 1.0


def test_progress_counts_every_step(fit):
    seen = []
    fit(progress=Progress(seen.append), task="fitting")
    assert (seen[0].task, seen[0].done, seen[0].total) == ("fitting", 0, 15)
    assert seen[-1].done == 15
    assert seen[-1].note.startswith("epoch 3/3, loss")
    assert "validation" in seen[-1].note


class Steep(torch.autograd.Function):
    """A finite number whose gradient is infinite."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.inf


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda x: x * math.nan, "loss became nan"),
        (lambda x: x / 0, "loss became inf"),
        (Steep.apply, "gradient became inf"),
    ],
)
def test_a_loss_or_gradient_that_is_not_finite_says_where_and_keeps_the_best(bad, said, weight):
    module, ends = weight(1.0), []

    def loss(step):
        return module.x.square() if step.number < 3 else bad(module.x.square())

    def validate():
        ends.append(module.x.item())
        return 0.0

    with pytest.raises(XaiWidgetsError, match=rf"{said} in epoch 2, step 2 of 2, at a learning"):
        train(module, loss, 2, Recipe(epochs=3, batch_size=1), validate=validate)
    assert [module.x.item()] == ends
    assert not module.training


@pytest.mark.parametrize("bad", [20, 33, 39])
def test_a_loss_is_read_some_steps_later_and_before_anything_is_saved(tmp_path, monkeypatch, bad, weight):
    monkeypatch.setattr(training, "READ_SECONDS", math.inf)
    module, steps, saved = weight(1.0), [], tmp_path / "run"

    def loss(step):
        steps.append(step.number)
        return module.x.square() * (math.nan if step.number == bad else 1.0)

    with pytest.raises(XaiWidgetsError, match=f"loss became nan in epoch 2, step {bad - 19} of 20, at a learning"):
        train(module, loss, 20, Recipe(epochs=3, batch_size=1), checkpoint=saved)
    assert bad <= steps[-1] < bad + EVERY
    kept, details = artifact.load(saved, "training checkpoint")
    assert details["position"]["epoch"] == 1
    assert kept["module/x"] == kept["best/x"] == module.x
    assert math.isfinite(module.x.item())


def test_what_fails_because_of_a_loss_is_said_to(weight):
    module = weight(1.0)

    def loss(step):
        if step.number == 2:
            raise ValueError("weights are NaN")
        return module.x.square() * (math.nan if step.number == 1 else 1.0)

    with pytest.raises(XaiWidgetsError, match="loss became nan in epoch 1, step 2 of 9"):
        train(module, loss, 9, Recipe(epochs=1, batch_size=1))


def test_reading_seldom_changes_no_number(unbroken, monkeypatch, fit, same):
    monkeypatch.setattr(training, "EVERY", 1)
    same(unbroken, fit())


def test_slow_steps_show_their_loss(monkeypatch, weight):
    seen, now = [], iter(range(1000))
    monkeypatch.setattr(training.time, "monotonic", lambda: float(next(now)))
    module = weight(1.0)
    train(module, lambda step: module.x.square(), 3, Recipe(1, batch_size=1), progress=Progress(seen.append))
    assert all(", loss" in state.note for state in seen[1:])


def test_what_cannot_be_trained_or_validated_is_said(weight):
    module = weight()
    with pytest.raises(XaiWidgetsError, match="validation became nan in epoch 1"):
        train(module, lambda step: module.x.square(), 1, Recipe(1), validate=lambda: math.nan)
    module = weight()
    with pytest.raises(PictureError, match="0 examples"):
        train(module, lambda step: module.x, 0, Recipe(1))
    with pytest.raises(XaiWidgetsError, match="sharpening: no parameter"):
        train(module.requires_grad_(False), lambda step: module.x, 1, Recipe(1), task="sharpening")


def test_cancel_leaves_the_weights_of_the_best_finished_epoch(weight):
    module, progress, ends = weight(1.0), Progress(), []

    def loss(step):
        if step.number == 3:
            progress.cancel()
        return module.x.square()

    def validate():
        ends.append(module.x.item())
        return float(len(ends))

    with pytest.raises(CancelledError):
        train(module, loss, 1, Recipe(9), validate=validate, progress=progress)
    assert module.x.item() == ends[0]
    assert not module.training


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_trains_and_leaves_the_random_numbers(tmp_path, learner):
    module, _, _ = learner()
    module.cuda()
    data = torch.randn(COUNT, 4).cuda()
    before = torch.cuda.get_rng_state()
    history = train(module, lambda step: module(data[step.indices.cuda()]).square().mean(), COUNT, RECIPE)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert history.train_loss[-1] < history.train_loss[0]
