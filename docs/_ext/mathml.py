"""Equations as MathML, which every browser draws by itself: nothing is loaded from outside."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def inline(writer: Any, node: nodes.Node) -> None:
    """Write an equation within a line."""
    writer.body.append(_mathml(node, "inline"))
    raise nodes.SkipNode


def block(writer: Any, node: nodes.Node) -> None:
    """Write an equation on a line of its own, which scrolls where it is too long for the screen."""
    writer.body.append(f'<div class="math">{_mathml(node, "block")}</div>')
    raise nodes.SkipNode


def _mathml(node: nodes.Node, display: str) -> str:
    # Browsers no longer know this attribute, and draw a plain L; the letter itself they know.
    return convert(node.astext(), display=display).replace('<mi mathvariant="script">L</mi>', "<mi>ℒ</mi>")


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer ``html_math_renderer = "mathml"``."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
