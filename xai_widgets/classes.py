"""Classes, given by number or by name."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from operator import index

from xai_widgets.errors import XaiWidgetsError


def class_number(names: Sequence[str], target: int | str) -> int:
    """The number of a class given by number or name.

    Raises
    ------
    XaiWidgetsError
        If there is no such class; for a name, with the closest ones.
    """
    if not isinstance(target, str):
        try:
            number = index(target)
        except TypeError as error:
            raise XaiWidgetsError(f"target is {target!r}; give the number or the name of a class") from error
        require_class(number, len(names))
        return number
    if target in names:
        return list(names).index(target)
    close = get_close_matches(target, names, n=3, cutoff=0.3)
    hint = f"; closest: {', '.join(map(repr, close))}" if close else ""
    raise XaiWidgetsError(f"no class is named {target!r}{hint}")


def require_class(number: int, classes: int, name: str = "target") -> None:
    """Raise an `XaiWidgetsError` unless there is a class of that number."""
    if not 0 <= number < classes:
        raise XaiWidgetsError(f"{name} is {number}, and the classes are numbered 0 to {classes - 1}")
