"""Which logit each class of some pictures belongs to: found by name, or as people say.

A folder with "ants" and "bees" and a network of 1,000 ImageNet classes have their classes in another order and under
other names. In this order each class of the pictures gets a logit: as `labels` says; by its name; as a number, if its
name is one; by the order, if there are as many classes as logits and no name is found at another place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xai_widgets.class_names import default_names, is_imagenet, is_numeral, plain, synonyms, wordnet_ids
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.limits import Whole
from xai_widgets.names import UNKNOWN, closest, find_class, hint

Labels = Mapping[Any, Any]
"""What people give as ``labels=``: a class of the pictures, by name or number, to a class of the model."""

GIVEN, NAMED, NUMBERED, ORDERED = "by labels=", "by name", "as numbers", "by order"

MOST_LISTED = 4
"""So many matches are named one by one; of more there is only a count."""

_WORDNET = re.compile(r"(n\d{8})(?!\d)")
_IRREGULAR = {
    "mice": "mouse", "lice": "louse", "geese": "goose", "feet": "foot", "teeth": "tooth", "children": "child",
    "people": "person", "men": "man", "oxen": "ox",
}  # fmt: skip
_ENDINGS = (("ies", ("y", "ie")), ("ves", ("f", "fe", "ve")), ("es", ("", "e")), ("s", ("",)))


@dataclass(frozen=True)
class Matched:
    """The logits of the classes of some pictures.

    Attributes
    ----------
    folders
        The classes' own names, by their own number.
    numbers
        The number of the logit of each, or `UNKNOWN`.
    how
        How each was found: "by name", "by labels=", "by order", "as numbers"; empty where it was not.
    class_names
        The names of the logits.
    several
        Names that more than one logit has, and these logits; they are not matched.
    """

    folders: tuple[str, ...]
    numbers: tuple[int, ...]
    how: tuple[str, ...]
    class_names: tuple[str, ...] = field(repr=False)
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Classes of the pictures that no logit was found for."""
        return tuple(name for name, number in zip(self.folders, self.numbers, strict=True) if number == UNKNOWN)

    def clause(self) -> str:
        """What was matched, and how, in a few words."""
        groups = [self._group(how) for how in dict.fromkeys(self.how) if how]
        return "; ".join([*groups, *([f"{_some(self.unmatched)} not known"] if self.unmatched else [])])

    def warning(self) -> str:
        """A sentence about the classes that were not matched, with what to do; empty if all were."""
        if not self.unmatched:
            return ""
        example = f"{{{self.unmatched[0]!r}: name or number of the model's class}}"
        several = "".join(f"; {name!r} may be {_some(names)}" for name, names in self.several.items())
        names = "class_names= names the model's classes, or " if _unnamed(self.class_names) else ""
        return (
            f"of the {len(self.folders)} classes of the pictures, the model has none called {_some(self.unmatched)}"
            f"{several}: the true classes of these pictures are unknown; {names}labels={example} gives them"
        )

    def _group(self, how: str) -> str:
        names, classes = self.folders, self.class_names
        rows = [(names[i], classes[self.numbers[i]]) for i, each in enumerate(self.how) if each == how]
        pairs = [one if one == other else f"{one} -> {other}" for one, other in rows]
        return f"{', '.join(pairs) if len(pairs) <= MOST_LISTED else f'{len(pairs):,}'} {how}"


def _unnamed(class_names: Sequence[str]) -> bool:
    return list(class_names) == default_names(len(class_names))


def match(folders: Sequence[str], class_names: Sequence[str], labels: Labels | None = None) -> Matched:
    """Find the logit of each class of the pictures.

    Parameters
    ----------
    folders
        The classes' own names, by their own number.
    class_names
        The names of the logits.
    labels
        The classes of the model for some of the pictures' classes; either may be a name or a number.

    Raises
    ------
    PictureError
        If `labels` names a class that there is not, or one twice; or if two classes of the pictures belong to one
        logit and `labels` does not say so.
    """
    given = given_numbers(labels or {}, folders, class_names)
    found, several = _by_name(folders, class_names)
    how = dict.fromkeys(found, NAMED)
    for extra, word in ((_as_numbers(folders, class_names), NUMBERED), (given, GIVEN)):
        new = extra if word == GIVEN else {k: v for k, v in extra.items() if k not in found}
        found, how = found | new, how | dict.fromkeys(new, word)
    if len(folders) == len(class_names) and all(place == number for place, number in found.items()):
        rest = {k: k for k in range(len(folders)) if k not in found}
        found, how = found | rest, how | dict.fromkeys(rest, ORDERED)
    _require_one_each(folders, class_names, found, how)
    places = range(len(folders))
    left = {folders[k]: names for k, names in several.items() if k not in found}
    numbers = tuple(found.get(k, UNKNOWN) for k in places)
    return Matched(tuple(folders), numbers, tuple(how.get(k, "") for k in places), tuple(class_names), left)


def given_numbers(labels: Labels, folders: Sequence[str], class_names: Sequence[str]) -> dict[int, int]:
    """What ``labels=`` says, as numbers of the pictures' classes and of logits; see `match`."""
    found: dict[int, int] = {}
    for key, value in require_mapping(labels).items():
        place = place_of(key, folders)
        if place in found:
            raise PictureError(f"labels= has the class {folders[place]!r} of the pictures twice; leave one of them out")
        found[place] = logit_of(key, value, class_names)
    return found


def require_mapping(labels: object) -> Labels:
    """``labels=`` itself, if it is a mapping."""
    if not isinstance(labels, Mapping):
        raise PictureError(
            f"labels is {labels!r}; give a mapping of the pictures' classes to the model's, such as {{'ants': 'ant'}}"
        )
    return labels


def place_of(key: object, folders: Sequence[str]) -> int:
    """The number of a class of the pictures by its name or number; of names that are numbers, the name counts."""
    try:
        if isinstance(key, str):
            return list(folders).index(closest(str(key), folders, "class of the pictures"))
        number = Whole()("a class of the pictures", key)
    except XaiWidgetsError as error:
        raise PictureError(f"labels: {error}") from error
    return _place_of_number(number, folders)


def _place_of_number(number: int, folders: Sequence[str]) -> int:
    numerals = {int(name): place for place, name in enumerate(folders) if is_numeral(name)}
    place = numerals.get(number, number)
    if place >= len(folders):
        raise PictureError(f"labels: there is no class {number} of the pictures{hint(str(number), folders)}")
    return place


def logit_of(key: object, value: object, class_names: Sequence[str]) -> int:
    """The number of a class of the model, by its name or number, for a class of the pictures."""
    try:
        return find_class(class_names, value)  # type: ignore[arg-type]  # what is no class, it refuses
    except XaiWidgetsError as error:
        raise PictureError(f"labels, {key!r}: {error}") from error


def _require_one_each(
    folders: Sequence[str], class_names: Sequence[str], found: Mapping[int, int], how: Mapping[int, str]
) -> None:
    """Refuse two classes of the pictures that belong to one logit, unless `labels` says so of each of them."""
    twice = {number for number, count in Counter(found.values()).items() if count > 1}
    for number in sorted(twice):
        rivals = [place for place, one in found.items() if one == number]
        if any(how[place] != GIVEN for place in rivals):
            names = [folders[place] for place in sorted(rivals)]
            example = dict.fromkeys(names, class_names[number])
            raise PictureError(
                f"the pictures' classes {' and '.join(map(repr, names))} would both be the model's class "
                f"{class_names[number]!r}; choose with labels=, such as {example!r}, or rename one"
            )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_LISTED])
    return shown if len(names) <= MOST_LISTED else f"{shown} and {len(names) - MOST_LISTED:,} more"


# --- names ---------------------------------------------------------------------------------------------------------


def _by_name(folders: Sequence[str], class_names: Sequence[str]) -> tuple[dict[int, int], dict[int, tuple[str, ...]]]:
    """Logits by the names of classes, and the names of those that a name may be if there are several."""
    forms = ((_exactly, _exactly), (_plainly, _plainly), (synonyms, _plainly), (_singulars, _singulars))
    rules = [(_table(class_names, of_class), of_folder) for of_class, of_folder in forms]
    ids = wordnet_ids() if is_imagenet(class_names) else {}
    found, several = {}, {}
    for place, folder in enumerate(folders):
        wordnet = _WORDNET.match(folder)
        steps = [{n for form in make(folder) for n in table.get(form, ())} for table, make in rules]
        if wordnet and wordnet[1] in ids:
            steps.insert(1, {ids[wordnet[1]]})
        logits = next(filter(None, steps), set())
        if len(logits) == 1:
            found[place] = next(iter(logits))
        elif logits:
            several[place] = tuple(class_names[n] for n in sorted(logits))
    return found, several


def _table(class_names: Sequence[str], forms: Any) -> dict[str, set[int]]:
    table: dict[str, set[int]] = {}
    for number, name in enumerate(class_names):
        for form in forms(name):
            table.setdefault(form, set()).add(number)
    return table


def _exactly(name: str) -> set[str]:
    return {name}


def _plainly(name: str) -> set[str]:
    return {plain(name)} - {""}


def _singulars(name: str) -> set[str]:
    return {one for word in synonyms(name) for one in _singular(word)}


def _singular(word: str) -> set[str]:
    """The word, and what it may be the plural of."""
    found = {word}
    for plural, singular in _IRREGULAR.items():
        if word.endswith(plural):
            found.add(word.removesuffix(plural) + singular)
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 2:
            found |= {word.removesuffix(ending) + one for one in instead}
    return found


# --- numbers -------------------------------------------------------------------------------------------------------


def _as_numbers(folders: Sequence[str], class_names: Sequence[str]) -> dict[int, int]:
    """Logits of classes whose names are their numbers; none if one is too large, since then they count from 1."""
    if any(map(is_numeral, class_names)):
        return {}
    found = {place: int(name) for place, name in enumerate(folders) if is_numeral(name)}
    return found if all(number < len(class_names) for number in found.values()) else {}
