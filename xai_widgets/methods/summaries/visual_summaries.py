"""VisualSummaries: which parts of its pictures a classifier uses for a class, again and again.

summaries = VisualSummaries(study)
summaries.find(0).figure()
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, PictureError, XaiWidgetsError
from xai_widgets.methods.summaries.descriptors import (
    activation_maps,
    default_layer,
    describe,
    likeness,
    require_maps,
)
from xai_widgets.methods.summaries.judge import LEAST_PICTURES, judged
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.paper_likeness import proposal_flow
from xai_widgets.methods.summaries.regions import Region, regions
from xai_widgets.methods.summaries.stored import details_of, restored, tensors_of
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

KIND = "visual summaries"

SIMILARITIES = ("layer", "proposal flow")
"""What makes two regions alike, which is what the network sees in them, or the published score of shape and place."""


class VisualSummaries:
    """Finds the summaries of a class: crisp masks, cut into regions, and the regions that come again and again.

    Carletti et al., "Understanding deep architectures by visual summaries", with the network's own layer in place of
    HOG, masks that also preserve the score, absolute filters in place of the relative one, and a causal test.

    Parameters
    ----------
    study
        Whose classifier is explained; borrowed, and never changed.
    layer
        Whose maps describe regions; default: the first block whose maps are at most half as high as the pictures.
    similarity
        One of `SIMILARITIES`.
    masks
        How masks are found; default `CrispMasks`.
    pictures
        Where the pictures come from; default ``study.train``, of which there are most.
    most
        Most pictures of a class.
    seed
        Decides which pictures are drawn, and all samples.

    Attributes
    ----------
    found
        What was found, by class and by whether of errors.

    Raises
    ------
    LayerError
        If the layer does not exist, or gives no maps.
    XaiWidgetsError
        If another setting is outside its range.
    """

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
        if similarity not in SIMILARITIES:
            raise XaiWidgetsError(f"similarity is {similarity!r}, but must be one of {', '.join(SIMILARITIES)}")
        self.study, self.similarity, self.most, self.seed = study, similarity, _enough(most), seed
        self.layer = default_layer(study) if layer is None else require_maps(study, layer)
        self.masks = masks or CrispMasks(study)
        self.pictures = study.train if pictures is None else pictures
        self.found: dict[tuple[int, bool], ClassSummaries] = {}

    @classmethod
    def paper(cls, study: Study, *, references: Sequence[str] = ("weak blur",), **options: Any) -> Self:
        """The published masks and the published likeness; the filters stay ours, because theirs keeps half of anything.

        Parameters
        ----------
        study, options
            As for `VisualSummaries`.
        references
            As for `CrispMasks`; the published one hides next to nothing in small pictures.
        """
        masks = CrispMasks.paper(study, references=references)
        return cls(study, similarity="proposal flow", masks=masks, **options)

    def __repr__(self) -> str:
        return f"VisualSummaries({self.study.name!r}, by {self.similarity} ({self.layer}): {len(self.found)} found)"

    # --- finding -----------------------------------------------------------------------------------------------

    def find(
        self,
        class_index: int,
        *,
        errors: bool = False,
        most: int | None = None,
        places: Sequence[int] | None = None,
        progress: Progress | None = None,
    ) -> ClassSummaries:
        """Find the summaries of a class, and keep them in `found`.

        Parameters
        ----------
        class_index
            The class, 0 to K - 1.
        errors
            Take pictures of other classes that are wrongly called this one, in place of those that are rightly.
        most
            Most pictures, this time.
        places
            Take these pictures of the set and no others, whatever they are called; so that several networks can be
            compared on the same ones.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If there are fewer than five such pictures, or `places` names one that does not exist, or one twice.
        XaiWidgetsError
            If there is no such class, or `most` is below five.
        CancelledError
            If `progress` was cancelled; what was found before stays.
        """
        began, progress = time.perf_counter(), progress or Progress()
        self._require_class(class_index)
        most = self.most if most is None else _enough(most)
        chosen, pictures = self._drawn(class_index, errors, most, progress) if places is None else self._given(places)
        masks = self.masks.find(pictures, torch.full((len(pictures),), class_index), progress=progress)
        pieces = tuple(piece for piece in regions(self.study, masks) if masks.sound[piece.picture])
        similarity = self._similarity(masks, pieces, progress)
        summaries = judged(self.study, masks, pieces, similarity, seed=self.seed, progress=progress) if pieces else ()
        found = ClassSummaries(
            class_index,
            self.study.class_names[class_index],
            errors,
            torch.tensor(chosen),
            masks,
            pieces,
            similarity,
            summaries,
            self._origin(time.perf_counter() - began),
        )
        self.found[class_index, errors] = found
        return found

    def rename(self, class_index: int, place: int, name: str, *, errors: bool = False) -> ClassSummaries:
        """Give a summary that was found a name, which is saved with it; see `ClassSummaries.named`."""
        if (class_index, errors) not in self.found:
            raise XaiWidgetsError(f"nothing was found of class {class_index} yet; call find({class_index}) first")
        self.found[class_index, errors] = self.found[class_index, errors].named(place, name)
        return self.found[class_index, errors]

    def _require_class(self, class_index: int) -> None:
        if not 0 <= class_index < self.study.classes:
            raise XaiWidgetsError(f"there is no class {class_index}, only 0 to {self.study.classes - 1}")

    def _given(self, places: Sequence[int]) -> tuple[list[int], Tensor]:
        chosen = [int(place) for place in places]
        self._require_enough(len(chosen), "given")
        if not set(chosen) <= set(range(len(self.pictures))) or len(set(chosen)) < len(chosen):
            raise PictureError(f"places must be different and 0 to {len(self.pictures) - 1}, and are {chosen}")
        return chosen, self.study.load(self.pictures, chosen)[0]

    def _drawn(self, class_index: int, errors: bool, most: int, progress: Progress) -> tuple[list[int], Tensor]:
        """Pictures that are called the class, rightly or wrongly, in an order drawn once for all."""
        order = self.study.draw(self.pictures, len(self.pictures), self.seed)
        batches = [order[at : at + self.study.batch_size] for at in range(0, len(order), self.study.batch_size)]
        progress.start("looking for pictures", len(batches))
        places: list[int] = []
        kept: list[Tensor] = []
        for batch in batches:
            wanted, pictures = self._called(batch, class_index, errors=errors)
            places += [place for place, is_wanted in zip(batch, wanted.tolist(), strict=True) if is_wanted]
            kept += [pictures[wanted]]
            progress.advance()
            if len(places) >= most:
                break
        name = self.study.class_names[class_index]
        self._require_enough(len(places), f"{'wrongly' if errors else 'rightly'} called {name!r}")
        return places[:most], torch.cat(kept)[:most]

    def _called(self, places: Sequence[int], class_index: int, *, errors: bool) -> tuple[Tensor, Tensor]:
        """Which of the pictures are called the class, rightly or wrongly, and the pictures."""
        pictures, labels = self.study.load(self.pictures, places)
        called = self.study.predict(pictures).argmax(1) == class_index
        return called & ((labels != class_index) if errors else (labels == class_index)), pictures

    @staticmethod
    def _require_enough(count: int, what: str) -> None:
        if count < LEAST_PICTURES:
            raise PictureError(f"{count} pictures are {what}, and a summary needs {LEAST_PICTURES} or more")

    def _similarity(self, masks: Masks, pieces: Sequence[Region], progress: Progress) -> Tensor:
        if not pieces:
            return torch.zeros(0, 0)
        if self.similarity == "proposal flow":
            return proposal_flow(masks, pieces, seed=self.seed, progress=progress)
        maps = activation_maps(self.study, masks.pictures, self.layer)
        return likeness(describe(maps, pieces), pieces)

    # --- keeping -----------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write all that was found, with the names given to it, to one file; see `xai_widgets.artifact.save`.

        The pictures are in it: they are what was explained.
        """
        found = list(self.found.values())
        tensors = {f"{at}/{name}": value for at, one in enumerate(found) for name, value in tensors_of(one).items()}
        details = {
            "model": self.study.fingerprint,
            "layer": self.layer,
            "similarity": self.similarity,
            "most": self.most,
            "seed": self.seed,
            "found": [details_of(one) for one in found],
        }
        return artifact.save(path, KIND, tensors, details)

    @classmethod
    def load(
        cls,
        path: str | Path,
        study: Study,
        *,
        masks: CrispMasks | None = None,
        pictures: PictureSet | None = None,
    ) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        path
            The file, with or without its suffix.
        study
            With the classifier that the summaries were found for.
        masks, pictures
            As for `VisualSummaries`, for further classes.

        Raises
        ------
        ArtifactError
            If the file is damaged, foreign, newer, or made from another model.
        """
        tensors, details = artifact.load(path, KIND)
        artifact.require_same_model(details, study.fingerprint, path)
        try:
            settings = {name: details[name] for name in ("layer", "similarity", "most", "seed")}
            summaries = cls(study, masks=masks, pictures=pictures, **settings)
            for at, described in enumerate(details["found"]):
                one = restored(artifact.group(tensors, str(at)), described, study.class_names)
                summaries.found[one.class_index, one.errors] = one
        except (KeyError, TypeError, IndexError) as error:
            raise ArtifactError(f"{path} does not hold what its description says ({error!r}); find anew") from error
        return summaries

    def _origin(self, seconds: float) -> dict[str, Any]:
        own = {"layer": self.layer, "similarity": self.similarity, "seed": self.seed}
        return artifact.provenance(method="visual summaries", model=self.study.fingerprint, seconds=seconds, **own)


def _enough(most: int) -> int:
    if most < LEAST_PICTURES:
        raise XaiWidgetsError(f"most is {most}, but a summary needs {LEAST_PICTURES} pictures or more")
    return most
