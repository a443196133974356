"""The latest request wins, cancelling works, and errors are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.task import BackgroundTask, TaskState

LONG = 10.0


@pytest.fixture
def states() -> list[TaskState]:
    return []


@pytest.fixture
def task(states: list[TaskState]) -> BackgroundTask:
    return BackgroundTask(states.append)


def ignore(_: object) -> None:
    pass


def until_cancelled(begun: threading.Event) -> Callable[[Progress], str]:
    """Work that never ends by itself."""

    def work(progress: Progress) -> str:
        begun.set()
        while True:
            progress.check()

    return work


def test_work_runs_elsewhere_and_its_result_arrives(task: BackgroundTask, states: list[TaskState]) -> None:
    threads: list[int] = []
    results: list[int] = []
    assert task.state == "idle"
    task.submit(lambda _: threads.append(threading.get_ident()) or 3, results.append)
    assert task.wait(LONG)
    assert results == [3]
    assert threads != [threading.get_ident()]
    assert states == ["running", "finished"]


def test_progress_is_passed_on(task: BackgroundTask) -> None:
    seen: list[tuple[str, int]] = []

    def work(progress: Progress) -> None:
        progress.start("fit", 2)
        progress.advance(2)

    task.submit(work, ignore, lambda state: seen.append((state.task, state.done)))
    task.wait(LONG)
    assert seen[0] == ("fit", 0)
    assert seen[-1] == ("fit", 2)


def test_a_new_request_supersedes_the_running_one(task: BackgroundTask, states: list[TaskState]) -> None:
    begun, results = threading.Event(), list[str]()
    task.submit(until_cancelled(begun), results.append)
    begun.wait(LONG)
    task.submit(lambda _: "new", results.append)
    assert task.wait(LONG)
    assert results == ["new"]
    assert states == ["running", "running", "finished"]


def test_a_stale_result_is_dropped_although_the_work_never_looked(task: BackgroundTask) -> None:
    begun, may_end, results = threading.Event(), threading.Event(), list[str]()

    def deaf(_: Progress) -> str:
        begun.set()
        may_end.wait(LONG)
        return "stale"

    task.submit(deaf, results.append)
    begun.wait(LONG)
    task.submit(lambda _: "new", results.append)
    may_end.set()
    task.wait(LONG)
    assert results == ["new"]


def test_only_the_latest_of_many_waiting_requests_runs(task: BackgroundTask) -> None:
    begun, results = threading.Event(), list[int]()
    task.submit(until_cancelled(begun), ignore)
    begun.wait(LONG)
    for place in range(50):
        task.submit(lambda _, place=place: place, results.append)
    task.wait(LONG)
    assert results[-1] == 49
    # The thread may have taken up one of them before the next superseded it, but no queue built up.
    assert results == sorted(results)


def test_cancel_ends_the_work(task: BackgroundTask, states: list[TaskState]) -> None:
    begun, results = threading.Event(), list[str]()
    task.submit(until_cancelled(begun), results.append)
    begun.wait(LONG)
    task.cancel()
    assert task.wait(LONG)
    assert (task.state, results, task.error) == ("cancelled", [], None)
    assert states == ["running", "cancelled"]


def test_cancel_without_work_changes_nothing(task: BackgroundTask, states: list[TaskState]) -> None:
    task.cancel()
    assert (task.state, states) == ("idle", [])


@pytest.mark.parametrize("place", ["work", "on_done"])
def test_errors_are_kept_with_their_traceback(task: BackgroundTask, place: str) -> None:
    def fail(_: object) -> None:
        raise ValueError("broken")

    task.submit(*((fail, ignore) if place == "work" else (ignore, fail)))
    task.wait(LONG)
    assert task.state == "failed"
    assert str(task.error) == "broken"
    assert task.error is not None
    assert task.error.__traceback__ is not None
    task.submit(ignore, ignore)
    task.wait(LONG)
    assert (task.state, task.error) == ("finished", None)


def test_an_interrupt_in_the_work_is_a_cancellation(task: BackgroundTask) -> None:
    def interrupted(_: Progress) -> None:
        raise KeyboardInterrupt

    task.submit(interrupted, ignore)
    assert task.wait(LONG)
    assert task.state == "cancelled"


def test_an_interrupt_while_waiting_cancels_the_work(task: BackgroundTask, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    task.submit(until_cancelled(begun), ignore)
    begun.wait(LONG)

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(task._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt):
            task.wait()
    assert task.wait(LONG)
    assert task.state == "cancelled"


def test_no_thread_is_left_over(task: BackgroundTask) -> None:
    before = threading.active_count()
    for _ in range(5):
        task.submit(ignore, ignore)
        task.wait(LONG)
    for thread in threading.enumerate():
        if thread.name == "xai-widgets":
            thread.join(LONG)
    assert threading.active_count() == before


def test_what_is_asked_for_while_it_is_held_begins_afterwards_and_only_the_latest(
    task: BackgroundTask, states: list[TaskState]
) -> None:
    ran = list[int]()
    with task.held():
        for place in range(3):
            task.submit(lambda _, place=place: ran.append(place), ignore)
        assert (ran, states) == ([], [])
    assert task.wait(LONG)
    assert ran == [2]


def test_nothing_begins_where_nothing_was_asked_for(task: BackgroundTask, states: list[TaskState]) -> None:
    with task.held():
        pass
    assert task.wait(LONG)
    assert states == []
