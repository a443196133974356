"""What stands in for the pixels that a mask removes.

A reference must show nothing of the class, or its removal cannot be told: of several candidates, each picture takes
the one that scores lowest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Choice, Several
from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.pictures import PictureSet
from xai_widgets.study import Study

PUBLISHED_SIDE = 224
"""Side of the pictures that the published constants are meant for; they are scaled to other sides."""

AVERAGED = 64
"""So many pictures of a study make its average picture."""

_DRAWN: WeakKeyDictionary[Study, tuple[PictureSet, Tensor]] = WeakKeyDictionary()
"""These pictures, and the set that they were drawn from."""

LAST_RESORT = "other"
"""Some classifiers say a class of whatever is empty: only a picture of something else removes it."""

UNSURE = 0.5
"""A reference that keeps more than this share of its picture's score shows too much of the class."""


def choose(
    study: Study, pictures: Tensor, classes: Tensor, before: Tensor, names: Sequence[str]
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """For each picture the reference with the lowest score of its class: ``(N, C, H, W)``, scores ``(N,)``, names.

    The candidates are `REFERENCES`; of equal ones the first is taken. `LAST_RESORT` is taken only where all others
    leave more than `UNSURE` of the score `before` ``(N,)``, or there are no others.
    """
    require_names(names)
    usual = [name for name in names if name != LAST_RESORT] or list(names)
    best, scores, chosen = _lowest(study, pictures, classes, usual)
    unsure = scores > UNSURE * before
    if LAST_RESORT in names and unsure.any():
        best[unsure], scores[unsure], _ = _lowest(study, pictures[unsure], classes[unsure], [LAST_RESORT])
    resorted = unsure & (LAST_RESORT in names)
    pairs = zip(chosen.tolist(), resorted.tolist(), strict=True)
    return best, scores, tuple(LAST_RESORT if last else usual[number] for number, last in pairs)


def _lowest(study: Study, pictures: Tensor, classes: Tensor, names: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """References, scores, and which of the names each is."""
    candidates = torch.stack([REFERENCES[name](study, pictures, classes) for name in names])
    scores = torch.stack([own_scores(study.predict(one), classes) for one in candidates])
    lowest, chosen = scores.min(0)
    return candidates[chosen, torch.arange(len(pictures))], lowest, chosen


def named(study: Study, pictures: Tensor, classes: Tensor, names: Sequence[str]) -> Tensor:
    """References ``(N, C, H, W)`` of pictures, by the name of each, as `choose` gave them."""
    drawn = {name: REFERENCES[name](study, pictures, classes) for name in set(names)}
    return torch.stack([drawn[name][row] for row, name in enumerate(names)])


def require_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names; an `XaiWidgetsError` where one of them is no reference, or there are none."""
    known = Several(Choice(REFERENCES))("reference", names)
    if not known:
        raise XaiWidgetsError(f"references are {known}, but must be one or more of {', '.join(REFERENCES)}")
    return known


def _blur(_: Study, pictures: Tensor, __: Tensor) -> Tensor:
    sigma = min(pictures.shape[2:]) / 4
    return gaussian(pictures, sigma, odd(6 * sigma))


def _weak_blur(_: Study, pictures: Tensor, __: Tensor) -> Tensor:
    """The published reference: sigma 10 cut to 11 pixels, at 224."""
    scale = min(pictures.shape[2:]) / PUBLISHED_SIDE
    return gaussian(pictures, 10 * scale, max(3, odd(11 * scale)))


def _mean(_: Study, pictures: Tensor, __: Tensor) -> Tensor:
    return pictures.mean((2, 3), keepdim=True).expand_as(pictures)


def _median(_: Study, pictures: Tensor, __: Tensor) -> Tensor:
    return pictures.flatten(2).median(2).values[..., None, None].expand_as(pictures)


def _average(study: Study, pictures: Tensor, _: Tensor) -> Tensor:
    average = _drawn(study, pictures).mean(0, keepdim=True)
    return average.expand_as(pictures)


def _other(study: Study, pictures: Tensor, classes: Tensor) -> Tensor:
    drawn = _drawn(study, pictures)
    return drawn[study.predict(drawn)[:, classes].argmin(0)]


def _drawn(study: Study, pictures: Tensor) -> Tensor:
    """Some pictures of the study, of the size of these; read once, since photos take longer than the search's start."""
    source, drawn = _DRAWN.get(study, (None, None))
    if drawn is None or source is not study.train:
        drawn, _ = study.load(study.train, study.draw(study.train, AVERAGED))
        _DRAWN[study] = study.train, drawn
    return F.interpolate(drawn.to(pictures.dtype), pictures.shape[2:], mode="bilinear")


REFERENCES: dict[str, Callable[[Study, Tensor, Tensor], Tensor]] = {
    "blur": _blur,
    "mean": _mean,
    "median": _median,
    "average": _average,
    "other": _other,
    "weak blur": _weak_blur,
}
"""A strong blur (sigma a quarter of the shorter side), the picture's mean and its median colour, the average picture
of the study, its picture with the lowest score of the class, and the weak blur of the publication, which leaves much of
a small picture to be seen."""
