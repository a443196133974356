"""One HTML file with several views in tabs, without a notebook, a kernel or a network.

Each view is the page that its explorer writes by itself, whole, in a frame of its own: so nothing of it has to know of
the others. A frame is made when its tab is first opened.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.progress import Progress, bar
from xai_widgets.study import Study
from xai_widgets.widgets.app import App
from xai_widgets.widgets.export import json_for_script, write_framed
from xai_widgets.widgets.workbench_views import VIEWS, view

ALONE, BESIDE = "1080px", "1640px"
"""Width of a page whose tabs show one study, or two side by side."""


PATIENCE = 0.1
"""Seconds between two questions whether to stop."""

SENTENCES = (
    "What has the classifier learned? Each tab asks another question.",
    "What have the two classifiers learned? Each tab asks both of them another question.",
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


def write_workbench(
    path: str | Path,
    title: str,
    studies: Sequence[Study],
    apps: Mapping[str, Sequence[App]],
    *,
    progress: Progress | None = None,
) -> Path:
    """Write explorers to one page with a tab for each view.

    Parameters
    ----------
    path
        The file, usually ending in ``.html``; an existing one is replaced.
    title
        Heading.
    studies
        What the explorers are of: one, or two that stand side by side.
    apps
        By the view's name, its explorers from left to right. What runs in one is waited for; one that has nothing to
        show is replaced by words that say so.
    progress
        Told each step, and asked whether to stop; default a progress bar.

    Returns
    -------
    Path
        Where the page lies.

    Raises
    ------
    XaiWidgetsError
        If there is no view of some name, or none of the explorers has anything to show.
    CancelledError
        If the progress was cancelled; there is no new file then.
    """
    for name in apps:
        view(name)
    with progress or bar() as shown, tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        files = (Path(folder) / f"{number}.html" for number in count())
        tabs = [
            Tab(one.name, one.label, one.question, one.reading, [_part(app, files, shown) for app in apps[one.name]])
            for one in VIEWS
            if one.name in apps
        ]
        return workbench_page(path, title, SENTENCES[len(studies) > 1], tabs, progress=shown)


def workbench_page(path: str | Path, title: str, sentence: str, tabs: Sequence[Tab], *, progress: Progress) -> Path:
    """Write finished pages to one, in tabs.

    Parameters
    ----------
    path
        The file, usually ending in ``.html``; an existing one is replaced.
    title, sentence
        Plain text.
    tabs
        At least one of their parts has a page; the first tab that has one is opened.
    progress
        Asked whether to stop.

    Returns
    -------
    Path
        Where the page lies.

    Raises
    ------
    XaiWidgetsError
        If there is nothing to show.
    CancelledError
        If the progress was cancelled; there is no new file then.
    """
    parts = [part for tab in tabs for part in tab.parts]
    pages = [part.page for part in parts if not part.nothing]
    if not pages:
        said = " ".join(dict.fromkeys(f"{part.title}: {part.nothing}" for part in parts))
        raise XaiWidgetsError(f"none of the views has anything to show. {said}".strip())
    progress.check()
    islands = [
        f'<script type="application/json" id="page-{place}">{json_for_script(_framed(page))}</script>'
        for place, page in enumerate(pages)
    ]
    width = BESIDE if any(len(tab.parts) > 1 for tab in tabs) else ALONE
    data = {"tabs": _placed(tabs)}
    markup = {"pages": "\n".join(islands), "width": width}
    return write_framed(path, "workbench_page.html", title, sentence, data, scripts=(), **markup)


def settle(app: App, progress: Progress) -> None:
    """Wait until nothing runs in an explorer any more.

    Raises
    ------
    CancelledError
        If the progress was cancelled.
    """
    progress.start(f"Preparing {app.title}", 1)
    while not app.wait(PATIENCE):
        progress.check()
    progress.advance()


def _part(app: App, files: Iterator[Path], progress: Progress) -> Part:
    settle(app, progress)
    file = next(files)
    try:
        app.to_html(file, progress=progress)
    except (NotFittedError, LayerError) as error:
        return Part(app.title, nothing=f"This view was empty when the page was written: {error}")
    return Part(app.title, page=file.read_text(encoding="utf-8"))


def _framed(page: str) -> str:
    """The page without its own margins and footer, which the frame around it has."""
    return page.replace("<html ", "<html data-framed ", 1)


def _placed(tabs: Sequence[Tab]) -> list[dict[str, Any]]:
    """The tabs with places in the list of pages instead of the pages."""
    places = count()
    return [
        tab._asdict()
        | {
            "parts": [
                {"title": part.title, "nothing": part.nothing, "place": None if part.nothing else next(places)}
                for part in tab.parts
            ]
        }
        for tab in tabs
    ]
