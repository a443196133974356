"""What replaces a picture where its mask is 0; it should show nothing of the class."""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.methods.masking import references
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.methods.masking.references import PUBLISHED_SIDE, REFERENCES
from xai_widgets.study import Study

AUTO, NOISE, PAPER_BLUR = "auto", "noise", "paper blur"

BACKGROUNDS = (AUTO, NOISE, PAPER_BLUR, *REFERENCES)
"""Names of backgrounds. "auto" takes the one of `CANDIDATES` with the lowest probability of the class, "noise" is white
noise with each picture's mean and deviation, "paper blur" is the published blur; the others are those of
`masking.references`."""

CANDIDATES = ("blur", "mean", "median", "average", "other")
"""The backgrounds that "auto" chooses from."""


def backgrounds(
    study: Study, pictures: Tensor, classes: Tensor, name: str, seed: int
) -> tuple[Tensor, tuple[str, ...]]:
    """A background of `BACKGROUNDS` for each picture ``(N, C, H, W)``, without evidence for its class; and its name."""
    require(name)
    if name == PAPER_BLUR:
        sigma = 11.0 * min(pictures.shape[2:]) / PUBLISHED_SIDE  # the published one, scaled
        return gaussian(pictures, sigma, odd(6 * sigma)), (name,) * len(pictures)
    if name == NOISE:
        return _noise(pictures, seed), (name,) * len(pictures)
    before = own_scores(study.predict(pictures), classes)
    found, _, names = references.choose(study, pictures, classes, before, CANDIDATES if name == AUTO else (name,))
    return found, names


def require(name: str) -> None:
    """Raise an `XaiWidgetsError` if there is no such background."""
    if name not in BACKGROUNDS:
        raise XaiWidgetsError(f"background is {name!r}, but must be one of {', '.join(BACKGROUNDS)}")


def _noise(pictures: Tensor, seed: int) -> Tensor:
    """White noise with the mean and deviation of each picture's channels; the same noise for all pictures."""
    drawn = torch.randn(pictures.shape[1:], generator=torch.Generator().manual_seed(seed)).to(pictures)
    mean, deviation = pictures.mean((2, 3), keepdim=True), pictures.std((2, 3), keepdim=True, correction=0)
    return (mean + deviation * drawn).clamp(0, 1)
