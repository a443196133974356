"""Whether a fitted CAE can be trusted: moving a code must move the picture, and the classifier with it.

A decoder can learn its pictures by heart; so codes are swapped between held-out pictures, where there are any of two
predicted classes. The same swaps decide how finely changes are pasted: at the highest level (see `pasting`) at which
the target is on average no more than 2 % less probable than in the decoded pictures themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.devices import sent
from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.cae.pasting import LEVELS
from xai_widgets.methods.common.codes import CachedPass

SWAPS = 64
"""Random swaps of codes that the measures rest on."""

LEAST_CHANGE, LEAST_VALIDITY = 0.001, 0.6
"""Below these the class code is not used: mean change by a swap, and share of swaps that give the donor's class."""

WEAKER = 0.02
"""By so much the target may be less probable in pasted swaps than in decoded ones, on average."""

TILES = 16
"""Tiles side by side of the mosaic with which reconstructions are compared."""

COARSE = 1.0
"""From this error on, as a share of the mosaic's, pictures are called blurred."""

SHOWS = 0.3
"""From this share on of what guessing leaves open, a probe that reads the original class is worth a remark."""


@dataclass(frozen=True)
class Health:
    """Measures of a CAE on swaps of class codes between pictures of different predicted classes.

    Attributes
    ----------
    swaps
        How many swaps the measures rest on.
    reconstruction
        Mean absolute error of the reconstructions, pictures in [0, 1].
    validity
        Share of the swaps, decoded directly, for which the donor's class is predicted.
    pasted_validity
        The same, pasted into the picture.
    map_error
        Mean absolute difference of the probabilities of map and classifier, on those swaps.
    change
        Mean absolute change of the picture by a swap.
    scale
        99.5 % quantile of the changes of pixels by a swap: the full scale of all difference maps.
    leak, guessed
        Share of swapped pictures off which a probe still reads the class of the original (see `leak`), and how often
        the commonest class would be right.
    alarmed
        Whether the collapse alarm had to change the weights of the losses.
    seconds
        What the fit took.
    level
        Of pasting: the highest one at which the classifier follows pasted swaps as it follows decoded ones.
    coarseness
        Squared error of the reconstructions as a share of that of a mosaic of `TILES` x `TILES` mean colours; 0 where
        it was not measured.
    unseen
        Whether the swaps are between held-out pictures.
    """

    swaps: int
    reconstruction: float
    validity: float
    pasted_validity: float
    map_error: float
    change: float
    scale: float
    leak: float = 0.0
    guessed: float = 0.0
    alarmed: bool = False
    seconds: float = 0.0
    level: float = 1.0
    coarseness: float = 0.0
    unseen: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the fit cannot be trusted, and what to do; empty if it can."""
        found = []
        if self.change < LEAST_CHANGE:
            found.append(
                f"The pictures hardly change: asked for another class, CAE changes a picture by {self.change:.2%} on "
                f"average, and {LEAST_CHANGE:.2%} is the least. Give it more pictures, or fit for more epochs."
            )
        if self.pasted_validity < LEAST_VALIDITY:
            found.append(
                f"The classifier does not follow the changes: it sees the class that was asked for in "
                f"{round(self.pasted_validity * self.swaps)} of {self.swaps} {self._of} only, and "
                f"{LEAST_VALIDITY:.0%} is the least. Give it more pictures, or fit for more epochs."
            )
        return tuple(found)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to mind when looking at the pictures of a fit, even one that can be trusted."""
        found = []
        if self.coarseness >= COARSE:
            found.append(
                f"The pictures that it draws are blurred: a picture drawn anew is {self.coarseness:.1f} times as far "
                f"from the original as a mosaic of {TILES} x {TILES} tiles. Believe where a picture changes, not how "
                "it looks there; more pictures help."
            )
        if self.leak - self.guessed >= SHOWS * (1 - self.guessed):
            found.append(
                f"The old class still shows: it can be read off {self.leak:.0%} of the changed pictures, and guessing "
                f"finds {self.guessed:.0%}. Either the classifier does not look there, or the change leaves traces; "
                "another classifier, and your eyes, may still see the old class."
            )
        return tuple(found)

    def verdict(self) -> str:
        """The numbers that tell whether to trust the fit, in one line."""
        direct, pasted = (round(share * self.swaps) for share in (self.validity, self.pasted_validity))
        line = (
            f"Swapping class codes changed the prediction as expected in {direct} of {self.swaps} {self._of}"
            f"{'' if direct == pasted else f', and in {pasted} with the change pasted into the picture'}; "
            f"a probe reads the original class off {self.leak:.0%} of swapped pictures (guessing: {self.guessed:.0%}); "
            f"reconstruction error {self.reconstruction:.2g}; map and classifier differ by {self.map_error:.2g}."
        )
        said = " ".join([*self.problems, *self.remarks, line])
        return f"NOT TO BE BELIEVED: {said}" if self.problems else said

    @property
    def _of(self) -> str:
        return "tests on held-out pictures" if self.unseen else "tests"


@torch.no_grad()
def examine(networks: FittedNetworks, cached: CachedPass, evidence: Tensor, seed: int) -> Health:
    """Swap class codes between random pictures of different predicted classes, and ask the classifier.

    The networks must be in evaluation mode; `evidence` is ``(N, E)``, and `seed` that of the choice of pictures.
    """
    study = cached.study
    receivers, donors = _pairs(cached.logits.argmax(1), seed)
    pictures = cached.picture(receivers)
    codes = [networks.class_code(cached.picture(at), sent(evidence[at], study.device)) for at in (receivers, donors)]
    individual = networks.individual_code(pictures)
    rebuilt, moved = (networks.decoded(individual, code) for code in codes)
    expected = cached.logits[donors].argmax(1)
    direct = study.predict(moved.cpu())
    level, pasted = _pasted(networks, cached, (pictures, rebuilt, moved), _likely(direct, expected) - WEAKER, expected)
    return Health(
        swaps=len(receivers),
        reconstruction=float((rebuilt - pictures).abs().mean()),
        validity=float((direct.argmax(1) == expected).float().mean()),
        pasted_validity=float((pasted.argmax(1) == expected).float().mean()),
        map_error=float((study.scores.probabilities(networks.head(codes[1])).cpu() - pasted).abs().mean()),
        change=float((moved - rebuilt).abs().mean()),
        scale=max(_quantile((moved - rebuilt).abs().mean(1), 0.995), 1e-3),
        level=level,
        coarseness=coarseness(pictures, rebuilt),
    )


def coarseness(pictures: Tensor, rebuilt: Tensor) -> float:
    """Squared error of reconstructions ``(N, C, H, W)``, as a share of that of a mosaic."""
    height, width = pictures.shape[2:]
    if min(height, width) <= TILES:
        return 0.0  # the mosaic is the picture
    small = F.adaptive_avg_pool2d(pictures, (min(TILES, height), min(TILES, width)))
    mosaic = F.interpolate(small, (height, width))
    return float((rebuilt - pictures).square().mean() / (mosaic - pictures).square().mean().clamp_min(1e-6))


def _pasted(
    networks: FittedNetworks, cached: CachedPass, drawn: tuple[Tensor, Tensor, Tensor], least: float, expected: Tensor
) -> tuple[float, Tensor]:
    """The highest level at which the classes ``(n,)`` are probable enough on average, and the probabilities there."""
    for level in LEVELS:
        found = cached.study.predict(networks.shown(*drawn, level).cpu())
        if _likely(found, expected) >= least:
            break
    return level, found


def _likely(probabilities: Tensor, classes: Tensor) -> float:
    """The mean probability of one class for each."""
    return float(probabilities.gather(1, classes[:, None]).mean())


def _quantile(values: Tensor, share: float) -> float:
    """By sorting: torch.quantile refuses more than 16 million numbers."""
    ordered = values.flatten().sort().values
    return float(ordered[int(share * (len(ordered) - 1))])


def _pairs(classes: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """`SWAPS` pairs of indices whose classes differ, however rare one of them is."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(len(classes), (SWAPS,), generator=generator)
    others = [(classes != classes[index]).nonzero().flatten() for index in first]
    draws = torch.rand(SWAPS, generator=generator)
    second = [pool[int(draw * len(pool))] for pool, draw in zip(others, draws, strict=True)]
    return first, torch.stack(second)
