"""A score as a sum: what each x-feature adds, where it is, and what the sum leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.additive import significant
from xai_widgets.methods.srae.fit_data import scores
from xai_widgets.methods.srae.fitted import FittedFeatures, numbered
from xai_widgets.methods.srae.heatmaps import (
    ON_LAYER,
    HeatmapMethod,
    default_heatmap_method,
    deletion,
    enlarged,
    heatmaps,
)
from xai_widgets.methods.srae.readout import LayerReadout
from xai_widgets.methods.srae.report import ClassReport
from xai_widgets.methods.srae.settings import Basis
from xai_widgets.names import listed
from xai_widgets.show.words import amount, signed

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery

NOT_EXPLAINED = "not explained"
"""The name of the step between the sum and the score."""

ROWS = ("pictures", "contributions", "score", "maps", "deletion", "probabilities")
"""The fields of an explanation that have an entry for each picture."""


@dataclass(frozen=True)
class Step:
    """One step from the bias to the score.

    Attributes
    ----------
    name
        In words.
    start, stop
        Scores at which it begins and ends; bias and score begin at 0, and a negative contribution goes down.
    kind
        "total" for bias and score, "feature", or "rest" for what is not explained.
    feature
        Number of the x-feature, if it is one.
    significant
        Whether it is in the smallest set that reaches 90 % of the positive contribution.
    """

    name: str
    start: float
    stop: float
    kind: Literal["total", "feature", "rest"]
    feature: int | None = None
    significant: bool = False

    @property
    def amount(self) -> float:
        """What it adds."""
        return self.stop - self.start

    @property
    def text(self) -> str:
        """Its amount in words; signed, unless it is a total."""
        return amount(self.stop) if self.kind == "total" else signed(self.amount)


def spoken(steps: Sequence[Step]) -> str:
    """Steps as one line of text, for those who cannot see them."""
    return ", ".join(f"{step.name} {step.text}" for step in steps) + "."


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
        Differences of what is not explained, and of the network's scores; all differences sum to the latter.
    """

    names: tuple[str, ...]
    contributions: Tensor
    unexplained: float
    score: float

    def sentence(self) -> str:
        """The largest part of the difference, in plain words."""
        most = int(self.contributions.abs().argmax())
        return (
            f"The scores differ by {self.score:+.2f}. The largest part is {self.names[most]} "
            f"({float(self.contributions[most]):+.2f}). Not explained: {self.unexplained:+.2f}."
        )


@dataclass(frozen=True, eq=False)
class SRAEExplanation:
    """The scores of N pictures for one class as sums of L x-features.

    Attributes
    ----------
    pictures
        ``(N, C, H, W)`` in [0, 1].
    class_index, class_names
        The class, and the names of all.
    layer, score_name
        Where the x-features are, and what the score is: "logit" or "margin".
    contributions
        What each x-feature adds, ``(N, L)``.
    bias
        The start of the sum.
    score
        The network's own score, ``(N,)``.
    maps
        Where each contribution is, signed, ``(N, L, rows, columns)``; spatial ones sum to the contribution.
    heatmap_method, map_offset
        How the maps were made, and where their positions really look (`positions.measured_offset`).
    deletion
        Share of a contribution that is lost when the top fifth of its map is blurred, ``(N, L)``: the map's own check.
    names
        Of the x-features, as the user has them.
    alive
        Which x-features vary at all, ``(L,)``.
    probabilities
        The network's probabilities for the pictures, ``(N, all classes)``.
    report
        The class's numbers on unseen pictures, beside PCA's and PLS's.
    origin
        How this was made: model fingerprint, settings, versions.
    stale
        That the model has changed since the fit, if it has.
    """

    pictures: Tensor
    class_index: int
    class_names: tuple[str, ...]
    layer: str
    score_name: str
    contributions: Tensor
    bias: float
    score: Tensor
    maps: Tensor
    heatmap_method: str
    map_offset: tuple[float, float]
    deletion: Tensor
    names: tuple[str, ...]
    alive: Tensor
    probabilities: Tensor
    report: ClassReport
    origin: Mapping[str, Any]
    stale: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        features = f"{len(self.names)} x-features of {self.layer!r}"
        return f"SRAEExplanation({len(self)} pictures, {self.class_name}, {features})"

    @property
    def class_name(self) -> str:
        """Name of the class."""
        return self.class_names[self.class_index]

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
        """Sizes of these sets, ``(N,)``."""
        return self.significant.sum(1)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the sum cannot be believed; empty if it can."""
        return (*self.stale, *self.report.srae.problems)

    def order(self, row: int) -> list[int]:
        """X-features of a picture, the largest contribution first."""
        found: list[int] = self.contributions[row].argsort(descending=True, stable=True).tolist()
        return found

    def steps(self, row: int = 0, order: Sequence[int] | None = None) -> list[Step]:
        """A picture's sum as steps: bias, x-features, what is not explained, and the score.

        Parameters
        ----------
        row
            Which picture.
        order
            Of the x-features; default the largest contribution first.
        """
        at, score, chosen = self.bias, float(self.score[row]), self.significant[row].tolist()
        found = [Step("bias", 0.0, at, "total")]
        for feature in self.order(row) if order is None else order:
            stop = at + float(self.contributions[row, feature])
            found.append(Step(self.names[feature], at, stop, "feature", feature, chosen[feature]))
            at = stop
        rest, total = Step(NOT_EXPLAINED, at, score, "rest"), f"{self.score_name} of the network"
        return [*found, rest, Step(total, 0.0, score, "total")]

    def heatmaps(self) -> Tensor:
        """The maps at the size of the pictures, ``(N, L, H, W)``, for display: coarser than it looks."""
        return enlarged(self.maps, (self.pictures.shape[2], self.pictures.shape[3]), self.map_offset)

    def rows(self, rows: Sequence[int]) -> SRAEExplanation:
        """The explanation of some of the pictures."""
        return replace(self, **{name: getattr(self, name)[list(rows)] for name in ROWS})

    def compare(self, row: int, other: SRAEExplanation, other_row: int) -> Comparison:
        """One picture's sum minus another's.

        Raises
        ------
        XaiWidgetsError
            If the explanations are of different classes, layers or fits.
        """
        mine, theirs = ((one.class_index, one.layer, one.bias) for one in (self, other))
        if mine != theirs:
            raise XaiWidgetsError(f"only sums of the same x-features can be compared, not {mine} and {theirs}")
        return Comparison(
            names=self.names,
            contributions=self.contributions[row] - other.contributions[other_row],
            unexplained=float(self.unexplained[row] - other.unexplained[other_row]),
            score=float(self.score[row] - other.score[other_row]),
        )

    # --- in words and pictures ---------------------------------------------------------------------------------

    def sentence(self, row: int) -> str:
        """Where a picture's score comes from, in one plain sentence."""
        chosen = [feature for feature in self.order(row) if self.significant[row, feature]]
        score = f"The {self.score_name} of {self.class_name} is {float(self.score[row]):.1f}"
        if not chosen:
            return f"{score}. No x-feature raises it."
        parts = [f"{self.names[feature]} ({float(self.contributions[row, feature]):+.1f})" for feature in chosen]
        return f"{score}. Most of it comes from {listed(parts)}."

    def verdict(self) -> str:
        """Whether to trust the sum, with the numbers behind it."""
        gap = float(self.unexplained.abs().mean())
        checked = self.deletion[self.significant]
        fall = f" Blurring a map's top fifth removes {float(checked.nanmean()):.0%} of it." if len(checked) else ""
        said = " ".join([*self.stale, self.report.verdict()])
        return f"{said} Here the sum misses the {self.score_name} by {gap:.2g} on average.{fall}"

    def prediction_label(self, row: int) -> str:
        """The predicted class of a picture, and its probability."""
        chance, winner = self.probabilities[row].max(0)
        return f"{self.class_names[int(winner)]} {float(chance):.0%}"

    def _varying(self) -> tuple[list[int], float]:
        """X-features that vary (or all), and the full scale of their maps."""
        varying = self.alive.nonzero().flatten().tolist()
        return varying or list(range(len(self.names))), max(float(self.maps.abs().max()), 1e-9)

    def figure(self) -> NotebookFigure:
        """Pictures and the map of each x-feature, one row per picture, as a matplotlib figure."""
        from xai_widgets.show import figures, images  # noqa: PLC0415  (matplotlib only when it is wanted)

        varying, limit = self._varying()
        large, rows = self.heatmaps(), range(len(self))
        columns: dict[str, list[Any]] = {"picture": list(self.pictures)}
        captions = {"picture": [self.prediction_label(row) for row in rows]}
        for feature in varying:
            name = f"{feature + 1}: {self.names[feature]}"
            columns[name] = [images.diverging(large[row, feature], limit) for row in rows]
            captions[name] = [f"{float(self.contributions[row, feature]):+.2f}" for row in rows]
        return figures.picture_rows(columns, captions, f"{self.class_name}, {self.layer}. {self.verdict()}")

    def gallery(self) -> Gallery:
        """Each picture and the maps of its x-features as a static gallery that survives in a saved notebook."""
        from xai_widgets.show import images  # noqa: PLC0415
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        varying, limit = self._varying()
        large = self.heatmaps()
        pictures, labels, captions = [], [], []
        for row in range(len(self)):
            pictures += [self.pictures[row], *(images.diverging(large[row, feature], limit) for feature in varying)]
            labels += [self.prediction_label(row), *(self.names[feature] for feature in varying)]
            parts = [f"{float(self.contributions[row, feature]):+.2f}" for feature in varying]
            captions += [f"{float(self.score[row]):.2f}", *parts]
        return gallery(pictures, labels, captions, most=len(pictures))


def explained(
    fitted: FittedFeatures,
    readout: LayerReadout,
    basis: Basis,
    pictures: Tensor,
    heatmap_method: HeatmapMethod | None,
    origin: Mapping[str, Any],
    stale: tuple[str, ...],
) -> SRAEExplanation:
    """The scores of pictures ``(N, C, H, W)`` for the class of a readout, as sums; see `SRAE.explain`."""
    study, settings, row = readout.study, readout.settings, readout.k
    logits, contributions = study.logits(pictures), readout.each(pictures)
    method = default_heatmap_method(study, settings) if heatmap_method is None else heatmap_method
    maps = heatmaps(readout, pictures, method)
    offset = fitted.map_offset if method in ON_LAYER else (0.0, 0.0)
    names, every = numbered(basis, settings.features), torch.ones(settings.features, dtype=torch.bool)
    return SRAEExplanation(
        pictures=pictures,
        class_index=fitted.classes[row],
        class_names=study.class_names,
        layer=settings.layer,
        score_name=settings.score,
        contributions=contributions,
        bias=float(readout.model.bias[row]),
        score=scores(logits, [fitted.classes[row]], settings.score)[:, 0],
        maps=maps,
        heatmap_method=method,
        map_offset=offset,
        deletion=deletion(readout.each, pictures, enlarged(maps, study.shape[1:], offset)),
        names=fitted.named(row) if basis == "srae" else names,
        alive=fitted.table.alive(row) if basis == "srae" else every,
        probabilities=study.scores.probabilities(logits),
        report=fitted.reports[row],
        origin=origin,
        stale=stale,
    )
