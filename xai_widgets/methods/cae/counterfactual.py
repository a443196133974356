"""What CAE gives back: the way from a picture to another class, and the numbers that tell whether to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from xai_widgets.methods.cae.path import FilmStrip

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery

MOST = 0.6
"""Share of the change that `Counterfactual.focus` looks for."""

THIRDS = (("upper", "middle", "lower"), ("left", "middle", "right"))


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """A picture, and what it would have to look like for the classifier to see another class.

    Attributes
    ----------
    original
        The picture, ``(C, H, W)`` in [0, 1].
    strip
        The way, frame by frame; its last frame is the counterfactual.
    source, target
        The predicted class of the picture, and the class it was led to.
    requested
        The requested probability of the target, or None for the end of the route.
    saliency
        Maps ``(H, W)``. "difference": mean change of a pixel, 1 is the same for all pictures. "path": contribution to
        the log-odds, signed. "several" and "agreement": the mean change over three counterfactuals that differ in
        what does not matter, and how far these agree; in [0, 1].
    completeness
        Sum of "path", and the change of the log-odds that it should equal.
    pasted
        Whether changes were pasted into the picture itself; else frames are decoded, and the first one is not the
        picture but its reconstruction.
    problems
        Why the fit cannot be trusted; empty if it can.
    class_names
        For captions.
    origin
        How this was made: model fingerprint, settings, versions.
    """

    original: Tensor
    strip: FilmStrip
    source: int
    target: int
    requested: float | None
    saliency: Mapping[str, Tensor]
    completeness: tuple[float, float]
    pasted: bool
    problems: tuple[str, ...]
    class_names: tuple[str, ...]
    origin: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Counterfactual({self.name(self.source)} to {self.name(self.target)}, {self.obtained:.0%})"

    def name(self, class_index: int) -> str:
        """The name of a class."""
        return self.class_names[class_index]

    @property
    def picture(self) -> Tensor:
        """The counterfactual ``(C, H, W)`` in [0, 1]."""
        return self.strip.pictures[-1]

    @property
    def change(self) -> Tensor:
        """The counterfactual minus the first frame, ``(C, H, W)`` in [-1, 1]."""
        return self.strip.pictures[-1] - self.strip.pictures[0]

    @property
    def obtained(self) -> float:
        """Probability that the classifier gives to the target."""
        return float(self.strip.probabilities[-1, self.target])

    @property
    def start_gap(self) -> float:
        """Mean absolute difference of the first frame and the picture."""
        return float((self.strip.pictures[0] - self.original).abs().mean())

    @property
    def flipped(self) -> bool:
        """Whether the target is the predicted class at the end."""
        return int(self.strip.probabilities[-1].argmax()) == self.target

    @property
    def half_way(self) -> int:
        """The frame at which half of the change is done."""
        return max(len(self.strip.pictures) // 2, 1)

    @property
    def first_change(self) -> Tensor:
        """What the first half of the change is, ``(C, H, W)`` in [-1, 1]."""
        return self.strip.pictures[self.half_way] - self.strip.pictures[0]

    def focus(self) -> tuple[float, str]:
        """The smallest share of the picture that holds `MOST` of the squared change, and where its middle is."""
        return _focus(self.change)

    def share_within(self, region: Tensor) -> float:
        """Share of the squared change inside a region, bool ``(H, W)``."""
        return share_of(self.change, region)

    def sentence(self) -> str:
        """What happened, in one plain sentence."""
        area, where = self.focus()
        source, target = self.name(self.source), self.name(self.target)
        if not self.flipped:
            return f"This change is not enough: the classifier gives {target} {self.obtained:.0%} only."
        first = "" if self.strip.first is None else f" What changes first lies {_focus(self.first_change)[1]}."
        return (
            f"The classifier sees {target} instead of {source} after this change: {MOST:.0%} of it lies on {area:.0%} "
            f"of the picture, {where}.{first}"
        )

    def verdict(self) -> str:
        """The numbers that tell whether to trust it, in one line."""
        requested = "" if self.requested is None else f" (requested: {self.requested:.0%})"
        falls = f"falls on {self.strip.violation:.1%} of the path" if self.strip.violation else "rises all the way"
        gap = f"differs from the original by {self.start_gap:.2g} on average" if self.start_gap else "is the original"
        off = int((~self.strip.on_data).sum())
        half = float(self.strip.probabilities[self.half_way, self.target])
        first = None if self.strip.first is None else _focus(self.first_change)[1]
        parts = [
            f"{self.name(self.target)} {self.obtained:.1%}{requested}",
            f"what changes first lies {first}" if first else "everything changes at once",
            f"half of the change gives {half:.0%}",
            f"the probability {falls}",
            f"frame 1 {gap}",
            f"the attributions sum to {self.completeness[0]:.1f} of {self.completeness[1]:.1f} log-odds",
            f"{off} of {len(self.strip.on_data)} frames are far from real pictures"
            if off
            else "all frames are near real pictures",
        ]
        line = "; ".join(parts)
        return f"NOT TO BE BELIEVED: {' '.join(self.problems)} {line}." if self.problems else f"{line}."

    def figure(self) -> NotebookFigure:
        """Film strip, probability curve, and the maps, as a matplotlib figure."""
        from xai_widgets.show.film import film  # noqa: PLC0415  (matplotlib only when it is needed)

        strip = self.strip
        return film(
            list(strip.pictures),
            [self.prediction_label(frame) for frame in range(len(strip.pictures))],
            (strip.raw_shares.tolist(), strip.raw_curve.tolist()),
            (strip.shares.tolist(), strip.probabilities[:, self.target].tolist()),
            ("position on the path", self.name(self.target)),
            self.maps(),
            f"{self.sentence()}\n{self.verdict()}",
        )

    def maps(self) -> dict[str, Any]:
        """The change and the saliency maps as pictures, by heading."""
        from xai_widgets.show import images  # noqa: PLC0415

        path = self.saliency["path"]
        limit = max(float(path.abs().max()), 1e-9)
        return {
            "change of brightness": images.diverging(self.change.mean(0), images.DIFFERENCE_LIMIT),
            "where it changes": images.sequential(self.saliency["difference"], 0.0, 1.0),
            "what moves the classifier": images.diverging(path, limit),
            "several ways": images.sequential(self.saliency["several"], 0.0, 1.0),
        }

    def gallery(self) -> Gallery:
        """The film strip as a static gallery that survives in a saved notebook."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is needed)

        labels = ["picture", *("intermediate" for _ in self.strip.pictures[2:]), "counterfactual"]
        captions = [self.prediction_label(frame) for frame in range(len(labels))]
        return gallery(list(self.strip.pictures), labels, captions, most=len(labels))

    def prediction_label(self, frame: int) -> str:
        """The predicted class of a frame, and its probability."""
        chance, winner = self.strip.probabilities[frame].max(0)
        return f"{self.name(int(winner))} {float(chance):.0%}"


def share_of(change: Tensor, region: Tensor) -> float:
    """Share of a squared change ``(C, H, W)`` inside a region, bool ``(H, W)``."""
    squared = change.square().sum(0)
    return float(squared[region].sum() / squared.sum().clamp_min(torch.finfo(squared.dtype).tiny))


def _focus(change: Tensor) -> tuple[float, str]:
    """The smallest share of a picture that holds `MOST` of a squared change ``(C, H, W)``, and where its middle is."""
    squared = change.square().sum(0)
    if not squared.sum() > 0:
        return 1.0, "nowhere"
    ordered, order = squared.flatten().sort(descending=True)
    enough = int((ordered.cumsum(0) < MOST * ordered.sum()).sum()) + 1
    rows, columns = order[:enough] // squared.shape[1], order[:enough] % squared.shape[1]
    weights = ordered[:enough] / ordered[:enough].sum()
    axes = zip((rows, columns), squared.shape, THIRDS, strict=True)
    centres = [(float((weights * (axis + 0.5)).sum()) / side, names) for axis, side, names in axes]
    words = [names[min(int(3 * centre), 2)] for centre, names in centres]
    return enough / squared.numel(), "in the middle" if words == ["middle"] * 2 else f"{words[0]} {words[1]}"
