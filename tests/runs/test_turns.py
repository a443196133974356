"""Processes that fit into one folder take turns."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from xai_widgets.errors import ArtifactError, CancelledError
from xai_widgets.progress import Progress
from xai_widgets.runs import turns
from xai_widgets.runs.turns import rank, turn

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files are locked on POSIX only")


def hold(folder, begun, free):
    with turn(folder, Progress()):
        begun.set()
        free.wait(60)


@pytest.fixture
def other(tmp_path):
    """Another process that fits in a folder until it is told to leave."""
    context = multiprocessing.get_context("fork")
    begun, free = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "run", begun, free))
    process.start()
    assert begun.wait(60)
    yield process, free
    if process.is_alive():  # to set an event waits for those who wait for it, also if they are dead
        free.set()
    process.join(60)


def test_the_second_waits_says_so_and_goes_on(tmp_path, other):
    process, free = other
    said = []

    def say(sentence):
        said.append(sentence)
        free.set()

    with turn(tmp_path / "run", Progress(), say):
        process.join(60)
    assert len(said) == 1
    assert f"number {process.pid} on " in said[0]
    assert said[0].endswith(f"is fitting in {tmp_path / 'run'}; waiting for it.")
    assert not (tmp_path / "run").exists()


def test_nobody_waits_for_the_dead(tmp_path, other):
    process, _ = other
    process.kill()
    process.join(60)
    assert (tmp_path / "run" / turns.NAME).exists()
    with turn(tmp_path / "run", Progress(), pytest.fail):
        pass


def test_waiting_can_be_cancelled(tmp_path, other):
    progress = Progress(lambda state: progress.cancel())
    with pytest.raises(CancelledError), turn(tmp_path / "run", progress):
        pass


def test_fits_of_one_process_do_not_wait_for_each_other(tmp_path):
    with turn(tmp_path, Progress()):
        with turn(tmp_path, Progress(), pytest.fail):
            pass
        assert (tmp_path / turns.NAME).exists()
    assert not (tmp_path / turns.NAME).exists()


def test_a_folder_with_something_in_it_stays(tmp_path):
    with turn(tmp_path / "run", Progress()):
        (tmp_path / "run" / "file").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["file"]


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="cannot be written to"), turn(tmp_path / "file" / "run", Progress()):
        pass


@pytest.mark.parametrize(("text", "number"), [("3", 3), ("0", 0), ("", 0), ("x", 0), ("-1", 0)])
def test_ranks(text, number):
    assert rank({"RANK": text}) == number
    assert rank({}) == 0
