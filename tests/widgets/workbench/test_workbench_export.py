"""Explorers in the tabs of one file: whole, as text, and nothing of outside."""

from __future__ import annotations

import json
import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.widgets.conftest import data_of
from xai_widgets.errors import CancelledError, LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.workbench.catalogue import VIEWS
from xai_widgets.widgets.workbench.page import Part, Tab, tabbed_page, workbench_page

NASTY = "</script><script>alert(1)</script><!-- & '\""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class Poster(Explorer):
    """Shows its title."""

    key, label = "cladec", "Poster"
    explanation = None

    def __init__(self, title: str) -> None:
        pool = SimpleNamespace(indices=[], pictures=torch.zeros(0, 3, 8, 8), own=False)
        study: Any = SimpleNamespace(name=title, explainers={}, class_names=(), pool=pool)
        study.explainers["cladec"] = SimpleNamespace(study=study)
        super().__init__(study)

    def _heading(self) -> str:
        return str(self.study.name)

    def _make_views(self) -> list[Any]:
        return []

    def _bind(self) -> None: ...

    def _refresh(self) -> None: ...

    def draft(self) -> Draft:
        return Draft(self.title, [str, str], lambda _: Page("pages/page.html", self.title, NASTY))


class Blank(Poster):
    """Has nothing to show."""

    error: XaiWidgetsError = NotFittedError(f"press Fit {NASTY}")

    def draft(self) -> Draft:
        raise self.error


class BlankLayer(Blank):
    """Has nothing to show of its layer."""

    error = LayerError("conv1 is not fitted")


@pytest.fixture
def write(new_study: Any) -> Any:
    def write(apps: dict[str, list[Poster]], studies: int = 1, progress: Progress | None = None) -> str:
        own = [new_study(name=NASTY) for _ in range(studies)]
        return workbench_page(NASTY, own, apps, progress=progress or Progress()).html()

    return write


def tabs_of(text: str) -> Any:
    return data_of(text)["tabs"]


def pages_of(text: str) -> list[str]:
    found = re.findall(r'<script type="application/json" id="page-(\d+)">(.*)</script>', text)
    assert [int(place) for place, _ in found] == list(range(len(found)))
    return [json.loads(page) for _, page in found]


def test_tabs_are_those_of_the_views_in_their_order(opened: Any, write: Any) -> None:
    text = write({name: [opened(Poster, name)] for name in ("cae", "cladec")})
    first, last = VIEWS["cladec"], VIEWS["cae"]
    tabs = tabs_of(text)
    assert [tab["name"] for tab in tabs] == [first.key, last.key]
    assert [tab["question"] for tab in tabs] == [first.question, last.question]
    assert [tab["reading"] for tab in tabs] == [first.reading, last.reading]
    assert [tab["parts"] for tab in tabs] == [
        [{"title": "cladec", "nothing": "", "place": 0}],
        [{"title": "cae", "nothing": "", "place": 1}],
    ]
    assert "max-width: 1080px" in text


def test_every_page_is_there_whole_and_under_the_same_policy(opened: Any, write: Any) -> None:
    app = opened(Poster, NASTY)
    (page,) = pages_of(write({"cladec": [app]}))
    assert page == app.page(progress=Progress())
    assert POLICY in page


def test_text_cannot_become_markup_and_nothing_outside_is_named(opened: Any, write: Any) -> None:
    text = write({"cladec": [opened(Poster, NASTY)], "summaries": [opened(Blank, NASTY)]})
    assert text.count("<script") == text.count("</script>") == 3  # the page's own two, and one page as data
    assert "<!--" not in text
    assert not re.search(r"https?:|<link|@import|url\(|\bimport\b|export default", text)
    assert POLICY in text
    assert text.count("<footer") == 1


def test_two_studies_stand_side_by_side(opened: Any, write: Any) -> None:
    left, right, both = (opened(Poster, name) for name in ("left", "right", "both"))
    text = write({"cladec": [left, right], "summaries": [both]}, 2)
    cladec, summaries = tabs_of(text)
    assert [(part["title"], part["place"]) for part in cladec["parts"]] == [("left", 0), ("right", 1)]
    assert [(part["title"], part["place"]) for part in summaries["parts"]] == [("both", 2)]
    assert "about both" in text
    assert "max-width: 1640px" in text


@pytest.mark.parametrize("kind", [Blank, BlankLayer])
def test_what_has_nothing_to_show_says_so(opened: Any, write: Any, kind: type[Poster]) -> None:
    text = write({"cladec": [opened(kind, "empty"), opened(Poster, "full")]}, 2)
    empty, full = tabs_of(text)[0]["parts"]
    assert empty["nothing"] == f"This view was empty when the page was written: {kind.error}"  # type: ignore[attr-defined]
    assert (full["nothing"], full["place"], len(pages_of(text))) == ("", 0, 1)


@pytest.mark.parametrize("apps", [{}, {"cladec": [Blank]}])
def test_nothing_at_all_is_an_error(opened: Any, write: Any, apps: dict[str, list[type[Poster]]]) -> None:
    made = {name: [opened(kind, "empty") for kind in kinds] for name, kinds in apps.items()}
    said = r" empty: This view was empty" if apps else "$"
    with pytest.raises(XaiWidgetsError, match=f"none of the views has anything to show\\.{said}"):
        write(made)


def test_an_unknown_view_is_named_before_anything_is_written(opened: Any, write: Any) -> None:
    progress = Progress()
    with pytest.raises(XaiWidgetsError, match="no view 'tarot'"):
        write({"cladec": [opened(Poster, "a")], "tarot": [opened(Poster, "b")]}, progress=progress)
    assert progress.state.task == ""


def test_another_error_is_not_hidden(opened: Any, write: Any) -> None:
    broken = opened(Blank, "broken")
    broken.error = XaiWidgetsError("the disk is full")
    with pytest.raises(XaiWidgetsError, match="disk is full"):
        write({"cladec": [opened(Poster, "a"), broken]})


def test_what_runs_in_an_explorer_is_waited_for(opened: Any, write: Any) -> None:
    app, free = opened(Poster, "before"), threading.Event()

    def finish(_: object) -> None:
        app.title = "after"

    app.run(lambda _: free.wait(60), finish)
    progress = Progress(lambda state: free.set() if state.task.startswith("Preparing") else None)
    (tab,) = tabs_of(write({"cladec": [app]}, progress=progress))
    assert tab["parts"][0]["title"] == "after"


def test_who_cancels_while_a_view_is_written_gets_no_file(opened: Any, write: Any) -> None:
    progress = Progress(lambda state: state.task.startswith("Writing 2 views") and progress.cancel())
    with pytest.raises(CancelledError):
        write({"cladec": [opened(Poster, "first")], "cae": [opened(Poster, "second")]}, progress=progress)


def test_who_cancels_before_the_page_is_put_together_gets_no_file() -> None:
    progress = Progress()
    progress.cancel()
    tabs = [Tab("a", "A", "?", "!", [Part("part", "<html >")])]
    with pytest.raises(CancelledError):
        tabbed_page("", "", tabs, None, progress=progress)
