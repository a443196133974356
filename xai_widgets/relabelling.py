"""The pictures of a study: those that were given, with labels that are numbers of its logits."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor
from torch.utils.data import ConcatDataset, Subset

from xai_widgets.errors import PictureError
from xai_widgets.labels import Labels, Matched, logit_of, match, place_of, require_mapping
from xai_widgets.limits import Whole
from xai_widgets.names import UNKNOWN
from xai_widgets.pictures import BringsUnseen, KnowsParts, PictureSet, item, known_labels, split

_LOG = logging.getLogger(__name__)


@runtime_checkable
class Adopts(Protocol):
    """A set that can label its pictures with the numbers of a model's classes, and take over their names.

    ``folders`` are the names of its own classes; of `numbers` there is one for each of them.
    """

    folders: Sequence[str]

    def adopt(self, class_names: Sequence[str], numbers: Sequence[int]) -> None:
        """Change labels and names in place; may be called again."""


def own_names(pictures: Any) -> tuple[str, ...]:
    """Names of the classes that pictures were given with; empty if they have none.

    Those of a subset are those of what it is a subset of; a concatenation has names if all parts have the same.
    """
    if isinstance(pictures, Adopts):
        return tuple(pictures.folders)
    for attribute in ("class_names", "classes"):
        if names := _names(getattr(pictures, attribute, None), attribute):
            return names
    if isinstance(pictures, ConcatDataset):
        parts = {own_names(part) for part in pictures.datasets}
        return parts.pop() if len(parts) == 1 else ()
    return own_names(pictures.dataset) if isinstance(pictures, Subset) else ()


def _names(given: Any, attribute: str) -> tuple[str, ...]:
    """Names as strings: torchvision's `ImageNet` has a tuple of synonyms for each class."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        return ()
    names = tuple(", ".join(map(str, one)) if isinstance(one, tuple) else one for one in given)
    wrong = [one for one in names if one is None or isinstance(one, bytes) or not str(one).strip()]
    if wrong or len(set(map(str, names))) < len(names):
        said = repr(wrong[0]) if wrong else "a name twice"
        raise PictureError(f"{attribute} of these pictures has {said}; give each class a name of its own")
    return tuple(map(str, names))


class Labeller:
    """Labels sets of pictures with the numbers of a model's classes; see `xai_widgets.labels`.

    Attributes
    ----------
    matched
        What was matched, for each set with names.
    given
        ``labels=`` in plain values: names or numbers of the pictures' classes, and numbers of logits.
    """

    def __init__(self, class_names: Sequence[str], labels: Labels | None) -> None:
        self.class_names = tuple(class_names)
        self.matched: list[Matched] = []
        wishes = require_mapping({} if labels is None else labels)
        self.given = {_plain_key(key): logit_of(key, value, class_names) for key, value in wishes.items()}
        self._used: set[str | int] = set()
        self._known: list[str] = []

    def parts(self, images: PictureSet, test: PictureSet | None, seed: int) -> tuple[PictureSet, PictureSet]:
        """Pictures to fit on and unseen ones, labelled: those of `test`, or set aside; some sets come in two parts."""
        unseen = images.unseen if test is None and isinstance(images, BringsUnseen) else test
        taken = [self.take(each) for each in (images, unseen) if each is not None]
        self._finish()
        return (taken[0], taken[1]) if len(taken) == 2 else split(taken[0], seed)

    def take(self, pictures: Any) -> Any:
        """The set, labelled; a set that can adopt names does so, too, so that its labels are right for who gave it."""
        if type(pictures) in (Subset, ConcatDataset):
            return _with_parts(pictures, self.take)
        names = own_names(pictures)
        self._known += names
        numbers = self._matched(names) if names else self._unnamed()
        if isinstance(pictures, Adopts):
            own: Any = copy.copy(pictures)
            for each in (own, pictures):
                each.adopt(self.class_names, [numbers[place] for place in range(len(names))] if numbers else ())
            return own
        if names == self.class_names and _same(numbers) and _all_known(pictures, len(names)):
            return pictures  # as it is, of its own kind
        kind = RelabelledParts if isinstance(pictures, KnowsParts) else Relabelled
        return kind(pictures, self.class_names, numbers)

    def _finish(self) -> None:
        """Refuse what `labels` says of classes that no set has, and warn of classes that were not matched."""
        for key in self.given.keys() - self._used:
            place_of(key, list(dict.fromkeys(self._known)))
            raise PictureError(f"labels: there is no class {key!r} of the pictures, which have no names of classes")
        for text in dict.fromkeys(one.warning() for one in self.matched if one.unmatched):
            _LOG.warning("%s", text)

    def _matched(self, names: tuple[str, ...]) -> dict[int, int]:
        own = {key: number for key, number in self.given.items() if _has(names, key)}
        self._used |= own.keys()
        found = match(names, self.class_names, own)
        self.matched.append(found)
        return dict(enumerate(found.numbers))

    def _unnamed(self) -> dict[int, int] | None:
        """Of labels that are numbers only: as `labels` says, or as they are."""
        own = {key: number for key, number in self.given.items() if isinstance(key, int)}
        self._used |= own.keys()
        return own or None


def _plain_key(key: Any) -> str | int:
    return str(key) if isinstance(key, str) else Whole(0, error=PictureError)("a class of the pictures in labels", key)


def _has(names: Sequence[str], key: str | int) -> bool:
    try:
        place_of(key, names)
    except PictureError:
        return False
    return True


def as_given(pictures: Any) -> Any:
    """The set with the labels of its own classes, whatever a study made of them."""
    if type(pictures) in (Subset, ConcatDataset):
        return _with_parts(pictures, as_given)
    if not isinstance(pictures, Adopts):
        return pictures
    own: Any = copy.copy(pictures)
    own.adopt(pictures.folders, range(len(pictures.folders)))
    return own


def _with_parts(pictures: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of a subset or a concatenation whose parts are changed."""
    made = copy.copy(pictures)
    if isinstance(made, Subset):
        made.dataset = change(made.dataset)
    else:
        made.datasets = [change(part) for part in made.datasets]
    return made


def _same(numbers: Mapping[int, int] | None) -> bool:
    """Whether labels stay as they are."""
    return numbers is None or all(own == number for own, number in numbers.items())


def _all_known(pictures: PictureSet, classes: int) -> bool:
    """Whether all labels are known without reading the pictures, and are numbers of classes."""
    labels = known_labels(pictures)
    return labels is not None and len(labels) == len(pictures) and all(UNKNOWN <= one < classes for one in labels)


def labelled(pictures: PictureSet, indices: Sequence[int]) -> list[int]:
    """Those of some indices of a set whose pictures have a label."""
    labels = known_labels(pictures)
    return [i for i in indices if (item(pictures, i)[1] if labels is None else labels[i]) != UNKNOWN]


class Relabelled:
    """Pictures whose labels are numbers of a model's logits, or -1; everything else is as in the set itself.

    Parameters
    ----------
    pictures
        The set.
    class_names
        Names of the logits.
    numbers
        The logit of each of the set's own labels; None: they are numbers of logits already.
    """

    def __init__(
        self, pictures: PictureSet, class_names: tuple[str, ...], numbers: Mapping[int, int] | None = None
    ) -> None:
        self._given = pictures
        self.class_names = class_names
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture, label = item(self._given, index)
        return picture, self._number(label)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_given", "_numbers"):  # while it is being copied
            raise AttributeError(name)
        value = getattr(self._given, name)
        return value if name != "labels" or self._same else [self._number(int(label)) for label in value]

    @property
    def _same(self) -> bool:
        return _same(self._numbers)

    def _number(self, label: int) -> int:
        if label == UNKNOWN:
            return UNKNOWN
        if self._numbers is None and 0 <= label < len(self.class_names):
            return label
        if self._numbers is None:
            raise PictureError(
                f"a picture has the label {label}, and the model's classes are numbered 0 to "
                f"{len(self.class_names) - 1}; give the pictures' labels as such numbers, -1 where the class is "
                "unknown, or give their classes with labels="
            )
        if label not in self._numbers:
            known = ", ".join(map(str, list(self._numbers)[:8]))
            raise PictureError(f"a picture has the label {label}, and only {known} are known; add it to labels=")
        return self._numbers[label]


class RelabelledParts(Relabelled):
    """The same of pictures that know their parts."""

    @property
    def part_names(self) -> Sequence[str]:
        """See `KnowsParts`."""
        names: Sequence[str] = self._given.part_names  # type: ignore[attr-defined]
        return names

    def part_map(self, index: int) -> Any:
        """See `KnowsParts`."""
        return self._given.part_map(index)  # type: ignore[attr-defined]
