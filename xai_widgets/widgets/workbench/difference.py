"""The line that says where two studies differ most, with a button that goes there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import ipywidgets
from markupsafe import Markup

from xai_widgets.widgets.frame.difference import Difference
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.task import BackgroundTask, TaskState
from xai_widgets.widgets.views.tools import classed


class DifferenceLine:
    """What was found for the open view, in `widget`; hidden where nothing was.

    Parameters
    ----------
    names
        What the two studies are called.
    go
        Called with a `Difference` that was clicked.
    failed
        Called with what went wrong while one was looked for.
    """

    def __init__(
        self, names: Sequence[str], go: Callable[[Difference], object], failed: Callable[[BaseException], object]
    ) -> None:
        self._names, self._go, self._failed = names, go, failed
        self._known: dict[Hashable, Difference | None] = {}
        self._key: Hashable = None
        self.task = BackgroundTask(self._on_state)
        self._text = ipywidgets.HTML()
        self.button = ipywidgets.Button(description="Show it", layout={"width": "auto"})
        self.widget = classed(ipywidgets.HBox([self._text, self.button], layout={"display": "none"}), "xw-differ")

    @property
    def found(self) -> Difference | None:
        """What the line says."""
        return self._known.get(self._key)

    def look_at(self, apps: Sequence[Explorer]) -> None:
        """Say where the explorers of two studies differ most; what is not known yet is looked for in the background."""
        key, search = apps[0].difference(apps[-1], self._names)
        if key != self._key and key not in self._known:
            self.task.submit(search, lambda found: self._arrived(key, found))
        self._key = key
        self._show()

    def _arrived(self, key: Hashable, found: Difference | None) -> None:
        self._known[key] = found
        self._show()

    def _on_state(self, state: TaskState) -> None:
        if state == "failed" and self.task.error is not None:
            self._failed(self.task.error)

    def _show(self) -> None:
        found = self.found
        self._text.value = "" if found is None else _LINE.format(found.sentence)
        self.widget.layout.display = "none" if found is None else None

    def go_there(self) -> None:
        """Choose what the line says."""
        if self.found is not None:
            self._go(self.found)

    def close(self) -> None:
        """Stop looking."""
        self.task.cancel()
        self.task.wait()


_LINE = Markup('<div class="xw" role="status">{}</div>')
