"""A training that ends before its time is resumed bit by bit, and never as another training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from xai_widgets import artifact, training
from xai_widgets.errors import ArtifactError, CancelledError
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.training import train

FOLDER = Path(__file__).parent
COUNT = 33
RECIPE = Recipe(epochs=3, batch_size=8, patience=50)


@pytest.fixture
def cancelled(tmp_path, fit):
    """The checkpoint of a training that was cancelled at its first step."""
    progress = Progress()
    with pytest.raises(CancelledError):
        fit(tmp_path / "run", lambda number: progress.cancel(), progress=progress)


@pytest.mark.parametrize("done", [1, 4, 5, 12, 15])
def test_cancel_keeps_all_in_the_checkpoint_and_resumes_bit_by_bit(unbroken, tmp_path, done, fit, same):
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


@pytest.mark.parametrize("number", [0, 1, 4, 5, 6, 14])
def test_an_error_at_any_step_resumes_bit_by_bit(unbroken, tmp_path, monkeypatch, number, fit, same):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)

    def fail(step):
        if step == number:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", fail)
    same(unbroken, fit(tmp_path / "run"))


def test_a_resume_knows_the_best_weights_of_before(tmp_path, weight):
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


def test_without_time_for_more_the_checkpoint_is_that_of_the_last_epoch(unbroken, tmp_path, fit, same):
    def fail(step):
        if step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", fail)
    steps = []
    same(unbroken, fit(tmp_path / "run", steps.append))
    assert steps == list(range(5, 15))


def test_a_run_that_ended_just_before_its_checkpoint_was_removed(unbroken, tmp_path, monkeypatch, fit, same):
    monkeypatch.setattr(artifact, "remove", lambda path: None)
    fit(tmp_path / "run")
    steps = []
    same(unbroken, fit(tmp_path / "run", steps.append))
    assert steps == []


def test_an_early_stop_is_resumed_as_one(tmp_path, monkeypatch, weight):
    monkeypatch.setattr(artifact, "remove", lambda path: None)
    module = weight()
    for values in ([1.0, 1.0], []):
        history = train(
            module,
            lambda step: module.x.square(),
            1,
            Recipe(epochs=9, patience=1),
            validate=iter(values).__next__,
            checkpoint=tmp_path / "run",
        )
        assert history.stopped_early
        assert history.validation == (1.0, 1.0)


@pytest.mark.usefixtures("cancelled")
def test_seconds_before_a_resume_count(tmp_path, fit):
    seen = []
    saved = artifact.load(tmp_path / "run", "training checkpoint")[1]["position"]["seconds"]
    _, history = fit(tmp_path / "run", progress=Progress(seen.append))
    assert seen[0].seconds == saved > 0
    assert history.seconds > saved


@pytest.mark.usefixtures("cancelled")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recipe": Recipe(epochs=3, batch_size=8, patience=50, lr=0.1)}, r"recipe.lr 0.005 there, 0.1 here"),
        ({"task": "other"}, r"task training there, other here"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_kept(tmp_path, change, said, fit):
    before = (tmp_path / "run.safetensors").read_bytes()
    with pytest.raises(ArtifactError, match=rf"run.safetensors is the checkpoint of another training \({said}\)"):
        fit(tmp_path / "run", **change)
    assert (tmp_path / "run.safetensors").read_bytes() == before


@pytest.mark.usefixtures("cancelled")
def test_a_checkpoint_of_another_shape_or_another_file_is_refused(tmp_path, fit, weight):
    module = weight()
    with pytest.raises(ArtifactError, match="shapes"):
        train(module, lambda step: module.x, COUNT, RECIPE, checkpoint=tmp_path / "run")
    artifact.save(tmp_path / "run", "cladec", {}, {})
    with pytest.raises(ArtifactError, match="holds 'cladec'"):
        fit(tmp_path / "run")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(("where", "first"), [("step", 7), ("write", 7)])
def test_a_killed_run_resumes_bit_by_bit(unbroken, tmp_path, where, first, fit, same):
    code = f"import conftest; conftest.die({str(tmp_path / 'run')!r}, {where!r})"
    ended = subprocess.run([sys.executable, "-c", code], cwd=FOLDER, env=environment(), check=False)
    assert ended.returncode == -signal.SIGKILL
    steps = []
    same(unbroken, fit(tmp_path / "run", steps.append))
    assert steps == list(range(first, 15))
    assert list(tmp_path.iterdir()) == []


def environment():
    """That of the other process: as many threads as here, since sums over threads round differently."""
    threads = str(torch.get_num_threads())
    path = os.pathsep.join([str(FOLDER), str(FOLDER.parents[1])])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
