"""The lines of words of the Workbench: what the open view answers, and what one is looking at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from xai_widgets.widgets.frame.explorer import Explorer


def asked(view: type[Explorer], apps: Iterable[Explorer], remarks: Sequence[str]) -> Markup:
    """The question of a view, and what its explorers cannot follow."""
    left_behind = dict.fromkeys(text for app in apps for text in app.left_behind.values())
    said = [f"{text[0].upper()}{text[1:]}." for text in (*left_behind, *remarks)]
    return _ASKED.format(view.reading, view.question, " ".join(said))


def described(sentence: str) -> Markup:
    """What one is looking at."""
    return _DESCRIBED.format(sentence)


_ASKED = Markup('<div class="xw xw-asked" title="{}"><b>{}</b> <span class="xw-remarks">{}</span></div>')
_DESCRIBED = Markup('<div class="xw xw-described" role="status">{}</div>')
