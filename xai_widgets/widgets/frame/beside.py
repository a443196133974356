"""Two explorers of one kind as one: the answer of the first above that of the second, and one set of controls."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ipywidgets
from traitlets import TraitError

from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.views.tools import classed, close_all
from xai_widgets.widgets.views.verdict import named_verdict, reasons


class Beside:
    """What is shown of two explorers, in `widget`; the controls of the first act on both.

    Parameters
    ----------
    names
        What each is called in front of its answer.
    apps
        The two explorers, which stay what they are, and are closed by their owner.
    """

    def __init__(self, names: Sequence[str], apps: Sequence[Explorer]) -> None:
        self._names, self._apps = names, apps
        self._said = [ipywidgets.HTML() for _ in apps]
        self._titles = [ipywidgets.HTML(_TITLE.format(name)) for name in names]
        self._why = ipywidgets.HTML()
        self._boxes: list[ipywidgets.Widget] = []
        first, second = apps
        answers = [self._answer(place) for place in range(len(apps))]
        beyond = [self._beyond(place) for place in range(len(apps))]
        self.widget = classed(ipywidgets.VBox([*answers, self._why, *first.parts.controls, *beyond]), "xw-two")
        for one, other in zip(first.mirrored, second.mirrored, strict=True):
            mirror(one, other)
        views = zip(first.parts.content, second.parts.content, strict=True)
        pointed = [((one, "hovered"), (other, "hovered")) for one, other in views if one.has_trait("hovered")]
        self._links = [ipywidgets.jslink(*ends) for ends in pointed]  # in the browser, as the hand is quick
        for app in apps:
            for line in app.parts.words:
                line.observe(lambda _: self._say(), "value")
        self._say()

    def _answer(self, place: int) -> ipywidgets.Widget:
        """The name and the verdict of an explorer, and its answer."""
        app = self._apps[place]
        row = next(iter(app.parts.controls), None)
        own = [app.fitting] if row is not None and app.fitting in row.children else []
        if row is not None:
            row.children = [control for control in row.children if control not in own]
        head = classed(ipywidgets.HBox([self._said[place], *own]), "xw-answer-head")
        self._boxes.append(head)
        return self._box([app.why, *app.parts.above, head, *app.parts.content], "xw-answer")

    def _beyond(self, place: int) -> ipywidgets.Widget:
        """What there is of an explorer beyond the answer, under its name while any of it is seen."""
        parts, title = self._apps[place].parts.more, self._titles[place]

        def show(_: object = None) -> None:
            hidden = all(part.layout.visibility == "hidden" for part in parts)
            title.layout.display = "none" if hidden else None

        for part in parts:
            part.layout.observe(show, "visibility")
        show()
        return self._box([title, *parts], "xw-beyond")

    def _box(self, children: Sequence[ipywidgets.Widget], name: str) -> ipywidgets.Widget:
        box = classed(ipywidgets.VBox(children), "xw-app", name)
        self._boxes.append(box)
        return box

    def _say(self) -> None:
        """Say of each whether to trust it, and of both together why."""
        for line, name, app in zip(self._said, self._names, self._apps, strict=True):
            line.value = named_verdict(name, app.verdict, app.sentence)
        judged = [(name, app) for name, app in zip(self._names, self._apps, strict=True) if app.verdict is not None]
        unfolded = any(app.why.unfolded for app in self._apps)
        self._why.value = reasons([(name, f"{app.sentence} {app.numbers}") for name, app in judged], unfolded=unfolded)

    def close(self) -> None:
        """Close what was made here, and leave what belongs to the explorers."""
        for each in (*self._said, *self._titles, self._why, *self._links):
            close_all(each)
        for box in (*self._boxes, self.widget):
            box.children = ()
            close_all(box)


def mirror(one: Any, other: Any) -> None:
    """Let a control do what another one of its kind does, and hide it; what it does not offer, it leaves."""

    def follow(_: object = None) -> None:
        with suppress(TraitError):
            other.value = one.value

    other.layout.display = "none"
    if isinstance(one, ipywidgets.Button):
        one.on_click(lambda _: other.click())
    elif one.has_trait("value") and not isinstance(one, ipywidgets.Play):  # which moves a slider
        one.observe(follow, "value")
        follow()


_TITLE = '<div class="xw xw-who">{}</div>'
