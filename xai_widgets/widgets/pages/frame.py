"""The frame of all pages that work without a notebook, a kernel or a network.

A page is a string. It runs the same views as the notebook, on a stand-in for their model; every state is computed
beforehand and lies in the page as data. The frame (``page.html``) lets nothing in from outside. A view's own page is a
template beside its ``page.py``, with a script of the same name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from xai_widgets._version import __version__

WIDGETS = Path(__file__).parents[1]
"""Templates are named relative to this folder."""

HELPERS = ("makeModel", "restored", "pictureLine", "verdictLine")
"""What every script finds: a stand-in for a widget's model, the data with its pictures, a line to choose them from, and
one that says whether to trust."""

PICTURES = ("src", "blink")
"""What names a picture in the data of views."""


@dataclass(frozen=True)
class Page:
    """A page before it is rendered.

    Attributes
    ----------
    template
        Such as ``"cladec/page.html"``; the script ``"cladec/page.js"`` is put into the page if it exists.
    title, sentence
        Plain text.
    data
        What the script finds as ``data``.
    views
        Names of the views that the script runs, such as ``"grid"`` for ``views/grid.js``, there as ``grid``.
    context
        What else the template asks for; it is escaped, unless it is ``Markup``.
    """

    template: str
    title: str
    sentence: str
    data: Mapping[str, Any] = field(default_factory=dict)
    views: Sequence[str] = ()
    context: Mapping[str, Any] = field(default_factory=dict)

    def html(self, back: str = "") -> str:
        """Render the whole page, with a link to another page where `back` names one."""
        script = WIDGETS / Path(self.template).with_suffix(".js")
        return (
            _environment()
            .get_template(self.template)
            .render(
                title=self.title,
                sentence=self.sentence,
                back=back,
                version=__version__,
                style=_source(WIDGETS / "views" / "style.css"),
                data=json_for_script(self.data),
                views={name: _as_function(WIDGETS / "views" / f"{name}.js") for name in self.views},
                helpers={name: _as_function(WIDGETS / "pages" / f"{name}.js") for name in HELPERS},
                script=_source(script) if script.exists() else "",
                **self.context,
            )
        )


def json_for_script(data: Mapping[str, Any] | str) -> Markup:
    """JSON that cannot end the script element around it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def shared(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same data with every picture replaced by its index in one list, ``"pictures"``: each is written once."""
    indices: dict[str, int] = {"": 0}
    return {**_indexed(data, indices), "pictures": list(indices)}


def _indexed(value: Any, indices: dict[str, int]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: indices.setdefault(inner, len(indices)) if name in PICTURES else _indexed(inner, indices)
            for name, inner in value.items()
        }
    return [_indexed(inner, indices) for inner in value] if isinstance(value, list) else value


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(WIDGETS), autoescape=True, undefined=StrictUndefined)


def _source(path: Path) -> Markup:
    """A file of this package, which is no user's text."""
    return Markup(path.read_text(encoding="utf-8"))  # noqa: S704


def _as_function(path: Path) -> Markup:
    """A view's module as an expression, because a page opened from a folder may not import modules."""
    return Markup("(() => {") + _source(path).replace("export default", "return") + Markup("})()")
