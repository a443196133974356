"""Visual summaries of a class: regions that come again and again, each with what says whether to believe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.views import DIMMED
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery

FEW = 6
"""Members of a summary in a figure."""

LONGEST_NAME = 80
"""Letters of a summary's name."""


@dataclass(frozen=True)
class Summary:
    """Regions of one kind, found again and again in the pictures of a class.

    Attributes
    ----------
    members
        Places in the regions of `ClassSummaries`: the exemplar first, then what is most like it.
    pictures
        How many pictures have one.
    coherence
        Mean likeness to the exemplar, minus that to the nearest other exemplar.
    stability
        Mean best Jaccard index with a group of other samples of the pictures, in [0, 1].
    drop, drop_low, drop_high
        Mean share of the class's probability that is lost without these regions, and its 95 % interval.
    evidence, evidence_low, evidence_high
        The same in log-odds (nats), beyond what regions of the same shapes elsewhere cost. It does not saturate where
        other parts still tell the class.
    problems
        Why not to believe it; none if it is kept.
    name
        What somebody called it.
    """

    members: tuple[int, ...]
    pictures: int
    coherence: float
    stability: float
    drop: float
    drop_low: float
    drop_high: float
    evidence: float
    evidence_low: float
    evidence_high: float
    problems: tuple[str, ...] = ()
    name: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.problems

    @property
    def exemplar(self) -> int:
        """The region that stands for it."""
        return self.members[0]

    def said(self) -> str:
        """Its numbers, in a line."""
        return (
            f"evidence {self.evidence:.2g} ({self.evidence_low:.2g} to {self.evidence_high:.2g}), "
            f"drop {self.drop:.1%}, stability {self.stability:.2f}, coherence {self.coherence:.2f}, "
            f"in {self.pictures} pictures"
        )


@dataclass(frozen=True, eq=False)
class ClassSummaries:
    """All summaries of a class, and what they were made from.

    Attributes
    ----------
    class_index, class_name
        The class whose evidence was looked for.
    errors
        Whether these are pictures of other classes, wrongly called this one.
    places
        Where the N pictures are in the picture set ``(N,)``.
    masks
        Of the N pictures.
    regions
        Of the masks; those of pictures whose reference still shows the class are left out.
    similarity
        How alike the regions are ``(R, R)``.
    summaries
        The sound ones first, and of these the one with the most evidence.
    origin
        How this was made: model fingerprint, settings, versions, seconds.
    """

    class_index: int
    class_name: str
    errors: bool
    places: Tensor
    masks: Masks
    regions: tuple[Region, ...]
    similarity: Tensor
    summaries: tuple[Summary, ...]
    origin: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"ClassSummaries({self.title!r}: {len(self.kept)} summaries of {len(self.masks)} pictures)"

    @property
    def title(self) -> str:
        """The class, and whether these are errors."""
        return f"wrongly called {self.class_name}" if self.errors else self.class_name

    @property
    def kept(self) -> tuple[Summary, ...]:
        """The sound summaries."""
        return tuple(summary for summary in self.summaries if summary.sound)

    @property
    def per_100(self) -> float:
        """Sound summaries per 100 pictures; with more pictures more kinds are found, so plain counts mislead."""
        return 100 * len(self.kept) / len(self.masks)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why these summaries say little; empty if they do not."""
        none = () if self.kept else ("No summary is sound.",)
        return (*self.masks.problems, *none)

    def label(self, place: int) -> str:
        """The name of a summary, or its number."""
        return self.summaries[place].name or f"summary {place + 1}"

    def verdict(self) -> str:
        """The numbers that say whether to believe it, in one line."""
        counted = (
            f"{len(self.kept)} of {len(self.summaries)} groups of regions are sound "
            f"({self.per_100:.0f} per 100 pictures)"
        )
        return f"{counted}. {self.masks.verdict()}" if self.kept else f"{' '.join(self.problems)} {counted}."

    def named(self, place: int, name: str) -> ClassSummaries:
        """The same, with another name for the summary at this place; an empty one for none.

        Raises
        ------
        XaiWidgetsError
            If there is no such summary, or the name is too long.
        """
        self._require(place)
        if len(name) > LONGEST_NAME:
            raise XaiWidgetsError(f"a name has at most {LONGEST_NAME} letters, and this one has {len(name)}")
        renamed = list(self.summaries)
        renamed[place] = replace(renamed[place], name=name.strip())
        return replace(self, summaries=tuple(renamed))

    # --- pictures ----------------------------------------------------------------------------------------------

    def outline(self, region: int) -> Tensor:
        """The picture of a region ``(C, H, W)``: the region as it is, a white line around it, and the rest dimmed."""
        found = self.regions[region]
        inside = found.pixels.float()[None, None]
        around = (F.max_pool2d(inside, 3, stride=1, padding=1) - inside)[0]
        picture = self.masks.pictures[found.picture]
        dimmed = picture * (DIMMED + (1 - DIMMED) * inside[0])
        return torch.where(around > 0, torch.ones_like(picture), dimmed)

    def figure(self) -> NotebookFigure:
        """One row per sound summary, its exemplar and some members, as a matplotlib figure; without any, the masks."""
        from xai_widgets.show import figures  # noqa: PLC0415  (matplotlib only when it is wanted)

        rows = self._shown()
        if not rows:
            return self.masks.figure()
        blank = torch.full_like(self.masks.pictures[0], 0.5)
        columns: dict[str, list[Tensor]] = {}
        for column in range(FEW):
            members = [self.summaries[row].members for row in rows]
            pictures = [self.outline(own[column]) if column < len(own) else blank for own in members]
            columns["exemplar" if column == 0 else f"member {column}"] = pictures
        captions = {
            "exemplar": [self.label(row) for row in rows],
            "member 1": [f"evidence {self.summaries[row].evidence:.2g}" for row in rows],
            "member 2": [f"stability {self.summaries[row].stability:.2f}" for row in rows],
            "member 3": [f"in {self.summaries[row].pictures} of {len(self.masks)}" for row in rows],
        }
        return figures.picture_rows(columns, captions, f"{self.title}: {self.verdict()}")

    def gallery(self, place: int | None = None) -> Gallery:
        """The exemplars, or all members of one summary, as a static gallery that a saved notebook keeps.

        Without any summary, the masks; an `XaiWidgetsError` if there is none at this place.
        """
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        if place is None:
            rows = self._shown()
            if not rows:
                return self.masks.gallery()
            shown = [self.summaries[row].exemplar for row in rows]
            labels, lines = [self.label(row) for row in rows], [self.summaries[row].said() for row in rows]
        else:
            self._require(place)
            shown = list(self.summaries[place].members)
            labels = [f"picture {int(self.places[self.regions[one].picture])}" for one in shown]
            lines = [f"drop alone {self.regions[one].drop:.1%}" for one in shown]
        return gallery([self.outline(one) for one in shown], labels, lines, most=len(shown))

    def _require(self, place: int) -> None:
        if not 0 <= place < len(self.summaries):
            raise XaiWidgetsError(f"there is no summary {place}: {len(self.summaries)} were found, counted from 0")

    def _shown(self) -> list[int]:
        """The sound summaries, or all if none is: what failed is shown as failed."""
        return [row for row, one in enumerate(self.summaries) if one.sound] or list(range(len(self.summaries)))
