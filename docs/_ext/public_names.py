"""The directive ``public-names``: a line for each name that ``import xai_widgets`` gives, with what it is."""

from __future__ import annotations

import inspect

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import xai_widgets


class PublicNames(SphinxDirective):
    """A list, made from ``__all__``, so that no public name can be forgotten."""

    def run(self) -> list[nodes.Node]:
        """The list."""
        names = [name for name in xai_widgets.__all__ if not name.startswith("__")]
        lines = [f"- :py:obj:`xw.{name} <xai_widgets.{name}>`: {_first_line(name)}" for name in names]
        return self.parse_text_to_nodes(StringList(lines, source=self.get_source_info()[0]))


def _first_line(name: str) -> str:
    return (inspect.getdoc(getattr(xai_widgets, name)) or "").partition("\n")[0]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True}
