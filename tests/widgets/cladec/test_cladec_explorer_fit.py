"""ClaDecExplorer fits a layer in the background: before, meanwhile, cancelled, resumed, failed, closed."""

from __future__ import annotations

import pytest

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress

LONG = 60.0


@pytest.fixture
def unfitted(new_study):
    return ClaDec(new_study(), ["conv2", "fc"], epochs=4, width=4)


def cancel_at(explorer, monkeypatch, task, done):
    """Press Cancel at that step of that task; gives the reports, and what the layer and the button said at each."""
    told, busy, update = [], [], explorer._progress.update

    def watch(state):
        told.append(state)
        update(state)
        busy.append((explorer.picker.status[explorer.picker.value], explorer.fit.disabled))
        if state.task == task and state.done >= done:
            explorer.cancel()

    monkeypatch.setattr("xai_widgets.progress.REPORT_SECONDS", -1.0)  # every step is told
    monkeypatch.setattr(explorer._progress, "update", watch)
    return told, busy


def test_before_a_fit_there_are_placeholders_and_a_button(explore, unfitted):
    explorer = explore(unfitted, "conv2", rows=2)
    assert explorer.explanation is None
    assert not explorer.fit.disabled
    assert explorer.picker.status["conv2"] == "to fit"
    assert "conv2 is not fitted yet: press" in explorer.sentence
    for row in explorer.grid.rows:
        original, *others = row["tiles"]
        assert original["src"]
        assert [tile["src"] for tile in others] == [""] * 3
    assert all(tile["alt"].strip() for row in explorer.grid.rows for tile in row["tiles"])


def test_a_click_fits_in_the_background(explore, unfitted):
    explorer = explore(unfitted, "conv2", rows=2)
    explorer.fit.click()
    assert explorer.task.wait(LONG)
    assert (explorer.task.state, explorer.last_error) == ("finished", None)
    assert explorer.explainer is unfitted
    assert unfitted.layers == ("conv2",)
    assert explorer.fit.disabled
    assert explorer.picker.status["conv2"] == "ready"
    assert explorer.explanation.layer == "conv2"
    explorer.picker.value = "fc"
    assert not explorer.fit.disabled
    assert explorer.task.state == "finished"  # nothing heavy starts unasked
    assert explorer.sentence == "fc is not fitted yet: press “Fit this layer”."
    explorer.how_long.click()
    assert explorer.task.wait(LONG)
    assert "press “Fit this layer” (about " in explorer.sentence
    assert unfitted.layers == ("conv2",)


def test_a_cancelled_fit_leaves_nothing_and_a_second_click_resumes(explore, unfitted, new_study, monkeypatch):
    explorer = explore(unfitted, "conv2", rows=1)
    with monkeypatch.context() as patch:
        _, busy = cancel_at(explorer, patch, "auto-encoder of conv2", 3)
        explorer.fit.click()
        assert explorer.task.wait(LONG)
    assert set(busy) == {("fitting", True)}
    assert (explorer.task.state, explorer.last_error, unfitted.layers) == ("cancelled", None, ())
    assert explorer.explanation is None
    assert not explorer.fit.disabled
    assert explorer.picker.status["conv2"] == "to fit"
    with monkeypatch.context() as patch:
        told, _ = cancel_at(explorer, patch, "never", 0)
        explorer.fit.click()
        assert explorer.task.wait(LONG)
    assert unfitted.layers == ("conv2",)
    assert "ClaDec of conv2" not in {state.task for state in told}  # was finished
    assert min(state.done for state in told if state.task == "auto-encoder of conv2") == 3
    unbroken = ClaDec(new_study(), "conv2", epochs=4, width=4).fit(progress=Progress())
    assert explorer.explanation.cladec.equal(unbroken.explain(explorer.explanation.original).cladec)
    assert explorer.explanation.reference.equal(unbroken.explain(explorer.explanation.original).reference)
