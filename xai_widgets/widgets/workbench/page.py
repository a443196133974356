"""One HTML file with several views in tabs, without a notebook, a kernel or a network.

Each view is the page that its explorer writes by itself, whole, in a frame of its own: so nothing of it has to know of
the others. A frame is made when its tab is first opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.names import closest
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.pages.frame import Page, json_for_script
from xai_widgets.widgets.workbench.catalogue import VIEWS

ALONE, BESIDE = "1080px", "1640px"
"""Width of a page whose tabs show one study, or two side by side."""


SENTENCES = (
    "What has the classifier learned? Each tab answers a different question.",
    "What have the two classifiers learned? Each tab answers a different question about both.",
)
"""Of one study, and of two."""


class Part(NamedTuple):
    """A finished page in a tab, whole as its explorer writes it, or what is said in its place."""

    title: str
    page: str = ""
    nothing: str = ""


class Tab(NamedTuple):
    """One of the views, of one study or of two side by side; no other tab has its name, which is of letters."""

    name: str
    label: str
    question: str
    reading: str
    parts: Sequence[Part]


def tab_of(key: str, parts: Sequence[Part]) -> Tab:
    """The tab of a view."""
    view = VIEWS[key]
    return Tab(key, view.label, view.question, view.reading, parts)


def workbench_page(
    title: str, studies: Sequence[Study], apps: Mapping[str, Sequence[Explorer]], *, progress: Progress
) -> Page:
    """Put the pages of the explorers of one study, or of two side by side, into one, with a tab for each view.

    Work that runs in one is waited for; where one has nothing to show, the page says so in words. Raises an
    XaiWidgetsError for an unknown view, or if there is nothing to show at all.
    """
    for key in apps:
        closest(key, VIEWS, "view")
    tabs = [tab_of(key, [_part(app, progress) for app in apps[key]]) for key in VIEWS if key in apps]
    return tabbed_page(title, SENTENCES[len(studies) > 1], tabs, progress=progress)


def tabbed_page(title: str, sentence: str, tabs: Sequence[Tab], *, progress: Progress) -> Page:
    """Put finished pages into one, in tabs, of which the first one with a page is opened.

    Raises an XaiWidgetsError if no tab has one.
    """
    parts = [part for tab in tabs for part in tab.parts]
    pages = [json_for_script(part.page) for part in parts if not part.nothing]
    if not pages:
        reasons = " ".join(dict.fromkeys(f"{part.title}: {part.nothing}" for part in parts))
        raise XaiWidgetsError(f"none of the views has anything to show. {reasons}".strip())
    progress.check()
    width = BESIDE if any(len(tab.parts) > 1 for tab in tabs) else ALONE
    context = {"pages": pages, "width": width}
    return Page("workbench/page.html", title, sentence, {"tabs": _indexed(tabs)}, context=context)


def _part(app: Explorer, progress: Progress) -> Part:
    app.settle(progress)
    try:
        return Part(app.title, page=app.page(progress=progress))
    except (NotFittedError, LayerError) as error:
        return Part(app.title, nothing=f"This view was empty when the page was written: {error}")


def _indexed(tabs: Sequence[Tab]) -> list[dict[str, Any]]:
    """The tabs with indices into the list of pages instead of the pages."""
    indices = count()
    return [
        tab._asdict()
        | {
            "parts": [
                {"title": part.title, "nothing": part.nothing, "place": None if part.nothing else next(indices)}
                for part in tab.parts
            ]
        }
        for tab in tabs
    ]
