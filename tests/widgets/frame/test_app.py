"""The frame: text, errors, progress, state, and no widget left behind."""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

from xai_widgets.errors import LayerError, XaiWidgetsError
from xai_widgets.progress import Progress, ProgressState
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.frame.progress_line import progress_text
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.elements import KernelLine, PictureGrid
from xai_widgets.widgets.views.verdict import Verdict

LONG = 10.0


class Slide(App):
    """A small app with one control and one view."""

    patience = 0.0

    def __init__(self, title: str = "Title", **options: Any) -> None:
        self.slider = ipywidgets.IntSlider(value=3, max=10, description="Rows")
        self.grid = PictureGrid()
        super().__init__(title, "What it is.", controls=[self.slider], content=[self.grid], **options)
        self.bind("rows", self.slider)
        self.bind("selected", self.grid, "selected")

    def make_page(self, progress: Progress) -> Page:
        return Page("cae/page.html", self.title, self.sentence, context={"legend": "", "numbers": ""})


@pytest.fixture
def app(opened: Any) -> Any:
    return opened(Slide)


def texts(app: App) -> str:
    return "\n".join(child.value for child in app.widget.children if isinstance(child, ipywidgets.HTML))


def ignore(_: object) -> None:
    pass


def test_everything_is_shown_and_escaped() -> None:
    app = Slide("<script>alert(1)</script>")
    app.sentence = "a < b"
    app.judge(Verdict("careful", "c > d"), "1 & 2")
    shown = texts(app)
    assert "<script>alert" not in shown
    for part in ("&lt;script&gt;alert(1)", "a &lt; b", "1 &amp; 2", "Careful", "c &gt; d"):
        assert part in shown
    assert (app.sentence, app.numbers) == ("a < b", "1 & 2")
    app.close()


def test_an_app_displays_itself(app: Slide) -> None:
    bundle = app._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == app.widget.model_id
    assert bundle["text/plain"] == "<Slide: Title>"


def test_a_line_knows_all_that_it_cuts_off_when_the_kernel_stops_and_says_what_still_works(app: Slide) -> None:
    [line] = [child for child in app.widget.children if isinstance(child, KernelLine)]
    assert line.root == app.widget.model_id
    assert line.text == f"The kernel has stopped. {app.without_kernel} Restart it and run the cells again."
    assert line.layout.display == "none"


def test_use_makes_no_new_widgets(app: Slide) -> None:
    before = len(_instances)
    for place in range(200):
        app.slider.value = place % 11
        app.sentence = f"sentence {place}"
        app.show_error(ValueError(place))
        app.clear_error()
    assert len(_instances) == before


def test_more_than_seven_controls_are_refused() -> None:
    class Crowded(Slide):
        def __init__(self) -> None:
            App.__init__(self, "Crowded", controls=[self_made] * 8)

    self_made = ipywidgets.Button()
    with pytest.raises(XaiWidgetsError, match="8 controls"):
        Crowded()


# --- errors ------------------------------------------------------------------------------------------------------


def test_an_error_in_a_callback_is_shown_and_kept(app: Slide) -> None:
    def fail(_: object) -> None:
        raise ValueError("<b>no</b>")

    app.slider.observe(app.guarded(fail), "value")
    app.slider.value = 5
    assert '<div class="xw xw-error" role="alert">ValueError: &lt;b&gt;no&lt;/b&gt;</div>' in texts(app)
    assert isinstance(app.last_error, ValueError)
    assert app.last_error.__traceback__ is not None


def test_our_own_errors_speak_for_themselves_and_go_when_things_work_again(app: Slide) -> None:
    app.show_error(LayerError("no layer 'x'"))
    assert ">no layer &#x27;x&#x27;</div>" in texts(app)
    app.guarded(ignore)(None)
    assert "no layer" not in texts(app)
    assert isinstance(app.last_error, LayerError)


def test_an_error_in_the_background_is_shown(app: Slide) -> None:
    def fail(_: Progress) -> None:
        raise ZeroDivisionError("by zero")

    app.run(fail, ignore)
    app.task.wait(LONG)
    assert "ZeroDivisionError: by zero" in texts(app)
    assert isinstance(app.last_error, ZeroDivisionError)


# --- long work ---------------------------------------------------------------------------------------------------


def progress_line(app: App) -> ipywidgets.HBox:
    return next(
        child for child in app.widget.children if isinstance(child, ipywidgets.HBox) and len(child.children) == 3
    )


def cancel_button(app: App) -> ipywidgets.Button:
    return next(child for child in progress_line(app).children if isinstance(child, ipywidgets.Button))


def test_progress_shows_while_work_runs_and_cancel_ends_it(app: Slide) -> None:
    shown, visible = threading.Event(), threading.Event()
    progress_line(app).layout.observe(
        lambda change: visible.set() if change["new"] == "visible" else None, "visibility"
    )

    def work(progress: Progress) -> None:
        progress.start("Fitting", 10)
        progress.advance(5)
        shown.set()
        while True:
            progress.check()

    app.run(work, ignore)
    assert shown.wait(LONG)
    assert visible.wait(LONG)
    bar, label, _ = progress_line(app).children
    cancel_button(app).click()
    assert app.task.wait(LONG)
    assert app.task.state == "cancelled"
    assert progress_line(app).layout.visibility == "hidden"
    assert "Fitting" in label.value
    assert bar.value in (0.0, 0.5)
    assert app.last_error is None


def test_short_work_shows_no_bar() -> None:
    class Patient(Slide):
        patience = LONG

    app, seen, results = Patient(), [], []
    progress_line(app).layout.observe(lambda change: seen.append(change["new"]), "visibility")
    app.run(lambda _: 7, results.append)
    app.task.wait(LONG)
    app.close()
    assert (results, seen) == ([7], [])


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (ProgressState("Fitting", 0, 1200, 0.0, ""), "Fitting · 0 of 1,200"),
        (ProgressState("Fitting", 600, 1200, 30.0, "loss 0.03"), "Fitting · 600 of 1,200 · loss 0.03 · 30 s left"),
        (ProgressState("Fitting", 1, 61, 10.0, ""), "Fitting · 1 of 61 · 10 min left"),
        (ProgressState("Fitting", 9, 9, 10.0, ""), "Fitting · 9 of 9"),
        (ProgressState("", 0, 0, 0.0, ""), "Computing"),
    ],
)
def test_progress_in_words(state: ProgressState, text: str) -> None:
    assert progress_text(state) == text


# --- state -------------------------------------------------------------------------------------------------------


def test_state_goes_out_and_comes_back(app: Slide) -> None:
    assert app.state == {"rows": 3, "selected": 0}
    app.state = {"selected": 2}
    assert app.state == {"rows": 3, "selected": 2}
    app.state = {"selected": 1, "rows": 9}
    assert (app.slider.value, app.grid.selected) == (9, 1)


def test_an_unknown_name_is_refused_before_anything_is_set(app: Slide) -> None:
    with pytest.raises(XaiWidgetsError, match="no choice 'row'; known are 'rows', 'selected'"):
        app.state = {"selected": 2, "row": 1}
    assert app.state == {"rows": 3, "selected": 0}
