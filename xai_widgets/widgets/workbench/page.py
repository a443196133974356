"""One HTML file with several views in tabs, without a notebook, a kernel or a network.

Each view is the page that its explorer writes by itself, whole, in a frame of its own: so nothing of it has to know of
the others. A frame is made when its tab is first opened, and told which picture is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.names import closest
from xai_widgets.progress import Progress
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.pages.draft import Draft, finished
from xai_widgets.widgets.pages.frame import Page, json_for_script
from xai_widgets.widgets.pages.pictures import picture_line
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
    drafts = {app: _drafted(app, progress) for key in VIEWS for app in apps.get(key, ())}
    pages = iter(finished([draft for draft in drafts.values() if isinstance(draft, Draft)], progress))
    parts = {
        app: Part(app.title, page=next(pages).html()) if isinstance(draft, Draft) else Part(app.title, nothing=draft)
        for app, draft in drafts.items()
    }
    tabs = [tab_of(key, [parts[app] for app in apps[key]]) for key in VIEWS if key in apps]
    # One line chooses for two studies, too, where both offer the same pictures: the second's may show more.
    same = all(study.pool.indices == studies[0].pool.indices for study in studies)
    line = line_of(studies[-1], list(drafts)) if same else None
    return tabbed_page(title, SENTENCES[len(studies) > 1], tabs, line, progress=progress)


def line_of(study: Study, apps: Sequence[Explorer]) -> dict[str, Any]:
    """The pictures to choose from, for all explorers of a study; the first one's is chosen."""
    pool, pictures = study.pool, [getattr(app, "picture", None) for app in apps]
    chosen = next((pool.indices.index(one) for one in pictures if one in pool.indices), 0)
    return picture_line(pool, chosen, pixelated=max(pool.pictures.shape[2:]) < SMALL)


def tabbed_page(
    title: str, sentence: str, tabs: Sequence[Tab], line: Mapping[str, Any] | None, *, progress: Progress
) -> Page:
    """Put finished pages into one, in tabs, of which the first one with a page is opened.

    The pictures of the `line`, if there is one, are chosen for all of them at once. Raises an XaiWidgetsError if no
    tab has a page.
    """
    parts = [part for tab in tabs for part in tab.parts]
    pages = [json_for_script(part.page) for part in parts if not part.nothing]
    if not pages:
        reasons = " ".join(dict.fromkeys(f"{part.title}: {part.nothing}" for part in parts))
        raise XaiWidgetsError(f"none of the views has anything to show. {reasons}".strip())
    progress.check()
    width = BESIDE if any(len(tab.parts) > 1 for tab in tabs) else ALONE
    context = {"pages": pages, "width": width, "line": line}
    data = {"tabs": _indexed(tabs), "line": line}
    return Page("workbench/page.html", title, sentence, data, views=("cards",), context=context)


def _drafted(app: Explorer, progress: Progress) -> Draft | str:
    """The page of an explorer before it is computed, or why there is none."""
    app.settle(progress)
    try:
        return app.draft()
    except (NotFittedError, LayerError) as error:
        return f"This view was empty when the page was written: {error}"


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
