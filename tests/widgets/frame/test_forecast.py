"""What a fit would take is found out aside: it waits for everything else, gives way, and is remembered."""

from __future__ import annotations

import logging
import threading

import pytest

from xai_widgets.errors import CancelledError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.common.estimate import Estimate
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.study import Study
from xai_widgets.widgets.cae.explorer import ManifoldExplorer
from xai_widgets.widgets.frame.forecast import Forecasts
from xai_widgets.widgets.frame.task import BackgroundTask

LONG = 60.0
SAID = "(about 40 s and 300 MB here)"


class Trials:
    """Trials that end when they are told to; by default at once."""

    def __init__(self):
        self.free, self.begun = threading.Event(), threading.Event()
        self.free.set()
        self.asked, self.ended, self.error = [], [], None

    def estimate(self, explainer, layer=None, *, progress):
        self.asked.append(layer)
        self.begun.set()
        try:
            while not self.free.wait(0.01):
                progress.check()
            progress.check()
        except CancelledError:
            self.ended.append(layer)
            raise
        if self.error is not None:
            raise self.error
        return Estimate(40.0, 300_000_000, "by hand")


@pytest.fixture
def trials(monkeypatch):
    made = Trials()
    monkeypatch.setattr("xai_widgets.widgets.frame.forecast.estimate", made.estimate)
    yield made
    made.free.set()


@pytest.fixture
def states():
    return []


@pytest.fixture
def task(states):
    return BackgroundTask(states.append)


@pytest.fixture
def forecasts(task):
    return Forecasts(task)


def hold(task):
    """Work that runs until it is let go."""
    begun, free = threading.Event(), threading.Event()
    task.submit(lambda progress: (begun.set(), free.wait(LONG)), lambda _: None)
    assert begun.wait(LONG)
    return free


# --- aside -----------------------------------------------------------------------------------------------------------


def test_it_is_found_out_once_and_remembered(forecasts, task, trials, states):
    told = []
    assert forecasts.said("a") == ""
    for _ in range(2):
        forecasts.ask("a", None, lambda: told.append(forecasts.said("a")), "layer")
        assert task.wait(LONG)
    assert told == [f" {SAID}"]
    assert trials.asked == ["layer"]
    assert (states, task.state) == ([], "idle")  # nobody waits for it


def test_asked_again_meanwhile_it_goes_on(forecasts, task, trials):
    trials.free.clear()
    for _ in range(3):
        forecasts.ask("a", None, lambda: None)
        assert trials.begun.wait(LONG)
    trials.free.set()
    assert task.wait(LONG)
    assert len(trials.asked) == 1
    assert forecasts.said("a")


def test_another_one_takes_its_place(forecasts, task, trials):
    trials.free.clear()
    forecasts.ask("a", None, lambda: None, "a")
    assert trials.begun.wait(LONG)
    forecasts.ask("b", None, lambda: None, "b")
    forecasts.ask("c", None, lambda: None, "c")
    trials.free.set()
    assert task.wait(LONG)
    assert trials.ended == ["a"]
    assert trials.asked == ["a", "c"]
    assert (forecasts.said("a"), forecasts.said("b"), forecasts.said("c")) == ("", "", f" {SAID}")


def test_it_gives_way_to_work_that_somebody_waits_for(forecasts, task, trials, states):
    told, results = [], []
    trials.free.clear()
    forecasts.ask("a", None, lambda: told.append("a"))
    assert trials.begun.wait(LONG)
    task.submit(lambda _: 3, results.append)
    assert task.wait(LONG)
    assert (told, results, states) == ([], [3], ["running", "finished"])


def test_it_waits_for_what_runs_and_does_not_stop_it(forecasts, task, trials, states):
    free = hold(task)
    forecasts.ask("a", None, lambda: states.append("told"))
    assert trials.asked == []
    free.set()
    assert task.wait(LONG)
    assert states == ["running", "finished", "told"]
    assert task.state == "finished"


def test_it_is_not_begun_before_something_that_waits(forecasts, task, trials):
    free = hold(task)
    results = []
    task.submit(lambda _: 3, results.append)
    forecasts.ask("a", None, lambda: None)
    free.set()
    assert task.wait(LONG)
    assert (results, trials.asked) == ([3], [])


def test_cancel_ends_it_without_a_word(forecasts, task, trials, states):
    trials.free.clear()
    forecasts.ask("a", None, lambda: states.append("told"))
    assert trials.begun.wait(LONG)
    task.cancel()
    assert task.wait(LONG)
    assert (states, task.state, task.error) == ([], "idle", None)
    trials.free.set()
    forecasts.ask("a", None, lambda: states.append("told"))
    assert task.wait(LONG)
    assert states == ["told"]


def test_cancelling_a_fit_forgets_what_waits_behind_it(forecasts, task, trials, states):
    begun = threading.Event()

    def fit(progress):
        begun.set()
        while True:
            progress.check()

    task.submit(fit, lambda _: None)
    assert begun.wait(LONG)
    forecasts.ask("a", None, lambda: None)
    task.cancel()
    assert task.wait(LONG)
    assert (states, trials.asked) == (["running", "cancelled"], [])


def test_a_trial_that_fails_says_nothing_and_is_not_tried_again(forecasts, task, trials, states, caplog):
    trials.error = XaiWidgetsError("the loss became nan")
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            forecasts.ask("a", None, lambda: None)
            assert task.wait(LONG)
    assert (forecasts.said("a"), states, len(trials.asked)) == ("", [], 1)
    assert "the loss became nan" in caplog.text


def test_what_its_listener_raises_goes_to_the_log(task, states, caplog):
    def fail(_):
        raise RuntimeError("closed meanwhile")

    with caplog.at_level(logging.INFO):
        task.submit_aside("a", lambda _: 1, fail)
        assert task.wait(LONG)
    assert states == []
    assert "closed meanwhile" in caplog.text


# --- in the explorers ------------------------------------------------------------------------------------------------


@pytest.fixture
def cladec(new_study):
    return ClaDec(new_study(), ["conv2", "fc"], epochs=1, width=4)


@pytest.fixture
def squares_read(reader, squares):
    return Study(reader(), squares(40))


def test_cladec_explorer_says_it(explore, cladec, trials):
    explorer = explore(cladec, "conv2", rows=1)
    assert explorer.task.wait(LONG)
    assert explorer.sentence == f"conv2 is not fitted yet: press “Fit this layer” {SAID}."
    assert explorer._progress.widget.layout.visibility == "hidden"
    explorer.picker.value = "fc"
    assert explorer.task.wait(LONG)
    assert explorer.sentence.startswith("fc is not fitted yet")
    explorer.pager.value = 2
    explorer.picker.value = "conv2"
    assert SAID in explorer.sentence
    assert trials.asked == ["conv2", "fc"]


def test_cladec_explorer_fits_without_waiting_for_it(explore, cladec, trials):
    trials.free.clear()
    explorer = explore(cladec, "conv2", rows=1)
    assert trials.begun.wait(LONG)
    assert explorer.sentence == "conv2 is not fitted yet: press “Fit this layer”."
    assert not explorer.fit.disabled
    explorer.fit.click()
    assert explorer.task.wait(LONG)
    assert explorer.cladec.layers == ("conv2",)
    assert "not fitted" not in explorer.sentence
    assert trials.ended == ["conv2"]


def test_cladec_explorer_that_fits_one_layer_is_not_stopped_by_another(explore, cladec, trials, monkeypatch):
    explorer = explore(cladec, "conv2", rows=1)
    assert explorer.task.wait(LONG)
    begun, free, fit = threading.Event(), threading.Event(), cladec.fit

    def slowly(*args, **options):
        begun.set()
        free.wait(LONG)
        return fit(*args, **options)

    monkeypatch.setattr(cladec, "fit", slowly)
    explorer.fit.click()
    assert begun.wait(LONG)
    explorer.picker.value = "fc"
    free.set()
    assert explorer.task.wait(LONG)
    assert (explorer.task.state, explorer.cladec.layers) == ("finished", ("conv2",))
    assert explorer.sentence == f"fc is not fitted yet: press “Fit this layer” {SAID}."


def test_cladec_explorer_that_has_turned_to_a_fitted_layer_shows_that(explore, fitted, trials):
    trials.free.clear()
    explorer = explore(fitted, "norm", rows=1)
    assert trials.begun.wait(LONG)
    explorer.picker.value = "fc"
    shown = explorer.sentence
    trials.free.set()
    assert explorer.task.wait(LONG)
    assert explorer.sentence == shown
    assert "not fitted" not in shown


def test_concept_explorer_says_it(conceive, squares_read, trials):
    explorer = conceive(SRAE(squares_read, "pool", epochs=1))
    assert explorer.task.wait(LONG)
    assert explorer.sentence == f"pool has no x-features yet: press “Fit x-features” {SAID}."
    explorer.controls.layer.value = "flat"
    assert explorer.task.wait(LONG)
    assert explorer.sentence == f"flat has no x-features yet: press “Fit x-features” {SAID}."
    explorer.controls.layer.value = "pool"
    assert SAID in explorer.sentence
    assert len(trials.asked) == 2


def test_concept_explorer_fits_without_waiting_for_it(conceive, squares_read, trials):
    trials.free.clear()
    explorer = conceive(SRAE(squares_read, "pool", epochs=1), wait=False)
    assert trials.begun.wait(LONG)
    explorer.controls.fit.click()
    assert explorer.task.wait(LONG)
    assert explorer.srae.fitted
    assert explorer.shown is not None
    assert len(trials.ended) == 1


def test_manifold_explorer_says_it(travel, reader, squares, trials):
    explorer = travel(CAE(Study(reader(), squares(40)), epochs=1, width=4))
    assert explorer.wait(LONG)
    assert explorer.sentence == f"The CAE is not fitted yet: press “Fit” {SAID}."
    assert not explorer.controls.fit.disabled


@pytest.mark.filterwarnings("ignore:Moving the code does not move the classifier")
@pytest.mark.filterwarnings("ignore:The decoder ignores")
def test_manifold_explorer_fits_without_waiting_for_it(travel, reader, squares, trials):
    trials.free.clear()
    explorer = travel(CAE(Study(reader(), squares(40)), epochs=1, width=4), wait=False)
    assert trials.begun.wait(LONG)
    assert not explorer.controls.fit.disabled
    explorer.controls.fit.click()
    assert explorer.wait(LONG)
    assert explorer.cae.fitted
    assert "not fitted" not in explorer.sentence


def test_closing_ends_a_trial(reader, squares, trials):
    trials.free.clear()
    explorer = ManifoldExplorer(CAE(Study(reader(), squares(40)), epochs=1, width=4))
    assert trials.begun.wait(LONG)
    explorer.close()
    assert trials.ended == [None]


def test_a_real_trial_ends_in_words(explore, cladec):
    explorer = explore(cladec, "conv2", rows=1)
    assert explorer.task.wait(LONG)
    assert "(about " in explorer.sentence
    assert "MB here)" in explorer.sentence
    assert cladec.layers == ()
