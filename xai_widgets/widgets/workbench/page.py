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
    """A finished page in a tab, or why there is none.

    Attributes
    ----------
    title
        What it is of.
    page
        The whole page, as its explorer writes it.
    nothing
        Said in place of the page.
    """

    title: str
    page: str = ""
    nothing: str = ""


class Tab(NamedTuple):
    """One of the views.

    Attributes
    ----------
    name
        Of letters; unlike that of any other tab.
    label
        What stands on the tab.
    question, reading
        What the view answers, and how to read it.
    parts
        What the view shows: of one study, or of two side by side.
    """

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
    """Put the pages of explorers into one, with a tab for each view.

    Parameters
    ----------
    title
        Heading.
    studies
        What the explorers are of: one, or two side by side.
    apps
        By the view's name, its explorers from left to right. Work that runs in one is waited for; where one has nothing
        to show, the page says so in words.
    progress
        Told each step, and asked whether to stop.

    Raises
    ------
    XaiWidgetsError
        If there is no view of some name, or none of the explorers has anything to show.
    CancelledError
        If the progress was cancelled.
    """
    for key in apps:
        closest(key, VIEWS, "view")
    tabs = [tab_of(key, [_part(app, progress) for app in apps[key]]) for key in VIEWS if key in apps]
    return tabbed_page(title, SENTENCES[len(studies) > 1], tabs, progress=progress)


def tabbed_page(title: str, sentence: str, tabs: Sequence[Tab], *, progress: Progress) -> Page:
    """Put finished pages into one, in tabs.

    Parameters
    ----------
    title, sentence
        Plain text.
    tabs
        At least one of their parts has a page; the first tab that has one is opened.
    progress
        Asked whether to stop.

    Raises
    ------
    XaiWidgetsError
        If there is nothing to show.
    CancelledError
        If the progress was cancelled.
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
