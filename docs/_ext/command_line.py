"""The directive ``command-line``: what ``--help`` says, of the command and of each of its sub-commands."""

from __future__ import annotations

import argparse
import os

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from xai_widgets.cli.main import parser

WIDTH = "88"


class CommandLine(SphinxDirective):
    """A section for each sub-command, made from the parser, so that it is never out of date."""

    def run(self) -> list[nodes.Node]:
        """The sections, that of the command itself first."""
        os.environ |= {"COLUMNS": WIDTH, "NO_COLOR": "1"}
        main = parser()
        [commands] = [action for action in main._actions if isinstance(action, argparse._SubParsersAction)]
        return [_section(one.prog, one.format_help()) for one in [main, *commands.choices.values()]]


def _section(title: str, text: str) -> nodes.section:
    inside = nodes.title("", title), nodes.literal_block(text, text, language="text")
    return nodes.section("", *inside, ids=[nodes.make_id(title)], names=[title])


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
