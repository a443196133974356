"""One HTML file that shows a widget's states without a notebook, a kernel or a network.

The page runs the same views as the notebook, on a stand-in for their model; every state is computed beforehand and
lies in the page as data. All pages share one frame (``page.html``), which lets nothing in from outside.
"""

from __future__ import annotations

import html
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, TypedDict

from xai_widgets._version import __version__
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.widgets.views import HERE, Row


class Page(TypedDict):
    """What is shown while one layer is chosen."""

    columns: list[str]
    rows: list[Row]
    numbers: str
    sentence: str


def write_page(
    path: str | Path,
    *,
    title: str,
    sentence: str,
    strip: Mapping[str, Any],
    pages: Mapping[str, Page],
    tile: int = 160,
    pixelated: bool = False,
) -> Path:
    """Write a page in which choosing a layer in the strip changes the pictures below.

    The file is complete or not there at all: it is written beside its place and then renamed.

    Parameters
    ----------
    path
        The file, usually ending in ``.html``; an existing one is replaced.
    title
        Heading, and title of the browser's tab.
    sentence
        What one is looking at.
    strip
        ``{"layers": [...], "value": name}`` as `LayerPicker.strip_state` gives it. Layers without a page are left out.
    pages
        What is shown for each layer.
    tile, pixelated
        As in `xai_widgets.widgets.views.PictureGrid`.

    Returns
    -------
    Path
        Where the page lies.

    Raises
    ------
    XaiWidgetsError
        If no layer of the strip has a page.
    """
    layers = [layer for layer in strip["layers"] if layer["name"] in pages]
    if not layers:
        raise XaiWidgetsError("a page needs at least one layer with pictures, and none of the strip's layers has any")
    names = [layer["name"] for layer in layers]
    value = strip["value"] if strip["value"] in names else names[0]
    data = {"layers": layers, "value": value, "pages": {name: pages[name] for name in names}}
    data |= {"tile": tile, "pixelated": pixelated}
    return write_framed(path, "layers_page.html", title, sentence, shared(data), scripts=("strip", "grid"))


def write_framed(
    path: str | Path,
    content: str,
    title: str,
    sentence: str,
    data: Mapping[str, Any],
    *,
    scripts: Sequence[str],
    **markup: str,
) -> Path:
    """Write a page of the common frame; it is complete or not there at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced.
    content
        Name of the template between heading and footer.
    title, sentence
        Plain text.
    data
        What the content's script finds as ``$data``.
    scripts
        Names of the views that the content runs, such as ``"grid"`` for ``grid.js``, there as ``$grid``.
    **markup
        What else the content asks for, as HTML.
    """
    views = {name: _as_function(f"{name}.js") for name in (*scripts, "page_model")}
    filled = _template(content).substitute(views, data=json_for_script(data), **markup)
    text = _template("page.html").substitute(
        title=html.escape(title),
        sentence=html.escape(sentence),
        version=html.escape(__version__),
        style=(HERE / "style.css").read_text(encoding="utf-8"),
        content=filled,
    )
    return write_text(Path(path).expanduser(), text)


def shared(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every ``"src"`` replaced by its place in one list, ``"pictures"``: each is written once."""
    places: dict[str, int] = {"": 0}
    return {**_placed(data, places), "pictures": list(places)}


def _placed(value: Any, places: dict[str, int]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: places.setdefault(inner, len(places)) if name == "src" else _placed(inner, places)
            for name, inner in value.items()
        }
    return [_placed(inner, places) for inner in value] if isinstance(value, list) else value


def _template(name: str) -> Template:
    return Template((HERE / name).read_text(encoding="utf-8"))


def _as_function(name: str) -> str:
    """A view's module as an expression, because a page opened from a folder may not import modules."""
    source = (HERE / name).read_text(encoding="utf-8")
    return "(() => {" + source.replace("export default", "return") + "})()"


def json_for_script(data: Mapping[str, Any] | str) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def write_text(path: Path, text: str) -> Path:
    """Write a file that is complete or not there at all: beside its place first, then renamed."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path
