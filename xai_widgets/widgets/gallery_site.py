"""A small static site of explorers: a first page with a card for each, and their pages; links lead nowhere else."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.widgets.app import App
from xai_widgets.widgets.export import write_framed, write_text
from xai_widgets.widgets.views import Tile
from xai_widgets.widgets.workbench_export import SENTENCES, Part, Tab, workbench_page
from xai_widgets.widgets.workbench_views import VIEWS, View

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
    target.mkdir(parents=True, exist_ok=True)
    written = [one for exhibit in exhibits for one in _pages(target, exhibit, progress)]
    if not written:
        raise XaiWidgetsError("none of the views has anything to show; fit the explainers first")
    whole = [_whole(target, study, name, written, progress) for study, name in names.items()]
    markup = {
        "across": str(ACROSS),
        "whole": f"Each in one file, to take along: {', '.join(filter(None, whole))}.",
        "sections": "\n".join(_section(view, names, written) for view in VIEWS),
    }
    return write_framed(target / INDEX, "gallery_page.html", title, sentence, {}, scripts=(), **markup)


# --- pages ---------------------------------------------------------------------------------------------------------


def _pages(folder: Path, exhibit: Exhibit, progress: Progress) -> list[_Written]:
    """The page of an exhibit, if it has one, with a way back to the first page."""
    file = folder / f"{exhibit.study}-{exhibit.view}.html"
    try:
        exhibit.app.to_html(file, progress=progress)
    except (NotFittedError, LayerError):
        return []
    page = file.read_text(encoding="utf-8")
    back = f'<main>\n<nav class="xw"><a href="{INDEX}" style="color: var(--xw-accent)">All views</a></nav>'
    write_text(file, page.replace("<main>", back, 1))
    return [_Written(exhibit, file, page)]


def _whole(folder: Path, study: str, name: str, written: Sequence[_Written], progress: Progress) -> str:
    """Write all pages of a study to one, and link to it."""
    pages = {one.exhibit.view: Part(one.exhibit.app.title, one.page) for one in written if one.exhibit.study == study}
    if not pages:
        return ""
    tabs = [
        Tab(view.name, view.label, view.question, view.reading, [pages[view.name]])
        for view in VIEWS
        if view.name in pages
    ]
    file = workbench_page(folder / f"{study}.html", name, SENTENCES[False], tabs, progress=progress)
    return f'<a href="{file.name}">{html.escape(name)}</a> ({file.stat().st_size / 1e6:.0f} MB)'


# --- cards ---------------------------------------------------------------------------------------------------------


def _section(view: View, names: Mapping[str, str], written: Sequence[_Written]) -> str:
    """A question, and who answers it."""
    cards = [_card(one, view, names[one.exhibit.study]) for one in written if one.exhibit.view == view.name]
    if not cards:
        return ""
    heading = f"<h2>{html.escape(view.label)}: {html.escape(view.question)}</h2>"
    return f'<section class="xw xw-question">{heading}<div class="xw-exhibits">{"".join(cards)}</div></section>'


def _card(written: _Written, view: View, name: str) -> str:
    app = written.exhibit.app
    pictures = "".join(
        f'<img src="{html.escape(tile["src"])}" alt="{html.escape(tile["alt"])}">' for tile in tiles(view.name, app)
    )
    return (
        f'<a class="xw-exhibit" href="{html.escape(written.file.name)}"><h3>{html.escape(name)}</h3>'
        f'<div class="xw-exhibit-tiles">{pictures}</div>'
        f'<div class="xw-exhibit-words">{html.escape(app.sentence)}</div><div class="xw-exhibit-open">Open</div></a>'
    )


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
