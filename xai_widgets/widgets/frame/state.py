"""What is chosen in a widget, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from xai_widgets.errors import XaiWidgetsError


class State:
    """What is chosen in a widget, as plain values: to save it, to restore it, to link it.

    Examples
    --------
    >>> state = State()
    >>> state.bind("blend", slider)
    >>> state.to_dict()
    {'blend': 0.5}
    """

    def __init__(self) -> None:
        self._places: dict[str, tuple[Any, str]] = {}
        self._known: dict[str, Any] = {}
        self._listeners: list[Callable[[], None]] = []

    def bind(self, name: str, owner: Any, attribute: str = "value") -> None:
        """Let ``name`` stand for an attribute that can be read and set: of a control, of a view, of an app."""
        self._places[name] = (owner, attribute)

    def to_dict(self) -> dict[str, Any]:
        """All values, in the order in which they were bound."""
        return {name: getattr(*place) for name, place in self._places.items()}

    def from_dict(self, values: Mapping[str, Any]) -> None:
        """Set some or all values, in the order in which they were bound.

        Raises
        ------
        XaiWidgetsError
            For a name that was never bound; nothing is set then.
        """
        for name in values:
            self._require(name)
        for name, place in self._places.items():
            if name in values:
                setattr(*place, values[name])
        self.announce()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def announce(self) -> None:
        """Tell the listeners, if a value is another one than when they were last told."""
        values = self.to_dict()
        if values != self._known:
            self._known = values
            for listener in tuple(self._listeners):
                listener()

    def _require(self, name: str) -> None:
        if name not in self._places:
            close = difflib.get_close_matches(name, self._places, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise XaiWidgetsError(f"the state has no {name!r}, only {', '.join(self._places)}{hint}")
