"""Nothing that a page needs may lie outside: the built pages work without a network, and tell nobody who reads them."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b[^>]*?\bhref\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)"""
    r"""|@import\s+(?:url\()?\s*["']?\s*((?:https?:)?//[^"'\s)]+)"""
    r"""|\burl\(\s*["']?\s*((?:https?:)?//[^"'\s)]+)""",
    re.IGNORECASE,
)
"""What a browser fetches by itself; a link that people follow is none of it."""


def loaded_from_outside(text: str) -> list[str]:
    """The addresses outside that a page or a style sheet would load something from."""
    return [next(filter(None, found)) for found in LOADED.findall(text)]


def check(app: Sphinx, error: Exception | None) -> None:
    """Fail if a page or a style sheet loads something from outside."""
    if error is not None or app.builder.format != "html":
        return
    pages = [path for kind in ("html", "css") for path in sorted(Path(app.outdir).rglob(f"*.{kind}"))]
    found = {path: loaded_from_outside(path.read_text(encoding="utf-8")) for path in pages}
    wrong = [f"{path} loads {', '.join(addresses)}" for path, addresses in found.items() if addresses]
    if wrong:
        raise ExtensionError("\n".join(wrong))


def setup(app: Sphinx) -> dict[str, bool]:
    """Check at the very end, when the live pages are there, too."""
    app.connect("build-finished", check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
