"""Names that people type: of classes, layers, views; and what they probably meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from operator import index
from typing import SupportsIndex

from xai_widgets.errors import XaiWidgetsError

Target = SupportsIndex | str
"""A class: its number (Python, numpy or torch integer) or its name."""

UNKNOWN = -1
"""The label of a picture whose class is not one of the model's, or not known."""


def printable(name: object) -> str:
    """A name or path as text that can be printed and saved; names of files may hold bytes that are no characters."""
    return str(name).encode("utf-8", "backslashreplace").decode()


def find_class(names: Sequence[str], target: Target) -> int:
    """The number of a class given by number or by name, or an XaiWidgetsError with the closest names."""
    if isinstance(target, str):
        return list(names).index(closest(target, names, "class"))
    try:
        number = index(target)
    except (TypeError, ValueError, RuntimeError) as error:
        raise XaiWidgetsError(f"target is {target!r}; give the number or the name of a class") from error
    if isinstance(target, bool) or _is_no_number(target) or not 0 <= number < len(names):
        raise XaiWidgetsError(f"target is {target!r}, and the classes are numbered 0 to {len(names) - 1}")
    return number


def _is_no_number(target: object) -> bool:
    """Whether it is an array or a bool of numpy or torch, which Python takes for a number."""
    return getattr(target, "ndim", 0) != 0 or str(getattr(target, "dtype", "")) in ("bool", "torch.bool")


def class_name(names: Sequence[str], label: int) -> str:
    """The name of a label; "label 7" where the classifier has no such class, and empty where it is not known."""
    if label == UNKNOWN:
        return ""
    return names[label] if 0 <= label < len(names) else f"label {label}"


def closest(name: str, known: Collection[str], kind: str) -> str:
    """The name itself, if it is known; else an XaiWidgetsError that says which names of that `kind` there are."""
    if name in known:
        return name
    raise XaiWidgetsError(f"there is no {kind} {name!r}{hint(name, known)}")


def hint(name: str, known: Collection[str], few: int = 8) -> str:
    """The end of an error message: the closest names, or all of them where there are at most `few`."""
    named = [one for one in known if one]
    everything = len(named) <= few
    close = named if everything else get_close_matches(str(name), named, n=3, cutoff=0.3)
    return f"; {'known are' if everything else 'closest:'} {', '.join(map(repr, close))}" if close else ""


def listed(words: Sequence[str]) -> str:
    """One or several words as an enumeration: a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
