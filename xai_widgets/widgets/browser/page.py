"""One HTML file with the places of evidence of a data set and the pictures below them, without a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xai_widgets.widgets.pages.frame import Page


def browser_page(title: str, sentence: str, places: Mapping[str, Any], strips: Sequence[Mapping[str, Any]]) -> Page:
    """A page in which a place is chosen, and its pictures appear; the last strip is that of all pictures."""
    data = {"places": dict(places), "strips": [dict(strip) for strip in strips]}
    return Page("browser/page.html", title, sentence, data, views=("cards",))
