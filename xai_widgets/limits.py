"""What settings may be: every number, choice and switch that people give goes through one of these rules.

A rule is called with the name of a setting and its value. It returns the value as a plain Python one, which can be
saved, or raises an error that says the name, the value and what is allowed. Numbers of numpy and torch are numbers;
strings, bools, NaN and infinities are not.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from xai_widgets.errors import XaiWidgetsError

T = TypeVar("T")

Rule = Callable[..., T]
"""Called with a name and a value."""

MOST = 10**9
"""Where nothing else is said, a whole number is at most this; "all pictures" is written so."""

LARGEST = 1e30
"""Where nothing else is said, a number is at most this: finite in single precision, too."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`; 3.0 is none."""

    least: int = 0
    most: int = MOST
    error: type[XaiWidgetsError] = field(default=XaiWidgetsError, kw_only=True)

    def __call__(self, name: str, value: object) -> int:
        """The number as an int."""
        number = _whole(value)
        if number is None or not self.least <= number <= self.most:
            what = "whole number" if number is None else ""
            _refuse(self.error, name, value, _must(self.least, self.most, (), what))
        return number


@dataclass(frozen=True)
class Real:
    """A number from `least` to `most`, without those `apart`."""

    least: float = -LARGEST
    most: float = LARGEST
    apart: tuple[float, ...] = ()
    error: type[XaiWidgetsError] = field(default=XaiWidgetsError, kw_only=True)

    def __call__(self, name: str, value: object) -> float:
        """The number as a float."""
        number = _real(value)
        if number is None or not self.least <= number <= self.most or number in self.apart:
            what = "number" if number is None else ""
            _refuse(self.error, name, value, _must(self.least, self.most, self.apart, what))
        return number


@dataclass(frozen=True)
class Several:
    """A list of values which each follow a rule: at least so many, or one of so many lengths."""

    each: Rule[Any]
    counts: Collection[int] = ()
    least: int = 0
    error: type[XaiWidgetsError] = field(default=XaiWidgetsError, kw_only=True)

    def __call__(self, name: str, value: object) -> tuple[Any, ...]:
        """The values as a tuple."""
        values = _listed(value)
        if values is None:
            _refuse(self.error, name, value, "be a list of numbers")
        if len(values) < self.least or (self.counts and len(values) not in self.counts):
            wanted = " or ".join(map(str, sorted(self.counts))) or f"{self.least} or more"
            raise self.error(f"{name} has {len(values)} values, but must have {wanted}")
        return tuple(self.each(name, one) for one in values)


@dataclass(frozen=True)
class Choice:
    """One of some known values: strings, or None."""

    known: Collection[str | None]
    error: type[XaiWidgetsError] = field(default=XaiWidgetsError, kw_only=True)

    def __call__(self, name: str, value: object) -> Any:
        """The value itself."""
        if not (value is None or isinstance(value, str)) or value not in self.known:
            _refuse(self.error, name, value, f"be one of {', '.join(map(str, self.known))}")
        return value


@dataclass(frozen=True)
class Of:
    """An object of one of some classes."""

    kinds: tuple[type, ...]

    def __call__(self, name: str, value: object) -> Any:
        """The object itself."""
        if not isinstance(value, self.kinds):
            _refuse(XaiWidgetsError, name, value, f"be of type {' or '.join(kind.__name__ for kind in self.kinds)}")
        return value


@dataclass(frozen=True)
class OrNone:
    """None, or what follows a rule."""

    rule: Rule[Any]

    def __call__(self, name: str, value: object) -> Any:
        """None, or the value by the rule."""
        return None if value is None else self.rule(name, value)


def switch(name: str, value: object) -> bool:
    """True or False; a rule, as the classes here are."""
    if not _is_bool(value):
        _refuse(XaiWidgetsError, name, value, "be True or False")
    return bool(value)


def path_like(name: str, value: object) -> Path:
    """A path, with ``~`` as the home folder; a rule, as the classes here are."""
    if not isinstance(value, str | os.PathLike) or "\0" in str(value) or not str(value):
        _refuse(XaiWidgetsError, name, value, "be a path")
    try:
        return Path(value).expanduser()
    except (RuntimeError, TypeError):  # there is no such user, or the path is bytes
        _refuse(XaiWidgetsError, name, value, "be a path as text; ~ may be followed by a user name only")


COUNT = Whole(1)
SEED = Whole(0, 2**63 - 1)
BATCH = Whole(1, 10**6)
EPOCHS = STEPS = Whole(1, 10**6)
WIDTH = Whole(1, 4096)
"""Of a layer of a network; wider ones would need more memory than there is."""

SIDE = Whole(2, 4096)
"""Of pictures, in pixels: one pixel has no form, and of larger ones there is no room for a batch."""

SHARE = Real(0, 1)
INSIDE = Real(0, 1, apart=(0, 1))
POSITIVE = Real(0, apart=(0,))
WEIGHT = Real(0)
MEAN = Real(-1e6, 1e6)
STD = Real(1e-6, 1e6)
"""Of a normalisation: in single precision, to divide by less would give infinities."""


def settle(settings: object, **rules: Rule[Any]) -> None:
    """Put the fields of a frozen dataclass through their rules; to be called in its ``__post_init__``."""
    for name, rule in rules.items():
        object.__setattr__(settings, name, rule(name, getattr(settings, name)))


# --- what values are -----------------------------------------------------------------------------------------------


def _whole(value: Any) -> int | None:
    if _is_bool(value) or getattr(value, "ndim", 0) != 0:
        return None
    try:
        return index(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _real(value: Any) -> float | None:
    """The number, if it is one number; NaN and infinities are for the range to refuse."""
    if _is_bool(value) or getattr(value, "ndim", 0) != 0 or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def _is_bool(value: Any) -> bool:
    """Whether it is one bool, of Python, numpy or torch."""
    one = getattr(value, "ndim", 0) == 0 and str(getattr(value, "dtype", "")) in ("bool", "torch.bool")
    return one or isinstance(value, bool)


def _listed(value: object) -> list[Any] | None:
    if isinstance(value, str | bytes | Mapping | Set) or not isinstance(value, Iterable):
        return None
    try:
        return list(value)
    except TypeError:  # an array or a tensor of no dimension
        return None


# --- what is said --------------------------------------------------------------------------------------------------


def _refuse(error: type[XaiWidgetsError], name: str, value: object, must: str) -> NoReturn:
    raise error(f"{name} is {' '.join(_SHORT.repr(value).split())}, but must {must}")


def _must(least: float, most: float, apart: Collection[float], what: str) -> str:
    """What a number must be; with `what` it should be at all, if it is something else."""
    if most in (MOST, LARGEST):
        low = f"above {least:g}" if least in apart else "" if least == -LARGEST else f"at least {least:g}"
        bound = " and ".join(filter(None, [low, "finite" if most == LARGEST else ""]))
        return f"be a {what}, {bound}" if what else f"be {bound}"
    both, bracket = {least, most} <= set(apart), ")" if most in apart else "]"
    ends = f"between {least:g} and {most:g}, both excluded" if both else f"in [{least}, {most}{bracket}"
    return f"be a {what} {ends}" if what else f"lie {ends}"
