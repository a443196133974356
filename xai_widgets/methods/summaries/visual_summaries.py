"""VisualSummaries: which parts of its pictures a classifier relies on for a class.

summaries = VisualSummaries(study)
summaries.find(0).figure()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from xai_widgets import artifact, limits
from xai_widgets.errors import NotFittedError, PictureError
from xai_widgets.limits import Choice, Of, Whole
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.summaries.descriptors import default_layer, require_maps
from xai_widgets.methods.summaries.found import Found, completed, small
from xai_widgets.methods.summaries.judge import LEAST_PICTURES
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summarised import SIMILARITIES, likeness, summarised
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.names import UNKNOWN, Target
from xai_widgets.packing import packed, unpacked
from xai_widgets.pictures import INDICES, PictureSet, known_labels
from xai_widgets.progress import Progress
from xai_widgets.study import Study

ENOUGH = Whole(LEAST_PICTURES)
"""How many pictures a summary needs at least."""


class VisualSummaries(Explainer):
    """Finds the summaries of a class: crisp masks, cut into regions, and the groups of regions that recur.

    Carletti et al., "Understanding deep architectures by visual summaries", with the network's own layer in place of
    HOG, masks that also preserve the score, absolute filters in place of the relative one, and a causal test.

    Parameters
    ----------
    study
        The classifier and its pictures.
    layer
        Whose maps describe regions; by default the block whose maps suit the size of the pictures.
    similarity
        One of `SIMILARITIES`.
    masks
        How masks are found; default `CrispMasks`.
    pictures
        Where the pictures come from; default ``study.train``, which has the most. It is not saved.
    most
        Most pictures of a class.
    seed
        Decides which pictures are drawn, and all samples.

    Attributes
    ----------
    found
        The summaries found so far, by class number and whether these are errors.
    skipped
        Why `fit` found nothing for a class, by class.

    Raises
    ------
    LayerError
        If the layer does not exist, or gives no maps.
    XaiWidgetsError
        If another setting is outside its range.
    """

    key = "summaries"
    warns = False

    def __init__(
        self,
        study: Study,
        layer: str | None = None,
        *,
        similarity: str = "layer",
        masks: CrispMasks | None = None,
        pictures: PictureSet | None = None,
        most: int = 50,
        seed: int = 0,
    ) -> None:
        self.study, self.similarity = study, Choice(SIMILARITIES)("similarity", similarity)
        self.most, self.seed = ENOUGH("most", most), limits.SEED("seed", seed)
        self.layer = default_layer(study) if layer is None else require_maps(study, layer)
        self.masks = CrispMasks(study) if masks is None else Of((CrispMasks,))("masks", masks)
        self.pictures = study.train if pictures is None else pictures
        self.found = Found()
        self.skipped: dict[int, str] = {}

    @classmethod
    def paper(cls, study: Study, *, baselines: Sequence[str] = ("weak blur",), **options: Any) -> Self:
        """The published masks and the published likeness; the filters stay ours, since theirs keep half of any groups.

        Parameters
        ----------
        study, options
            As for `VisualSummaries`.
        baselines
            As for `CrispMasks`; the published one hides next to nothing in small pictures.
        """
        masks = CrispMasks.paper(study, baselines=baselines)
        return cls(study, similarity="proposal flow", masks=masks, **options)

    def __repr__(self) -> str:
        return f"VisualSummaries({self.study.name!r}, by {self.similarity} ({self.layer}): {len(self.found)} found)"

    # --- finding -----------------------------------------------------------------------------------------------

    @property
    def fitted(self) -> bool:
        """Whether anything was found."""
        return bool(self.found)

    def _fit(self, progress: Progress, checkpoint: Path | None, on_part: Callable[[Self], object]) -> None:
        """Find every class that pictures are labelled with; one with too few pictures is skipped."""
        del checkpoint  # what was found is kept, class by class
        for class_index in self._labels():
            if (class_index, False) in self.found:
                continue
            try:
                self.find(class_index, progress=progress)
            except PictureError as error:
                self.skipped[class_index] = str(error)
            else:
                on_part(self)

    def _labels(self) -> list[int]:
        """Classes of the pictures where the set knows its labels; those that are predicted where it has none."""
        labels = known_labels(self.pictures)
        if labels is None:
            return list(range(self.study.classes))
        known = set(labels) & set(range(self.study.classes))
        return sorted(known or self._predicted())

    def _predicted(self) -> set[int]:
        """Classes that are predicted for enough pictures."""
        indices = torch.arange(len(self.pictures)).split(self.study.batch_size)
        batches = (self.study.load(self.pictures, batch.tolist())[0] for batch in indices)
        winners = torch.cat([self.study.predict(batch).argmax(1) for batch in batches])
        return {k for k, count in enumerate(winners.bincount().tolist()) if count >= LEAST_PICTURES}

    def find(
        self,
        target: Target,
        *,
        errors: bool = False,
        most: int | None = None,
        indices: Sequence[int] | None = None,
        keep: bool = True,
        progress: Progress | None = None,
    ) -> ClassSummaries:
        """Find the summaries of a class.

        Parameters
        ----------
        target
            The class, by number or name.
        errors
            Use pictures of other classes that are wrongly predicted as this one, in place of correct ones.
        most
            Most pictures, this time.
        indices
            Use these pictures of the set and no others, whatever their predicted class; so that several networks can
            be compared on the same ones.
        keep
            Whether the result is kept in `found`, and thus in saved files.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If there are fewer than five such pictures, or `indices` has one that does not exist, or one twice.
        XaiWidgetsError
            If there is no such class, or `most` is below five.
        CancelledError
            If `progress` was cancelled; what was found before stays.
        """
        began, progress = time.perf_counter(), progress or Progress()
        class_index = self.study.class_index(target)
        most = self.most if most is None else ENOUGH("most", most)
        errors, keep = limits.switch("errors", errors), limits.switch("keep", keep)
        if indices is None:
            chosen, pictures = self._drawn(class_index, errors, most, progress)
        else:
            chosen = self._checked(indices)
            pictures, _ = self.study.load(self.pictures, chosen)
        if keep:
            self._note_model()
        masks = self.masks.find(pictures, class_index, progress=progress)
        options = {"similarity": self.similarity, "seed": self.seed, "progress": progress}
        made = torch.tensor(chosen), masks, *summarised(self.study, masks, self.layer, **options)
        origin = self.origin(seconds=time.perf_counter() - began)
        found = ClassSummaries(class_index, self.study.class_names[class_index], errors, *made, origin)
        if keep:
            self.found[class_index, errors] = found
        return found

    def _checked(self, indices: Sequence[int]) -> list[int]:
        chosen = list(INDICES("indices", indices))
        _require_enough(len(chosen), "given")
        if not set(chosen) <= set(range(len(self.pictures))) or len(set(chosen)) < len(chosen):
            raise PictureError(f"indices must be different and 0 to {len(self.pictures) - 1}, but are {chosen}")
        return chosen

    def _drawn(self, class_index: int, errors: bool, most: int, progress: Progress) -> tuple[list[int], Tensor]:
        """Indices and pictures that are predicted as the class, rightly or wrongly, in an order drawn once for all.

        Where the true class is not known, the prediction counts as right.
        """
        order = self.study.draw(self.pictures, len(self.pictures), self.seed)
        batches = [order[at : at + self.study.batch_size] for at in range(0, len(order), self.study.batch_size)]
        progress.start("looking for pictures", len(batches))
        found, unlabelled = Drawn(most), Drawn(most)  # by their labels; and by the prediction alone
        labelled = False
        for batch in batches:
            pictures, labels = self.study.load(self.pictures, batch)
            predicted, known = self.study.predict(pictures).argmax(1) == class_index, labels != UNKNOWN
            right = labels == class_index
            found.add(batch, pictures, predicted & known & (~right if errors else right))
            unlabelled.add(batch, pictures, predicted & ~known & (not errors))
            labelled |= bool(known.any())
            progress.advance()
            if found.full or (unlabelled.full and not labelled):
                break
        how, name = "wrongly" if errors else "correctly", self.study.class_names[class_index]
        _require_enough(len(found if labelled else unlabelled), f"{f'{how} ' if labelled else ''}predicted as {name!r}")
        return (found if labelled else unlabelled).parts()

    def _likeness(self, masks: Masks, pieces: tuple[Region, ...]) -> Tensor:
        how = {"layer": self.layer, "similarity": self.similarity, "seed": self.seed}
        return likeness(self.study, masks, pieces, **how, progress=Progress())

    def rename(self, target: Target, index: int, name: str, *, errors: bool = False) -> ClassSummaries:
        """Give a summary that was found a name, which is saved with it; see `ClassSummaries.named`."""
        class_index = self.study.class_index(target)
        if (class_index, errors) not in self.found:
            raise NotFittedError(f"class {class_index} has not been searched yet; call find({class_index}) first")
        renamed = self.found[class_index, errors] = self.found[class_index, errors].named(index, name)
        return renamed

    # --- explaining --------------------------------------------------------------------------------------------

    def explain(self, pictures: Tensor, target: Target | Tensor | None = None) -> Masks:
        """The crisp masks of some pictures, for one class, or for one each ``(N,)``; default the predicted classes."""
        return self.masks.find(pictures, target)

    def _problems(self) -> tuple[str, ...]:
        """Why some summaries cannot be trusted."""
        return tuple(f"{one.title}: {problem}" for one in list(self.found.values()) for problem in one.problems)

    def _verdict(self) -> str:
        """A line for each class: what was found, or why nothing was."""
        lines = {key: f"{one.title}: {one.verdict()}" for key, one in list(self.found.items())}
        for class_index, reason in self.skipped.items():
            lines.setdefault((class_index, False), f"{self.study.class_names[class_index]}: {reason}")
        return "\n".join(lines[key] for key in sorted(lines))

    # --- saving ------------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        own = {"layer": self.layer, "similarity": self.similarity, "most": self.most, "seed": self.seed}
        return own | {"masks": self.masks.options()}

    def _tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """In half precision, what the study's own pictures give again is left out."""
        each = enumerate(self.found.values())
        if dtype.itemsize < torch.float32.itemsize and self.pictures is self.study.train:
            return {str(at): packed(small(one)) for at, one in each}
        return {f"{at}/{name}": value for at, one in each for name, value in one.tensors().items()}

    def _details(self) -> dict[str, Any]:
        return {"found": [one.details() for one in self.found.values()], "skipped": list(self.skipped.items())}

    @classmethod
    def _restored(cls, study: Study, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> Self:
        settings = {name: details[name] for name in ("layer", "similarity", "most", "seed")}
        made = cls(study, masks=CrispMasks.restored(study, details["masks"]), **settings)
        made.skipped = dict(details["skipped"])
        for at, described in enumerate(details["found"]):
            key = int(described["class_index"]), bool(described["errors"])
            if str(at) in tensors:
                parts = unpacked(tensors[str(at)]), described, made._likeness
                made.found[key] = partial(completed, study, made.pictures, *parts)
            else:
                own = artifact.group(tensors, str(at))
                made.found[key] = ClassSummaries.restored(own, described, study.class_names)
        return made


class Drawn:
    """At most so many pictures of a set, with their indices."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.indices: list[int] = []
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def full(self) -> bool:
        """Whether there are enough."""
        return len(self) >= self.most

    def add(self, indices: Sequence[int], pictures: Tensor, fitting: Tensor) -> None:
        """Add those of a batch that fit, as long as there is room."""
        rows = fitting.nonzero().flatten()[: self.most - len(self)]
        self.indices += [indices[row] for row in rows.tolist()]
        self._kept.append(pictures[rows])

    def parts(self) -> tuple[list[int], Tensor]:
        """Indices and pictures."""
        return self.indices, torch.cat(self._kept)


def _require_enough(count: int, what: str) -> None:
    if count < LEAST_PICTURES:
        raise PictureError(f"{count} pictures are {what}, and a summary needs {LEAST_PICTURES} or more")
