"""What every view promises, asked of all views in the registry."""

from __future__ import annotations

import gc
import json
import re
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from xai_widgets.errors import CancelledError, NotFittedError, XaiWidgetsError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.workbench.catalogue import VIEWS

NASTY = "<script>alert(1)</script>"
FITTED = {"cladec", "srae", "cae"}
"""Views whose method trains, so that there is nothing to show before a fit."""


def texts(widget: Any) -> str:
    """All HTML in a widget."""
    own = widget.value if type(widget).__name__ == "HTML" else ""
    return own + "".join(texts(child) for child in getattr(widget, "children", ()))


@pytest.fixture
def explainers(fitted: Any, srae: Any, by_hand: Any, toy: Any, new_study: Any) -> dict[str, Any]:
    """An explainer of each method that has something to show at once."""
    guided = GuidedFeatureInversion(new_study(), "conv2", settings=GuidedSettings(steps=4), background="mean")
    made = {"cladec": fitted, "summaries": by_hand(found=[0, 1]), "srae": srae, "inversion": guided, "cae": toy}
    assert list(made) == list(VIEWS), "a new view has a factory here"
    return made


@pytest.fixture(params=list(VIEWS))
def key(request: Any) -> Any:
    return request.param


@pytest.fixture
def explorer(key: str, explainers: Any, opened: Any) -> Any:
    return opened(VIEWS[key], explainers[key])


def settled(explorer: Any) -> Any:
    assert explorer.wait(60)
    assert explorer.last_error is None
    return explorer


# --- what is chosen ------------------------------------------------------------------------------------------------


def test_what_is_chosen_goes_out_as_plain_values_and_comes_back(
    key: str, explorer: Any, explainers: Any, opened: Any
) -> None:
    if "picture" in explorer.follows:
        explorer.picture = explorer.study.pool.indices[3]
    if "target" in explorer.follows:
        explorer.target = 1
    settled(explorer)
    state = json.loads(json.dumps(explorer.state))
    again = opened(VIEWS[key], explainers[key])
    again.state = state
    settled(again)
    assert json.loads(json.dumps(again.state)) == state
    assert (again.sentence, again.numbers) == (explorer.sentence, explorer.numbers)


def test_a_choice_that_does_not_exist_is_refused(explorer: Any) -> None:
    before = explorer.state
    with pytest.raises(XaiWidgetsError, match="no choice 'colour'"):
        explorer.state = {"colour": 3}
    assert explorer.state == before


def test_the_selection_holds_what_the_properties_say(explorer: Any) -> None:
    for name in explorer.follows:
        assert getattr(explorer.selection, name) == getattr(explorer, name)
    if "picture" in explorer.follows:
        explorer.selection.picture = explorer.study.pool.indices[2]
        assert settled(explorer).picture == explorer.study.pool.indices[2]
        explorer.selection.picture = 10**6
        assert "picture 1000000 cannot be chosen here" in explorer.left_behind["picture"]
        assert settled(explorer).picture == explorer.study.pool.indices[2]


def test_constructor_arguments_equal_properties(key: str, explainers: Any, opened: Any) -> None:
    explainer = explainers[key]
    picture = explainer.study.pool.indices[5]
    selection = Selection(picture=picture, target=2)
    explorer = settled(opened(VIEWS[key], explainer, selection=selection))
    assert explorer.selection is selection
    expected = {"picture": picture, "target": 2}
    assert [getattr(explorer, name) for name in explorer.follows if name in expected] == [
        expected[name] for name in explorer.follows if name in expected
    ]


# --- text, errors, life --------------------------------------------------------------------------------------------


def test_names_are_text(key: str, new_study: Any, opened: Any) -> None:
    study = new_study(name=NASTY, class_names=[f"{NASTY}{k}" for k in range(4)])
    explorer = settled(opened(VIEWS[key], study))
    assert "<script>alert" not in texts(explorer.widget)
    assert NASTY in explorer.title


def test_closing_leaves_no_widget_and_no_work_behind(key: str, explainers: Any) -> None:
    before = set(_instances)
    explorer = VIEWS[key](explainers[key])
    if "picture" in explorer.follows:
        explorer.picture = explorer.study.pool.indices[1]  # work runs while it is closed
    explorer.close()
    assert set(_instances) == before
    assert explorer.task.wait(0)
    assert "closed" in explorer._repr_mimebundle_()["text/plain"]


def test_errors_are_shown_in_the_red_line_and_nowhere_else(explorer: Any) -> None:
    explorer.guarded(lambda: 1 / 0)()
    assert isinstance(explorer.last_error, ZeroDivisionError)
    assert "division by zero" in texts(explorer.widget)
    explorer.guarded(lambda: None)()
    assert "division by zero" not in texts(explorer.widget)


@pytest.mark.parametrize("shape", [(1, 33, 47), (3, 16, 16)])
def test_odd_shapes_and_unknown_labels(
    key: str, new_study: Any, net: Any, squares: Any, opened: Any, shape: Any
) -> None:
    pictures = squares(40, shape=shape)
    pictures.labels[::2] = -1
    explorer = settled(opened(VIEWS[key], new_study(net(shape[0]), pictures)))
    assert explorer.sentence


def test_before_a_fit_nothing_is_on_display_and_nothing_runs(key: str, new_study: Any, opened: Any) -> None:
    if key not in FITTED:
        pytest.skip("needs no fit")
    explorer = settled(opened(VIEWS[key], new_study()))
    assert explorer.task.state in ("idle", "finished")
    assert explorer.explanation is None
    assert "fit" in explorer.sentence.lower()
    for take in (explorer.figure, explorer.gallery, explorer.page):
        with pytest.raises((NotFittedError, XaiWidgetsError)):
            take()


def test_a_fit_that_fails_is_told_in_red_and_closing_leaves_one_to_go_on(
    key: str, new_study: Any, monkeypatch: Any
) -> None:
    if key not in FITTED:
        pytest.skip("needs no fit")
    before = set(_instances)
    explorer, begun = settled(VIEWS[key](new_study())), threading.Event()

    def fail(**_: Any) -> None:
        raise XaiWidgetsError("the loss became nan")

    def endless(*, progress: Progress, **_: Any) -> None:
        begun.set()
        while True:
            progress.check()

    monkeypatch.setattr(explorer._to_fit()[0], "fit", fail)
    explorer.fit.click()
    assert explorer.wait(60)
    assert "the loss became nan" in texts(explorer.widget)
    assert not explorer.fit.disabled
    monkeypatch.setattr(explorer._to_fit()[0], "fit", endless)
    explorer.fit.click()
    assert begun.wait(60)
    explorer.close()
    assert explorer.task.wait(0)
    assert set(_instances) == before
    again = VIEWS[key](explorer.study)  # the cell is run again
    assert again.fit.disabled
    again.cancel()
    assert again.wait(60)
    assert again.task.state == "cancelled"
    assert not again.fit.disabled
    again.close()
    assert set(_instances) == before


def test_what_is_closed_is_freed(key: str, new_study: Any) -> None:
    before, study = set(_instances), new_study()
    explorer = VIEWS[key](study)
    parts = [weakref.ref(widget) for name, widget in _instances.items() if name not in before]
    assert explorer.wait(60)
    explorer.close()
    freed = weakref.ref(explorer)
    del explorer
    gc.collect()
    assert freed() is None
    assert [part() for part in parts if part() is not None] == []
    assert set(_instances) == before


# --- pages ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_same_numbers_and_names_nothing_outside(explorer: Any) -> None:
    explorer.why.unfolded = True
    assert explorer.wait(60)
    page = explorer.page(progress=Progress())
    plain = page.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")
    for sentence in re.split(r"(?<=[.!]) ", explorer.numbers):
        assert json.dumps(sentence, ensure_ascii=False)[1:-1] in plain or sentence in plain
    assert not re.search(r"https?:|//cdn|<link|@import|url\(|\bimport\b|export default", page)
    assert "default-src 'none'" in page


def test_every_step_of_a_page_is_told(explorer: Any, tmp_path: Path) -> None:
    progress = Progress()
    explorer.to_html(tmp_path / "page.html", progress=progress)
    state = progress.state
    assert state.task.startswith(f"Writing {explorer.title} (about ")
    assert 0 < state.done == state.total
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize("after", ["its beginning", "its last step"])
def test_a_cancelled_page_leaves_no_file(explorer: Any, tmp_path: Path, after: str) -> None:
    def stop(state: Any) -> None:
        if after == "its beginning" or state.done == state.total:
            progress.cancel()

    progress = Progress(stop)
    with pytest.raises(CancelledError):
        explorer.to_html(tmp_path / "page.html", progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_leaves_the_old_one(explorer: Any, tmp_path: Path, monkeypatch: Any) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xai_widgets.files._write", full)
    with pytest.raises(XaiWidgetsError, match="No space left"):
        explorer.to_html(target, progress=Progress())
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


# --- for the Workbench ---------------------------------------------------------------------------------------------


def test_it_says_what_it_answers_and_has_thumbnails(key: str, explorer: Any) -> None:
    view = VIEWS[key]
    assert view.label
    assert view.question.endswith("?")
    assert view.reading.endswith(".")
    assert all(tile["src"] is not None for tile in explorer.thumbnails())


def test_it_is_prepared_without_a_browser_and_can_be_cancelled(key: str, new_study: Any) -> None:
    before = set(_instances)
    progress = Progress()
    progress.cancel()
    with pytest.raises(CancelledError):
        VIEWS[key].prepared([new_study()], progress=progress)
    assert set(_instances) == before
