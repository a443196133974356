"""Visual summaries of a class: regions that recur in its pictures, with the numbers that tell whether to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.views import outlined
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery

FEW = 6
"""Members of a summary in a figure."""

LONGEST_NAME = 80
"""Letters of a summary's name."""

_MASKS = ("pictures", "baselines", "class_index", "masks", "soft", "before", "baseline_score", "kept", "removed")
_SCORES = ("before", "removed", "kept", "evidence")


@dataclass(frozen=True)
class Summary:
    """Regions of one kind that recur in the pictures of a class.

    Attributes
    ----------
    members
        Indices of the regions in `ClassSummaries.regions`: the exemplar first, then the most similar ones.
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
        other parts still show the class.
    problems
        Why not to trust it; empty if it is kept.
    name
        A name that somebody gave it.
    called
        What the classifier calls such regions, cut out and enlarged: classes with their mean probabilities. Empty for
        classifiers of few classes, which have no words for parts.
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
    called: tuple[tuple[str, float], ...] = ()

    @property
    def sound(self) -> bool:
        """Whether it has no problems."""
        return not self.problems

    @property
    def exemplar(self) -> int:
        """Index of the most typical region."""
        return self.members[0]

    def looks(self) -> str:
        """What the classifier calls it, in words; empty if that is not known."""
        words = ", ".join(f"{name} {probability:.0%}" for name, probability in self.called)
        return f"Cut out, it is called {words}" if words else ""

    def sentence(self) -> str:
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
        The class.
    errors
        Whether these are pictures of other classes, wrongly predicted as this one.
    indices
        Indices of the N pictures in their picture set ``(N,)``.
    masks
        Of the N pictures.
    regions
        Of the masks, without those of pictures whose baseline still shows the class.
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
    indices: Tensor
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
        return f"mistaken for {self.class_name}" if self.errors else self.class_name

    @property
    def kept(self) -> tuple[Summary, ...]:
        """The sound summaries."""
        return tuple(summary for summary in self.summaries if summary.sound)

    @property
    def per_100(self) -> float:
        """Sound summaries for each hundred pictures; more pictures have more kinds of regions, so counts mislead."""
        return 100 * len(self.kept) / len(self.masks)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why these summaries mean little; empty if they can be trusted."""
        none = () if self.kept else ("No summary is sound.",)
        return (*self.masks.problems, *none)

    def label(self, index: int) -> str:
        """The name of a summary, or its number."""
        return self.summaries[index].name or f"summary {index + 1}"

    def verdict(self) -> str:
        """Whether to trust the summaries, with the numbers behind it."""
        counted = (
            f"{len(self.kept)} of {len(self.summaries)} groups of regions are sound, from {len(self.masks)} pictures"
        )
        return f"{counted}. {self.masks.verdict()}" if self.kept else f"{' '.join(self.problems)} {counted}."

    def named(self, index: int, name: str) -> ClassSummaries:
        """The same, with another name for one summary; an empty name removes it.

        Raises
        ------
        XaiWidgetsError
            If there is no such summary, or the name is too long.
        """
        self._require(index)
        if len(name) > LONGEST_NAME:
            raise XaiWidgetsError(f"a name has at most {LONGEST_NAME} letters, but this one has {len(name)}")
        renamed = list(self.summaries)
        renamed[index] = replace(renamed[index], name=name.strip())
        return replace(self, summaries=tuple(renamed))

    def _require(self, index: int) -> None:
        if not 0 <= index < len(self.summaries):
            raise XaiWidgetsError(f"there is no summary {index}: {len(self.summaries)} were found, counted from 0")

    # --- pictures ----------------------------------------------------------------------------------------------

    def outline(self, region: int) -> Tensor:
        """The picture of a region ``(C, H, W)``, with a white line around the region and everything else dimmed."""
        found = self.regions[region]
        return outlined(self.masks.pictures[found.picture], found.pixels)

    def figure(self) -> NotebookFigure:
        """One row per sound summary, its exemplar and some members, as a matplotlib figure; without any, the masks."""
        from xai_widgets.show import figures  # noqa: PLC0415  (matplotlib only when it is wanted)

        rows = self._shown()
        if not rows:
            return self.masks.figure()
        names = ["exemplar", *(f"member {number}" for number in range(1, FEW))]
        columns = {name: [self._member(row, number) for row in rows] for number, name in enumerate(names)}
        summaries = [self.summaries[row] for row in rows]
        captions = {
            "exemplar": [self.label(row) for row in rows],
            "member 1": [f"evidence {one.evidence:.2g}" for one in summaries],
            "member 2": [f"stability {one.stability:.2f}" for one in summaries],
            "member 3": [f"in {one.pictures} of {len(self.masks)}" for one in summaries],
        }
        return figures.picture_rows(columns, captions, f"{self.title}: {self.verdict()}")

    def _member(self, index: int, number: int) -> Tensor:
        """A member of a summary, outlined; a grey picture where it has no more of them."""
        members = self.summaries[index].members
        return self.outline(members[number]) if number < len(members) else torch.full_like(self.masks.pictures[0], 0.5)

    def gallery(self, index: int | None = None) -> Gallery:
        """The exemplars, or all members of one summary, as a static gallery that a saved notebook keeps.

        Without any summary it shows the masks.

        Raises
        ------
        XaiWidgetsError
            If there is no summary of this index.
        """
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        rows = self._shown()
        if index is None and not rows:
            return self.masks.gallery()
        if index is None:
            regions = [self.summaries[row].exemplar for row in rows]
            labels, lines = [self.label(row) for row in rows], [self.summaries[row].sentence() for row in rows]
        else:
            self._require(index)
            regions = list(self.summaries[index].members)
            labels = [f"picture {int(self.indices[self.regions[one].picture])}" for one in regions]
            lines = [f"drop alone {self.regions[one].drop:.1%}" for one in regions]
        return gallery([self.outline(one) for one in regions], labels, lines, most=len(regions))

    def _shown(self) -> list[int]:
        """The sound summaries; all of them if none is sound, so that the failure is visible."""
        return [row for row, one in enumerate(self.summaries) if one.sound] or list(range(len(self.summaries)))

    # --- saving ------------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of a saved file, by name."""
        pixels = [region.pixels for region in self.regions]
        sources = [[one.picture, one.mask] for one in self.regions]
        scores = [[getattr(one, name) for name in _SCORES] for one in self.regions]
        return {
            "indices": self.indices,
            "similarity": self.similarity,
            "region_sources": torch.tensor(sources).reshape(-1, 2).long(),
            "region_scores": torch.tensor(scores).reshape(-1, len(_SCORES)),
            "region_pixels": torch.stack(pixels) if pixels else torch.zeros(0, *self.masks.masks.shape[2:]).bool(),
            **{f"mask_{name}": getattr(self.masks, name) for name in _MASKS},
        }

    def details(self) -> dict[str, Any]:
        """What else a saved file holds, as plain values."""
        return {
            "class_index": self.class_index,
            "errors": self.errors,
            "summaries": [asdict(summary) for summary in self.summaries],
            "baseline_names": list(self.masks.baseline_names),
            "masks_origin": dict(self.masks.origin),
            "origin": dict(self.origin),
        }

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], details: Mapping[str, Any], class_names: tuple[str, ...]) -> Self:
        """The summaries that `tensors` and `details` described."""
        masks = Masks(
            **{name: tensors[f"mask_{name}"] for name in _MASKS},
            baseline_names=tuple(details["baseline_names"]),
            class_names=class_names,
            origin=details["masks_origin"],
        )
        made = tensors["indices"], masks, _regions(tensors), tensors["similarity"]
        summaries = tuple(_summary(values) for values in details["summaries"])
        number, errors, origin = (details[name] for name in ("class_index", "errors", "origin"))
        return cls(number, class_names[number], errors, *made, summaries, origin)


def _regions(tensors: Mapping[str, Tensor]) -> tuple[Region, ...]:
    sources, scores = tensors["region_sources"].tolist(), tensors["region_scores"].tolist()
    rows = zip(sources, tensors["region_pixels"], scores, strict=True)
    return tuple(Region(picture, mask, pixels, *score) for (picture, mask), pixels, score in rows)


def _summary(values: Mapping[str, Any]) -> Summary:
    lists = {name: tuple(values[name]) for name in ("members", "problems")}
    called = tuple((str(name), float(probability)) for name, probability in values.get("called", ()))
    return Summary(**(dict(values) | lists | {"called": called}))
