"""Progress counts, reports seldom, and stops the work when asked from another thread."""

from __future__ import annotations

import threading

import pytest

from xai_widgets import progress as module
from xai_widgets.errors import CancelledError
from xai_widgets.progress import Progress, ProgressState, bar


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("done", "total", "fraction", "left"),
    [(0, 4, 0.0, None), (1, 4, 0.25, 6.0), (4, 4, 1.0, 0.0), (5, 4, 1.0, 0.0), (0, 0, 1.0, 0.0)],
)
def test_fraction_and_time_left(done, total, fraction, left):
    state = ProgressState("fit", done, total, 2.0, "")
    assert state.fraction == fraction
    assert state.seconds_left == left


def test_a_task_starts_from_nothing_or_from_what_it_took_before(clock):
    assert Progress().state.fraction == 0.0
    assert Progress().state.seconds_left is None
    progress = Progress()
    progress.start("first", 1)
    progress.advance()
    progress.start("second", 3)
    progress.advance(2)
    assert (progress.state.task, progress.state.done, progress.state.total) == ("second", 2, 3)
    progress = Progress()
    progress.start("fit", 10, done=4, seconds=8.0)
    clock[0] += 2.0
    progress.advance()
    assert progress.state.seconds_left == pytest.approx(10.0)


def test_reports_at_most_every_tenth_of_a_second_but_always_the_first_and_last(clock):
    seen = []
    progress = Progress(seen.append)
    progress.start("fit", 10)
    for _ in range(10):
        clock[0] += 0.04
        progress.advance(note="x")
    assert [state.done for state in seen] == [0, 3, 6, 9, 10]
    assert seen[-1] == progress.state
    assert (progress.state.task, progress.state.note) == ("fit", "x")
    assert progress.state.seconds == pytest.approx(0.4)


def test_cancel_from_a_report_or_another_thread_stops_at_the_next_step():
    progress = Progress(lambda state: progress.cancel() if state.done == 2 else None)
    progress.start("fit", 2)
    progress.advance()
    with pytest.raises(CancelledError, match="2 of 2"):
        progress.advance()
    progress = Progress()
    progress.start("fit", 3)
    thread = threading.Thread(target=progress.cancel)
    thread.start()
    thread.join()
    with pytest.raises(CancelledError, match="fit was cancelled after 1 of 3 steps"):
        progress.advance()
    with pytest.raises(CancelledError):
        progress.check()
    with pytest.raises(CancelledError):
        progress.start("more", 1)


def test_bar_shows_where_the_task_is_from_begin_to_end(capsys):
    with bar() as progress:
        progress.start("fitting", 2)
        progress.advance(2, "loss 0.5")
        assert progress._shown is None  # closed at the end of the task
    shown = capsys.readouterr().err
    assert "fitting" in shown
    assert "2/2" in shown
    assert "loss 0.5" in shown
    with bar() as progress:
        progress.start("fitting", 8, done=6)
    assert "6/8" in capsys.readouterr().err


def test_a_new_task_closes_the_bar_of_an_unfinished_one(capsys):
    with bar() as progress:
        progress.start("first", 2)
        first = progress._shown
        progress.start("second", 2)
        assert first.disable  # what tqdm sets on close
    assert "second" in capsys.readouterr().err


def test_bar_is_closed_on_cancel_and_on_an_error():
    progress = bar()
    progress.start("fitting", 2)
    progress.cancel()
    with pytest.raises(CancelledError):
        progress.check()
    assert progress._shown is None
    progress = bar()

    def fail():
        with progress:
            progress.start("fitting", 2)
            raise KeyError("broken")

    with pytest.raises(KeyError):
        fail()
    assert progress._shown is None


def test_a_part_shows_nothing_and_is_cancelled_with_the_whole() -> None:
    states: list[ProgressState] = []
    whole = Progress(states.append)
    whole.start("whole", 2)
    part = whole.part()
    part.start("part", 3)
    part.advance()
    assert [state.task for state in states] == ["whole"]
    assert whole.state.done == 0
    whole.cancel()
    with pytest.raises(CancelledError, match="part was cancelled after 1 of 3 steps"):
        part.check()
