"""The loop learns, keeps the best weights, stops when it should, and resumes bit by bit."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch import nn

from xai_widgets import artifact, training
from xai_widgets import recipe as recipes
from xai_widgets.errors import ArtifactError, CancelledError, PictureError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.training import train

COUNT = 33
RECIPE = Recipe(epochs=3, batch_size=8, patience=50)
FOLDER = Path(__file__).parent


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


def from_list(values):
    """A validation that returns one of `values` after the other."""
    left = iter(values)
    return lambda: next(left)


@pytest.fixture(scope="module")
def unbroken():
    return fit()


def test_it_finds_a_minimum():
    module = weight()
    recipe = Recipe(epochs=100, batch_size=1, lr=0.5, weight_decay=0.0)
    history = train(module, lambda step: (module.x - 3).square(), 2, recipe)
    assert module.x.item() == pytest.approx(3.0, abs=1e-2)
    assert history.best_epoch == 99
    assert len(history.train_loss) == 100
    assert history.validation == ()
    assert not history.stopped_early


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (8, [8]), (9, [5, 4]), (17, [6, 6, 5])])
def test_an_epoch_is_every_example_once_in_equal_batches(count, sizes):
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


def test_the_training_loss_is_the_mean_over_examples():
    module = weight()
    values = torch.tensor([1.0, 2.0, 6.0])
    history = train(module, lambda step: values[step.indices].mean() + 0 * module.x, 3, Recipe(1, batch_size=2))
    assert history.train_loss == (3.0,)


def test_the_first_step_is_adam_s():
    module = weight(2.0)
    recipe = Recipe(1, lr=0.1, weight_decay=0.0, schedule="step")
    train(module, lambda step: module.x.square(), 1, recipe)
    assert module.x.item() == pytest.approx(1.9)  # Adam's first step is as long as the learning rate


def test_weight_decay_of_adamw_is_decoupled_and_of_adam_is_not():
    ends = {}
    for optimizer in ("adamw", "adam"):
        module = weight(2.0)
        recipe = Recipe(1, lr=0.1, weight_decay=0.5, schedule="step", optimizer=optimizer)
        train(module, lambda step, module=module: 0 * module.x, 1, recipe)
        ends[optimizer] = module.x.item()
    assert ends["adamw"] == pytest.approx(2.0 * (1 - 0.1 * 0.5))
    assert ends["adam"] == pytest.approx(1.9)


@pytest.mark.parametrize(("clip", "length"), [(1.0, 1.0), (500.0, 100.0), (None, 100.0)])
def test_clipping_bounds_the_gradient(monkeypatch, clip, length):
    module, seen = weight(), []
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda optimizer: seen.append(module.x.grad.item()))
    train(module, lambda step: 100 * module.x, 1, Recipe(1, clip=clip))
    assert seen == [pytest.approx(length)]


def test_one_cycle_rises_to_the_peak_and_falls():
    recipe = Recipe(epochs=10, lr=2.0)
    rates = [recipes.learning_rate(recipe, number, 101) for number in range(1010)]
    peak = rates.index(max(rates))
    assert rates[0] == pytest.approx(2.0 * recipes.FIRST_LR)
    assert max(rates) == pytest.approx(2.0, rel=1e-5)
    assert peak == pytest.approx(recipes.WARM_UP * 1009, abs=1)
    assert rates[-1] == pytest.approx(2.0 * recipes.LAST_LR)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize(("epochs", "rates"), [(1, [1.0]), (2, [recipes.FIRST_LR, recipes.LAST_LR])])
def test_one_cycle_of_very_few_steps(epochs, rates):
    recipe = Recipe(epochs=epochs, lr=1.0)
    assert [recipes.learning_rate(recipe, n, 1) for n in range(epochs)] == pytest.approx(rates)


def test_step_schedule_drops_at_milestones():
    recipe = Recipe(epochs=5, lr=1.0, schedule="step", milestones=(2, 3))
    rates = [recipes.learning_rate(recipe, number, 2) for number in range(0, 10, 2)]
    assert rates == pytest.approx([1.0, 1.0, 0.1, 0.01, 0.01])


def test_the_step_is_the_recipe_s():
    recipe = Recipe(epochs=4, lr=1.0, schedule="step", milestones=(1, 3), step_decay=0.5)
    assert [recipes.learning_rate(recipe, number, 1) for number in range(4)] == pytest.approx([1.0, 0.5, 0.5, 0.25])


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_the_betas_are_the_recipe_s(optimizer):
    parameters = [nn.Parameter(torch.zeros(1))]
    made = recipes.new_optimizer(parameters, Recipe(epochs=1, optimizer=optimizer, betas=(0.5, 0.99)))
    assert [group["betas"] for group in made.param_groups] == [(0.5, 0.99)]
    assert recipes.new_optimizer(parameters, Recipe(epochs=1)).defaults["betas"] == (0.9, 0.999)


def test_a_recipe_survives_json():
    for recipe in (Recipe(epochs=3), Recipe(epochs=9, milestones=(2, 5), betas=(0.5, 0.9), clip=None, patience=None)):
        assert Recipe.restored(json.loads(json.dumps(asdict(recipe)))) == recipe
    with pytest.raises(TypeError):
        Recipe.restored({"epochs": 3, "speed": 1})


def test_the_weights_of_the_lowest_validation_are_kept():
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
def test_patience(values, epochs):
    module, seen = weight(), []
    history = train(
        module,
        lambda step: module.x.square(),
        1,
        Recipe(epochs=len(values), patience=2),
        validate=from_list(values),
        progress=Progress(seen.append),
    )
    assert history.validation == tuple(values[:epochs])
    assert history.best_epoch == values.index(min(values[:epochs]))
    assert history.stopped_early
    assert seen[-1].fraction == 1.0
    assert "stopped early" in seen[-1].note


def test_patience_without_validation_goes_by_the_training_loss():
    module = weight()
    history = train(module, lambda step: 1 + 0 * module.x, 1, Recipe(epochs=9, patience=3))
    assert len(history.train_loss) == 4
    assert history.best_epoch == 3


def test_the_end_of_the_recipe_is_no_early_stop():
    module = weight()
    recipe = Recipe(epochs=3, patience=2)
    history = train(module, lambda step: module.x.square(), 1, recipe, validate=from_list([1.0, 1.0, 1.0]))
    assert not history.stopped_early


def test_same_seed_same_bits_and_the_global_random_numbers_are_untouched(unbroken):
    module, loss, validate = learner()
    torch.manual_seed(12345)
    before = torch.get_rng_state()
    history = train(module, loss, COUNT, RECIPE, validate=validate)
    assert torch.equal(torch.get_rng_state(), before)
    same(unbroken, (module, history))


def test_another_seed_gives_other_numbers(unbroken):
    assert fit(recipe=Recipe(epochs=3, batch_size=8, seed=1))[1].train_loss != unbroken[1].train_loss


def test_every_step_has_random_numbers_of_its_own():
    module, drawn = weight(), []

    def loss(step):
        drawn.append((torch.rand(4, generator=step.generator).tolist(), torch.rand(4).tolist()))
        return module.x.square()

    train(module, loss, 2, Recipe(epochs=2, batch_size=1))
    assert len({tuple(numbers) for pair in drawn for numbers in pair}) == 8


def test_frozen_parameters_stay():
    before = learner()[0][4].bias
    assert torch.equal(fit()[0][4].bias, before)


def test_it_trains_inside_no_grad():
    module = weight(1.0)
    with torch.no_grad():
        train(module, lambda step: module.x.square(), 1, Recipe(1))
    assert module.x.item() < 1.0


def test_progress_counts_every_step():
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
def test_a_loss_or_gradient_that_is_not_finite_says_where_and_keeps_the_best(bad, said):
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


def test_a_validation_that_is_not_finite():
    module = weight()
    with pytest.raises(XaiWidgetsError, match="validation became nan in epoch 1"):
        train(module, lambda step: module.x.square(), 1, Recipe(1), validate=lambda: math.nan)


def test_what_cannot_be_trained_is_said():
    module = weight()
    with pytest.raises(PictureError, match="0 examples"):
        train(module, lambda step: module.x, 0, Recipe(1))
    with pytest.raises(XaiWidgetsError, match="sharpening: no parameter"):
        train(module.requires_grad_(False), lambda step: module.x, 1, Recipe(1), task="sharpening")


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"epochs": 1, "batch_size": 0}, {"epochs": 1, "optimizer": "sgd"}, {"epochs": 1, "schedule": "x"}],
)
def test_wrong_recipes(wrong):
    name, value = list(wrong.items())[-1]
    with pytest.raises(XaiWidgetsError, match=f"{name} is {value!r}"):
        Recipe(**wrong)


@pytest.mark.parametrize("done", [1, 4, 5, 12, 15])
def test_cancel_keeps_all_in_the_checkpoint_and_resumes_bit_by_bit(unbroken, tmp_path, done):
    progress = Progress()
    cancel = {done - 1: progress.cancel}
    with pytest.raises(CancelledError):
        fit(tmp_path / "run", lambda number: cancel.get(number, int)(), progress=progress)
    seen, steps = [], []
    resumed = fit(tmp_path / "run", steps.append, progress=Progress(seen.append))
    assert steps == list(range(done, 15))  # not one step is done again
    assert seen[0].done == done
    same(unbroken, resumed)
    assert list(tmp_path.iterdir()) == []


def test_cancel_leaves_the_weights_of_the_best_finished_epoch():
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


@pytest.mark.parametrize("number", [0, 1, 4, 5, 6, 14])
def test_an_error_at_any_step_resumes_bit_by_bit(unbroken, tmp_path, monkeypatch, number):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)

    def fail(step):
        if step == number:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", fail)
    same(unbroken, fit(tmp_path / "run"))


def test_a_resume_knows_the_best_weights_of_before(tmp_path):
    module, progress, ends = weight(), Progress(), []

    def loss(step):
        if step.number == 2:
            progress.cancel()
        return (module.x - 3).square()

    def validate():
        ends.append(module.x.item())
        return float(len(ends))  # the first epoch is the best

    more = {"validate": validate, "checkpoint": tmp_path / "run"}
    with pytest.raises(CancelledError):
        train(module, loss, 1, Recipe(4), progress=progress, **more)
    module.x.data.fill_(7.0)
    history = train(module, loss, 1, Recipe(4), **more)
    assert history.best_epoch == 0
    assert module.x.item() == ends[0]


def test_without_time_for_more_the_checkpoint_is_that_of_the_last_epoch(unbroken, tmp_path):
    def fail(step):
        if step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", fail)
    steps = []
    same(unbroken, fit(tmp_path / "run", steps.append))
    assert steps == list(range(5, 15))


def test_a_run_that_ended_just_before_its_checkpoint_was_removed(unbroken, tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "remove", lambda path: None)
    fit(tmp_path / "run")
    steps = []
    same(unbroken, fit(tmp_path / "run", steps.append))
    assert steps == []


def test_an_early_stop_is_resumed_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "remove", lambda path: None)
    module = weight()
    for values in ([1.0, 1.0], []):
        history = train(
            module,
            lambda step: module.x.square(),
            1,
            Recipe(epochs=9, patience=1),
            validate=from_list(values),
            checkpoint=tmp_path / "run",
        )
        assert history.stopped_early
        assert history.validation == (1.0, 1.0)


def test_seconds_before_a_resume_count(tmp_path):
    progress, seen = Progress(), []
    with pytest.raises(CancelledError):
        fit(tmp_path / "run", lambda number: progress.cancel(), progress=progress)
    saved = artifact.load(tmp_path / "run", "training checkpoint")[1]["position"]["seconds"]
    _, history = fit(tmp_path / "run", progress=Progress(seen.append))
    assert seen[0].seconds == saved > 0
    assert history.seconds > saved


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recipe": Recipe(epochs=3, batch_size=8, patience=50, lr=0.1)}, r"recipe.lr 0.005 there, 0.1 here"),
        ({"task": "other"}, r"task training there, other here"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_kept(tmp_path, change, said):
    progress = Progress()
    with pytest.raises(CancelledError):
        fit(tmp_path / "run", lambda number: progress.cancel(), progress=progress)
    before = (tmp_path / "run.safetensors").read_bytes()
    with pytest.raises(ArtifactError, match=rf"run.safetensors is the checkpoint of another training \({said}\)"):
        fit(tmp_path / "run", **change)
    assert (tmp_path / "run.safetensors").read_bytes() == before


def test_a_checkpoint_of_another_shape_or_another_file_is_refused(tmp_path):
    progress = Progress()
    with pytest.raises(CancelledError):
        fit(tmp_path / "run", lambda number: progress.cancel(), progress=progress)
    module = weight()
    with pytest.raises(ArtifactError, match="shapes"):
        train(module, lambda step: module.x, COUNT, RECIPE, checkpoint=tmp_path / "run")
    artifact.save(tmp_path / "run", "cladec", {}, {})
    with pytest.raises(ArtifactError, match="holds 'cladec'"):
        fit(tmp_path / "run")


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


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(("where", "first"), [("step", 7), ("write", 7)])
def test_a_killed_run_resumes_bit_by_bit(unbroken, tmp_path, where, first):
    code = f"import test_training; test_training.die({str(tmp_path / 'run')!r}, {where!r})"
    ended = subprocess.run([sys.executable, "-c", code], cwd=FOLDER, env=environment(), check=False)
    assert ended.returncode == -signal.SIGKILL
    steps = []
    same(unbroken, fit(tmp_path / "run", steps.append))
    assert steps == list(range(first, 15))
    assert list(tmp_path.iterdir()) == []


def environment():
    """That of the other process: as many threads as here, since sums over threads round differently."""
    threads = str(torch.get_num_threads())
    path = os.pathsep.join([str(FOLDER), str(FOLDER.parent)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_trains_and_leaves_the_random_numbers(tmp_path):
    module, _, _ = learner()
    module.cuda()
    data = torch.randn(COUNT, 4).cuda()
    before = torch.cuda.get_rng_state()
    history = train(module, lambda step: module(data[step.indices.cuda()]).square().mean(), COUNT, RECIPE)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert history.train_loss[-1] < history.train_loss[0]
