"""A CAE is fitted in its explorer, and what goes wrong is told in red."""

from __future__ import annotations

import torch

from tests.widgets.cae.conftest import held_out, other, settle
from tests.widgets.conftest import red
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.study import Study

LONG = 60.0


# --- fitting -----------------------------------------------------------------------------------------------------


def test_a_click_fits_in_the_background(travel, unfitted):
    explorer = travel(unfitted, target=1)
    assert explorer.scene is None
    assert "press “Fit”" in explorer.sentence
    assert all(control.disabled for control in explorer.controls.row)
    assert explorer.fitting.layout.display is None
    explorer.picture = 3
    explorer.point = (0.1, 0.1)
    assert (red(explorer), explorer.scene) == ("", None)
    explorer.fit.click()
    assert settle(explorer).equal(held_out(explorer, 3))
    assert unfitted.fitted
    assert explorer.fitting.layout.display == "none"
    assert not explorer.controls.target.disabled


def test_a_fit_is_watched_cancelled_and_taken_up_again(travel, unfitted, monkeypatch):
    monkeypatch.setattr("xai_widgets.progress.REPORT_SECONDS", -1.0)  # every step is told
    explorer = travel(unfitted)
    told, busy, update = [], [], explorer._progress.update

    def watch(state):
        told.append(state)
        update(state)
        busy.append(explorer.fit.disabled)
        if state.task == "CAE" and state.done == 3:
            explorer.cancel()

    with monkeypatch.context() as patch:
        patch.setattr(explorer._progress, "update", watch)
        explorer.fit.click()
        assert explorer.wait(LONG)
    assert all(busy)
    assert (explorer.task.state, unfitted.fitted, explorer.last_error) == ("cancelled", False, None)
    assert not explorer.fit.disabled
    told.clear()
    monkeypatch.setattr(explorer._progress, "update", lambda state: (told.append(state), update(state)))
    explorer.fit.click()
    settle(explorer)
    assert min(state.done for state in told if state.task == "CAE") == 3


# --- what goes wrong ---------------------------------------------------------------------------------------------


def test_a_target_that_cannot_be_led_to_is_told_in_red(travel, reader, squares, fit_cae):
    model = reader(classes=5)
    with torch.no_grad():
        model.logits.bias[4] = -99  # the fifth class is predicted for no picture
    rare = travel(fit_cae(Study(model, squares(40))))
    rare.target = other(rare) % 4
    assert rare.wait(LONG)
    before, rows = rare.scene, rare.view.path.film.rows
    rare.target = 4
    assert rare.wait(LONG)
    assert "choose another target" in red(rare)
    assert isinstance(rare.last_error, XaiWidgetsError)
    assert (rare.scene, rare.view.path.film.rows) == (before, rows)
    rare.last_error = None
    rare.target = None
    settle(rare)
    assert red(rare) == ""


def test_an_exact_picture_that_fails_is_told_in_red(led, monkeypatch):
    exact = led.view.atlas.exact

    def fail(*args, **options):
        raise RuntimeError("out of memory <b>")

    with monkeypatch.context() as patch:
        patch.setattr(led.explainer, "decode", fail)
        led.point = led.scene.home
        assert led.wait(LONG)
    assert "RuntimeError: out of memory &lt;b&gt;" in red(led)
    assert led.view.atlas.exact == exact
    led.last_error = None
    led.point = (0.0, 0.0)
    settle(led)
    assert red(led) == ""


def test_pictures_that_cannot_be_loaded_are_told_in_red(led, monkeypatch):
    before = led.scene

    def fail(*args):
        raise OSError("disk gone")

    monkeypatch.setattr("xai_widgets.methods.cae.scene.load", fail)
    led.picture = 5
    assert led.wait(LONG)
    assert "disk gone" in red(led)
    assert led.scene is before


# --- before a fit ------------------------------------------------------------------------------------------------


def test_whether_the_pictures_suffice_is_found_out_when_asked(travel, unfitted, monkeypatch):
    monkeypatch.setattr("xai_widgets.methods.cae.sufficiency.STEPS", 4)
    explorer = travel(unfitted)
    assert " classes are few: the smallest fit that could be trusted had 140" in explorer.sentence
    explorer.enough.click()
    assert explorer.wait(LONG)
    assert red(explorer) == ""
    assert explorer.sentence.startswith("The CAE is not fitted yet: press “Fit”. There are ")
    assert "changes of held-out pictures" in explorer.sentence
    assert not unfitted.fitted
    assert not explorer.enough.disabled


def test_no_trial_while_something_runs_or_all_is_there(travel, toy):
    explorer = travel(toy)
    assert explorer.fitting.layout.display == "none"
    assert explorer.enough.disabled
