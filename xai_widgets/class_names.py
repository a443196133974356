"""Names of a model's classes: those that people give, and those of ImageNet's 1,000 classes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cache
from importlib.resources import files

from xai_widgets.errors import PictureError

IMAGENET = 1000
_ANCHORS = {0: "tench", 1: "goldfish", 207: "goldenretriever", 999: "toilettissue"}
"""By these classes the names of ImageNet's 1,000 are recognised, in whatever detail they are written."""

_DOUBLES = {134: "crane (bird)", 517: "crane (machine)", 638: "maillot (tights)", 639: "maillot (tank suit)"}
"""Classes of ImageNet that share a name in the usual lists."""


def default_names(classes: int) -> list[str]:
    """Names of logits that nobody named."""
    return [f"class {number}" for number in range(classes)]


def names_like(own: Sequence[str], classes: int) -> tuple[str, ...]:
    """Names of logits that nobody named: the pictures' own if there is one for each; sorted, if they are numbers."""
    if len(own) != classes:
        return tuple(default_names(classes))
    if all(map(is_numeral, own)) and {int(name) for name in own} == set(range(classes)):
        return tuple(sorted(own, key=int))
    return tuple(own)


def checked_names(given: object, classes: int) -> tuple[str, ...]:
    """Names of logits as people give them: one for each, all different; or a PictureError.

    ImageNet has two cranes and two maillots, which are told apart.
    """
    names = _listed(given)
    if names is None:
        raise PictureError(f"class_names is {given!r}; give a list with a name for each of the {classes} logits")
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise PictureError(f"class_names must be strings, but one is {wrong[0]!r}")
    if len(names) != classes:
        raise PictureError(f"the model has {classes} logits, but class_names has {len(names)} names")
    return _distinct(tuple(map(str, names)))


def _listed(given: object) -> tuple[object, ...] | None:
    """The values of a list; None for what has no order, or is no list."""
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        return None
    return tuple(given) if getattr(given, "ndim", 1) else None


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if they are different and not empty."""
    if empty := [number for number, name in enumerate(names) if not name.strip()]:
        raise PictureError(f"class_names has an empty name at place {empty[0]}; give every logit a name")
    count = Counter(names)
    if len(names) == IMAGENET and is_imagenet(names):
        told = {n: clear for n, clear in _DOUBLES.items() if count[names[n]] == 2 and clear.startswith(f"{names[n]} (")}
        names = tuple(told.get(number, name) for number, name in enumerate(names))
        count = Counter(names)
    if twice := [name for name, times in count.items() if times > 1]:
        places = [number for number, name in enumerate(names) if name == twice[0]]
        raise PictureError(
            f"class_names has {twice[0]!r} more than once (at {', '.join(map(str, places))}), but "
            f"names must be distinct; change one, such as to {f'{twice[0]} 2'!r}"
        )
    return names


# --- how names are written -----------------------------------------------------------------------------------------


def is_numeral(name: str) -> bool:
    """Whether a name is a number such as "12" or "007"."""
    return name.isascii() and name.isdecimal() and len(name) <= 9


def plain(name: str) -> str:
    """Without case, spaces, underscores and hyphens; letters with accents are one sign on every file system."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


def synonyms(name: str) -> set[str]:
    """Of "tench, Tinca tinca" both; of "crane (bird)" also "crane"."""
    words = [*name.split(","), re.sub(r"\(.*?\)", "", name)]
    return {plain(word) for word in words} - {""}


# --- ImageNet ------------------------------------------------------------------------------------------------------


@cache
def wordnet_ids() -> dict[str, int]:
    """The WordNet ids of ImageNet's 1,000 classes, in the order of the logits of all published networks."""
    text = (files("xai_widgets") / "data" / "imagenet_wordnet_ids.txt").read_text(encoding="ascii")
    return {one: number for number, one in enumerate(text.split())}


def is_imagenet(class_names: Sequence[str]) -> bool:
    """Whether names are those of ImageNet's 1,000 classes, or 1,000 that nobody named."""
    if len(class_names) != IMAGENET:
        return False
    unnamed = list(class_names) == default_names(IMAGENET)
    return unnamed or all(name in synonyms(class_names[number]) for number, name in _ANCHORS.items())
