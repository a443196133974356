"""A score as a sum: what each x-feature adds, where it is, and what the sum leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.additive import significant
from xai_widgets.methods.srae.heatmaps import enlarged
from xai_widgets.methods.srae.report import ClassReport

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery

NOT_EXPLAINED = "not explained"
"""What is left between the sum and the score, as a segment of its own."""


@dataclass(frozen=True)
class Segment:
    """One segment of the bar from the bias to the score.

    Attributes
    ----------
    name
        Of the x-feature, or `NOT_EXPLAINED`.
    feature
        Number of the x-feature; None for what is not explained.
    start, stop
        Scores at which the segment begins and ends; it goes down where the contribution is negative.
    significant
        Whether it is of the smallest set that reaches 90 % of the positive contribution.
    """

    name: str
    feature: int | None
    start: float
    stop: float
    significant: bool

    @property
    def amount(self) -> float:
        """What it adds."""
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Comparison:
    """Why one picture's score is higher than another's: the difference of two sums.

    Attributes
    ----------
    names
        Of the x-features.
    contributions
        Difference of each contribution, ``(L,)``.
    unexplained, score
        Differences of what is not explained, and of the network's scores; all differences add up to the latter.
    """

    names: tuple[str, ...]
    contributions: Tensor
    unexplained: float
    score: float

    def sentence(self) -> str:
        """What makes most of the difference, in plain words."""
        most = int(self.contributions.abs().argmax())
        return (
            f"The scores differ by {self.score:+.2f}; most of it is {self.names[most]} "
            f"({float(self.contributions[most]):+.2f}), and {self.unexplained:+.2f} is not explained."
        )


@dataclass(frozen=True, eq=False)
class Explanation:
    """The scores of N pictures for one class as sums of L x-features.

    Attributes
    ----------
    pictures
        ``(N, C, H, W)`` in [0, 1].
    class_number, class_names
        Which class, and what all are called.
    layer, target
        Where the x-features are, and what the score is: "logit" or "margin".
    contributions
        What each x-feature adds, ``(N, L)``.
    bias
        What the sum starts at.
    score
        The network's own score, ``(N,)``.
    maps
        Where each contribution is, signed, ``(N, L, rows, columns)``; spatial ones sum to the contribution.
    way, placed
        How the maps were made, and where their places really look (`view.placement`).
    deletion
        By what share a contribution falls when the top fifth of its map is blurred, ``(N, L)``: the map's own check.
    names
        Of the x-features, as the user has them.
    alive
        Which x-features vary at all, ``(L,)``.
    probabilities
        What the network says of the pictures, ``(N, all classes)``.
    report
        The class's numbers on unseen pictures, beside PCA's and PLS's.
    origin
        How this was made: model fingerprint, settings, versions.
    """

    pictures: Tensor
    class_number: int
    class_names: tuple[str, ...]
    layer: str
    target: str
    contributions: Tensor
    bias: float
    score: Tensor
    maps: Tensor
    way: str
    placed: tuple[float, float]
    deletion: Tensor
    names: tuple[str, ...]
    alive: Tensor
    probabilities: Tensor
    report: ClassReport
    origin: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"Explanation({len(self)} pictures, {self.class_name}, {len(self.names)} x-features of {self.layer!r})"

    @property
    def class_name(self) -> str:
        """What the class is called."""
        return self.class_names[self.class_number]

    @property
    def rebuilt(self) -> Tensor:
        """Bias plus contributions, ``(N,)``."""
        return self.contributions.sum(1) + self.bias

    @property
    def unexplained(self) -> Tensor:
        """The network's score minus the sum, ``(N,)``."""
        return self.score - self.rebuilt

    @property
    def significant(self) -> Tensor:
        """The smallest set of x-features with 90 % of the positive contribution, bool ``(N, L)``."""
        return significant(self.contributions)

    @property
    def n90(self) -> Tensor:
        """How many these are, ``(N,)``."""
        return self.significant.sum(1)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the sum is not to be believed; empty if it is."""
        return self.report.srae.problems

    def order(self, row: int) -> list[int]:
        """X-features of a picture, the largest contribution first."""
        found: list[int] = self.contributions[row].argsort(descending=True, stable=True).tolist()
        return found

    def segments(self, row: int) -> tuple[Segment, ...]:
        """The bar of a picture from bias to score: what speaks for the class, what against, what is not explained."""
        chosen, at = self.significant[row], self.bias
        found = []
        for feature in self.order(row):
            stop = at + float(self.contributions[row, feature])
            found.append(Segment(self.names[feature], feature, at, stop, bool(chosen[feature])))
            at = stop
        return (*found, Segment(NOT_EXPLAINED, None, at, float(self.score[row]), significant=False))

    def heatmaps(self) -> Tensor:
        """The maps at the size of the pictures, ``(N, L, H, W)``, for display: coarser than it looks."""
        return enlarged(self.maps, (self.pictures.shape[2], self.pictures.shape[3]), self.placed)

    def compare(self, row: int, other: Explanation, other_row: int) -> Comparison:
        """One picture's sum minus another's.

        Raises
        ------
        XaiWidgetsError
            If the explanations are of different classes, layers or fits.
        """
        mine, theirs = ((one.class_number, one.layer, one.bias) for one in (self, other))
        if mine != theirs:
            raise XaiWidgetsError(f"only sums of the same x-features can be compared, and these are {mine}, {theirs}")
        return Comparison(
            names=self.names,
            contributions=self.contributions[row] - other.contributions[other_row],
            unexplained=float(self.unexplained[row] - other.unexplained[other_row]),
            score=float(self.score[row] - other.score[other_row]),
        )

    def sentence(self, row: int) -> str:
        """Where a picture's score comes from, in one plain sentence."""
        chosen = [feature for feature in self.order(row) if self.significant[row, feature]]
        score = f"The {self.target} of {self.class_name} is {float(self.score[row]):.1f}"
        if not chosen:
            return f"{score}; no x-feature speaks for it."
        said = [f"{self.names[feature]} ({float(self.contributions[row, feature]):+.1f})" for feature in chosen]
        return f"{score}; 90 % of what speaks for it: {', '.join(said)}."

    def verdict(self) -> str:
        """The numbers that say whether to believe it, in one line."""
        gap = float(self.unexplained.abs().mean())
        checked = self.deletion[self.significant]
        fall = (
            f"; blurring the top fifth of a map takes {float(checked.nanmean()):.0%} of it away" if len(checked) else ""
        )
        return f"{self.report.verdict()} Here {gap:.2g} of the {self.target} is not explained{fall}."

    def said(self, row: int) -> str:
        """What the network says of a picture."""
        chance, winner = self.probabilities[row].max(0)
        return f"{self.class_names[int(winner)]} {float(chance):.0%}"

    def _shown(self) -> tuple[list[int], float]:
        """X-features that vary, and the full scale of their maps."""
        shown = self.alive.nonzero().flatten().tolist()
        return shown or list(range(len(self.names))), max(float(self.maps.abs().max()), 1e-9)

    def figure(self) -> NotebookFigure:
        """Pictures and the map of each x-feature, one row per picture, as a matplotlib figure."""
        from xai_widgets.show import figures, images  # noqa: PLC0415  (matplotlib only when it is wanted)

        shown, limit = self._shown()
        large, rows = self.heatmaps(), range(len(self))
        columns: dict[str, list[Any]] = {"picture": list(self.pictures)}
        captions = {"picture": [self.said(row) for row in rows]}
        for feature in shown:
            name = f"{feature + 1}: {self.names[feature]}"
            columns[name] = [images.diverging(large[row, feature], limit) for row in rows]
            captions[name] = [f"{float(self.contributions[row, feature]):+.2f}" for row in rows]
        return figures.picture_rows(columns, captions, f"{self.class_name}, {self.layer}. {self.verdict()}")

    def gallery(self) -> Gallery:
        """Each picture and the maps of its x-features as a static gallery that survives in a saved notebook."""
        from xai_widgets.show import images  # noqa: PLC0415
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        shown, limit = self._shown()
        large = self.heatmaps()
        pictures, labels, captions = [], [], []
        for row in range(len(self)):
            maps = [images.diverging(large[row, feature], limit) for feature in shown]
            pictures += [self.pictures[row], *maps]
            labels += [self.said(row), *(self.names[feature] for feature in shown)]
            captions += [f"{float(self.score[row]):.2f}", *(f"{float(self.contributions[row, f]):+.2f}" for f in shown)]
        return gallery(pictures, labels, captions, most=len(pictures))
