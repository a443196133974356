"""A small static site of explorers: a first page with a card for each, and their pages; links lead nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xai_widgets import artifact
from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.elements import Tile
from xai_widgets.widgets.workbench.catalogue import VIEWS, View
from xai_widgets.widgets.workbench.page import SENTENCES, Part, Tab, tabbed_page

INDEX = "index.html"

ACROSS = 3
"""Pictures on a card."""


class Exhibit(NamedTuple):
    """An explorer and where it hangs.

    Attributes
    ----------
    view
        Name of its view.
    study
        Short name of its study, of letters, digits and hyphens: part of the names of its files.
    app
        With everything there that its page shows.
    """

    view: str
    study: str
    app: App


class _Written(NamedTuple):
    """An exhibit whose page is there."""

    exhibit: Exhibit
    file: Path
    page: str


def write_gallery(
    folder: str | Path,
    title: str,
    sentence: str,
    names: Mapping[str, str],
    exhibits: Sequence[Exhibit],
    *,
    progress: Progress,
) -> Path:
    """Write the site; the first page comes last, so that no link of it leads nowhere.

    Parameters
    ----------
    folder
        Where; made if there is none. Files of the same names are replaced, others are left alone.
    title, sentence
        Of the first page; plain text.
    names
        What each study is called in front of people, by its short name.
    exhibits
        One that has nothing to show is left out.
    progress
        Told each step, and asked whether to stop.

    Returns
    -------
    Path
        Where the first page lies.

    Raises
    ------
    XaiWidgetsError
        If none of the exhibits has anything to show.
    CancelledError
        If the progress was cancelled; the first page is not written then.
    """
    target = Path(folder).expanduser()
    written = [one for exhibit in exhibits for one in _written(target, exhibit, progress)]
    if not written:
        raise XaiWidgetsError("none of the views has anything to show; fit the explainers first")
    whole = [one for study, name in names.items() for one in _whole(target, study, name, written, progress)]
    sections = [
        _section(view, names, written) for view in VIEWS if any(one.exhibit.view == view.name for one in written)
    ]
    context = {"across": ACROSS, "whole": whole, "sections": sections}
    return _write(target / INDEX, Page("workbench/site.html", title, sentence, context=context).html())


# --- pages ---------------------------------------------------------------------------------------------------------


def _write(file: Path, page: str) -> Path:
    return artifact.write(file, page.encode())


def _written(folder: Path, exhibit: Exhibit, progress: Progress) -> list[_Written]:
    """The page of an exhibit, if it has one, with a way back to the first page."""
    try:
        page = exhibit.app.page(progress=progress, back=INDEX)
    except (NotFittedError, LayerError):
        return []
    return [_Written(exhibit, _write(folder / f"{exhibit.study}-{exhibit.view}.html", page), page)]


def _whole(
    folder: Path, study: str, name: str, written: Sequence[_Written], progress: Progress
) -> list[dict[str, str]]:
    """Write all pages of a study into one; what the first page says of it."""
    pages = {one.exhibit.view: Part(one.exhibit.app.title, one.page) for one in written if one.exhibit.study == study}
    tabs = [
        Tab(view.name, view.label, view.question, view.reading, [pages[view.name]])
        for view in VIEWS
        if view.name in pages
    ]
    if not tabs:
        return []
    page = tabbed_page(name, SENTENCES[False], tabs, progress=progress).html()
    file = _write(folder / f"{study}.html", page)
    return [{"file": file.name, "name": name, "megabytes": f"{file.stat().st_size / 1e6:.0f}"}]


# --- cards ---------------------------------------------------------------------------------------------------------


def _section(view: View, names: Mapping[str, str], written: Sequence[_Written]) -> dict[str, Any]:
    """A question, and who answers it."""
    cards = [_card(one, view, names[one.exhibit.study]) for one in written if one.exhibit.view == view.name]
    return {"view": view, "cards": cards}


def _card(written: _Written, view: View, name: str) -> dict[str, Any]:
    app = written.exhibit.app
    return {"file": written.file.name, "name": name, "tiles": tiles(view.name, app), "sentence": app.sentence}


def tiles(view: str, app: App) -> list[Tile]:
    """A few pictures of what an explorer shows, from left to right."""
    found: list[Tile] = [tile for tile in _TILES[view](app) if tile["src"]]
    return found[:ACROSS]


def _of_cards(cards: Sequence[Mapping[str, Any]]) -> list[Tile]:
    """The first picture of each card."""
    return [card["tiles"][0] for card in cards if card.get("tiles")]


def _ends(frames: Sequence[Any]) -> list[Tile]:
    """First, middle and last of a film."""
    chosen = [frames[0], frames[len(frames) // 2], frames[-1]] if frames else []
    return [{"src": frame.src, "alt": frame.alt, "caption": frame.caption} for frame in chosen]


_TILES: Mapping[str, Callable[[Any], list[Tile]]] = {
    "cladec": lambda app: app.grid.rows[0]["tiles"],
    "summaries": lambda app: _of_cards(app.rows.cards),
    "concepts": lambda app: _of_cards(app.views.features.cards),
    "inversion": lambda app: app.grid.rows[0]["tiles"],
    "manifold": lambda app: _ends(app.way.frames),
}
"""Which pictures those are."""
