"""A small static site of explorers: a first page with a card for each, and their pages; links lead nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xai_widgets import files
from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.workbench.catalogue import VIEWS
from xai_widgets.widgets.workbench.page import SENTENCES, Part, line_of, tab_of, tabbed_page

INDEX = "index.html"

ACROSS = 3
"""Pictures on a card."""


class Exhibit(NamedTuple):
    """An explorer with all that its page shows; `view` and `study` (letters, digits and hyphens) name its file."""

    view: str
    study: str
    app: Explorer


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

    `names` says what each study is called in front of people, by its short name. Files of the same names are replaced,
    others are left alone. Exhibits that have nothing to show are left out; an XaiWidgetsError if that is all of them.
    Returns where the first page lies.
    """
    target = Path(folder).expanduser()
    written = [one for exhibit in exhibits for one in _written(target, exhibit, progress)]
    if not written:
        raise XaiWidgetsError("none of the views has anything to show; fit the explainers first")
    whole = [one for study, name in names.items() for one in _whole(target, study, name, written, progress)]
    sections = [_section(key, names, written) for key in VIEWS if any(one.exhibit.view == key for one in written)]
    context = {"across": ACROSS, "whole": whole, "sections": sections}
    return _write(target / INDEX, Page("workbench/site.html", title, sentence, context=context).html())


# --- pages ---------------------------------------------------------------------------------------------------------


def _write(file: Path, page: str) -> Path:
    return files.write(file, page.encode())


def _written(folder: Path, exhibit: Exhibit, progress: Progress) -> list[_Written]:
    """The page of an exhibit, if it has one, with a way back to the first page."""
    try:
        page = exhibit.app.make_page(progress)
    except (NotFittedError, LayerError):
        return []
    file = folder / f"{exhibit.study}-{exhibit.view}.html"
    return [_Written(exhibit, _write(file, page.html(back=INDEX)), page.html())]


def _whole(
    folder: Path, study: str, name: str, written: Sequence[_Written], progress: Progress
) -> list[dict[str, str]]:
    """Write all pages of a study into one; the first page's text about it."""
    own = [one for one in written if one.exhibit.study == study]
    pages = {one.exhibit.view: Part(one.exhibit.app.title, one.page) for one in own}
    tabs = [tab_of(key, [pages[key]]) for key in VIEWS if key in pages]
    if not tabs:
        return []
    line = line_of(own[0].exhibit.app.study, [one.exhibit.app for one in own])
    page = tabbed_page(name, SENTENCES[False], tabs, line, progress=progress).html()
    file = _write(folder / f"{study}.html", page)
    return [{"file": file.name, "name": name, "megabytes": f"{file.stat().st_size / 1e6:.0f}"}]


# --- cards ---------------------------------------------------------------------------------------------------------


def _section(key: str, names: Mapping[str, str], written: Sequence[_Written]) -> dict[str, Any]:
    """A question, and who answers it."""
    cards = [_card(one, names[one.exhibit.study]) for one in written if one.exhibit.view == key]
    return {"view": VIEWS[key], "cards": cards}


def _card(written: _Written, name: str) -> dict[str, Any]:
    app = written.exhibit.app
    tiles = [tile for tile in app.thumbnails() if tile["src"]][:ACROSS]
    return {"file": written.file.name, "name": name, "tiles": tiles, "sentence": app.sentence}
