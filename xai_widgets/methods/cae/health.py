"""Whether a fitted CAE can be trusted: moving a code must move the picture, and the classifier with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.common.codes import CachedPass

SWAPS = 64
"""Random swaps of codes that the measures rest on."""

LEAST_CHANGE, LEAST_VALIDITY = 0.001, 0.6
"""Below these the class code is not used: mean change by a swap, and share of swaps that give the donor's class."""


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

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the fit cannot be trusted; empty if it can."""
        found = []
        if self.change < LEAST_CHANGE:
            found.append(
                f"The decoder ignores the class code: another class's code changes a picture by {self.change:.2%} only."
            )
        if max(self.validity, self.pasted_validity) < LEAST_VALIDITY:
            found.append(
                f"Moving the code does not move the classifier: it agrees with {self.validity:.0%} of the swaps only."
            )
        return tuple(found)

    def verdict(self) -> str:
        """The numbers that tell whether to trust the fit, in one line."""
        direct, pasted = (round(share * self.swaps) for share in (self.validity, self.pasted_validity))
        line = (
            f"Swapping class codes changed the prediction as expected in {direct} of {self.swaps} tests"
            f"{'' if direct == pasted else f', and in {pasted} with the change pasted into the picture'}; "
            f"a probe reads the original class off {self.leak:.0%} of swapped pictures (guessing: {self.guessed:.0%}); "
            f"reconstruction error {self.reconstruction:.2g}; map and classifier differ by {self.map_error:.2g}."
        )
        return f"NOT TO BE BELIEVED: {' '.join(self.problems)} {line}" if self.problems else line


@torch.no_grad()
def examine(networks: FittedNetworks, cached: CachedPass, evidence: Tensor, seed: int) -> Health:
    """Swap class codes between random pictures of different predicted classes, and ask the classifier.

    The networks must be in evaluation mode; `evidence` is ``(N, E)``, and `seed` that of the choice of pictures.
    """
    study = cached.study
    receivers, donors = _pairs(cached.logits.argmax(1), seed)
    pictures = cached.picture(receivers)
    codes = [networks.class_code(cached.picture(at), evidence[at].to(study.device)) for at in (receivers, donors)]
    individual = networks.individual_code(pictures)
    rebuilt, moved = (networks.decoded(individual, code) for code in codes)
    expected = cached.logits[donors].argmax(1)
    direct = study.predict(moved.cpu())
    pasted = study.predict(networks.shown(pictures, rebuilt, moved).cpu())
    return Health(
        swaps=len(receivers),
        reconstruction=float((rebuilt - pictures).abs().mean()),
        validity=float((direct.argmax(1) == expected).float().mean()),
        pasted_validity=float((pasted.argmax(1) == expected).float().mean()),
        map_error=float((study.scores.probabilities(networks.head(codes[1])).cpu() - pasted).abs().mean()),
        change=float((moved - rebuilt).abs().mean()),
        scale=max(_quantile((moved - rebuilt).abs().mean(1), 0.995), 1e-3),
    )


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
