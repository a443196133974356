"""Crisp masks: the smallest regions that a classifier's score rests on, for many pictures at once.

masks = CrispMasks(study).find(pictures)
masks.figure()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Real, Whole
from xai_widgets.methods.masking.batches import batches, checked, each_class, own_scores
from xai_widgets.methods.masking.references import choose, require_names
from xai_widgets.methods.masking.terms import Question
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.paper_masks import TwoStageSettings
from xai_widgets.modes import unmoved
from xai_widgets.names import Target
from xai_widgets.progress import Progress
from xai_widgets.study import Study

Pixels = npt.NDArray[np.bool_]

STRONG = ("blur", "mean", "median", "average", "other")
"""Baselines of which the best is taken."""

MOST_MASKS = 1000
"""For one picture."""

LEFT = 0.8
"""A further mask is searched for only if the pictures keep this share of the score without the masks before it."""


class Optimiser(Protocol):
    """A search for the soft masks of one batch."""

    @property
    def steps(self) -> int:
        """How often `step` is called."""

    def optimise(self, question: Question, step: Callable[[], None]) -> Tensor:
        """Soft masks ``(N, 1, H, W)`` in [0, 1]."""


OPTIMISERS: Mapping[str, Callable[[Mapping[str, Any]], Optimiser]] = {
    "DualSettings": DualSettings.restored,
    "TwoStageSettings": TwoStageSettings.restored,
}
"""For each optimiser of this package, how its settings are read from a file."""


@unmoved
class CrispMasks:
    """Finds the smallest crisp region whose removal destroys the class score and whose keeping preserves it.

    Parameters
    ----------
    study
        The classifier; it is borrowed, and never changed.
    count
        Most masks for a picture, disjoint. Each one after the first is searched for in what the masks before it
        leave, as long as that keeps most of the score (`LEFT`).
    smallest
        Components of a mask below this share of the picture are dropped.
    baselines
        What may replace removed pixels (see `masking.references.REFERENCES`); each picture takes the one with the
        lowest score, and "other" only where all others show too much of the class.
    settings
        How masks are optimised: `DualSettings`, by default those that suit the size, or `TwoStageSettings`.

    Raises
    ------
    XaiWidgetsError
        If one of the settings is outside its range.
    """

    def __init__(
        self,
        study: Study,
        *,
        count: int = 1,
        smallest: float = 0.0025,
        baselines: Sequence[str] = STRONG,
        settings: Optimiser | None = None,
    ) -> None:
        self.study, self.count = study, Whole(1, MOST_MASKS)("count", count)
        self.smallest = Real(0, 1, apart=(1,))("smallest", smallest)
        self.baselines = require_names(baselines)
        self.settings: Any = DualSettings.suited(min(study.shape[1:])) if settings is None else _required(settings)

    @classmethod
    def sufficient(cls, study: Study, *, count: int = 3, **options: Any) -> Self:
        """The smallest regions that alone preserve the score, one after the other: redundant evidence.

        A picture that shows its class twice has two such masks; `CrispMasks` itself finds one mask of both.
        """
        settings = DualSettings.suited(min(study.shape[1:]), remove=0.0, kept=0.9)
        return cls(study, count=count, settings=settings, **options)

    @classmethod
    def paper(cls, study: Study, *, baselines: Sequence[str] = ("weak blur",), **options: Any) -> Self:
        """The published masks: two stages, removal only, a weak blur; constants scaled to the size of the pictures."""
        return cls(study, baselines=baselines, smallest=0.0, settings=TwoStageSettings(), **options)

    def find(
        self, pictures: Tensor, target: Target | Tensor | None = None, *, progress: Progress | None = None
    ) -> Masks:
        """Masks of pictures.

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or one ``(C, H, W)``, in [0, 1].
        target
            The class whose evidence is searched for: one for all pictures, or one for each ``(N,)``; default the
            predicted classes.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If the pictures do not fit the model, or there are none.
        XaiWidgetsError
            If a class does not exist, or the classifier gives no gradients, or NaN.
        CancelledError
            If `progress` was cancelled.
        """
        began = time.perf_counter()
        batch = checked(self.study, pictures, "find masks for")
        predicted = self.study.predict(batch)
        classes = predicted.argmax(1) if target is None else each_class(target, len(batch), self.study.class_names)
        for number in classes.unique().tolist():
            self.study.class_index(number)
        before = own_scores(predicted, classes)
        baselines, baseline_score, names = choose(self.study, batch, classes, before, self.baselines)
        allowed = torch.ones(len(batch), 1, *batch.shape[2:])
        question = Question(self.study, batch, baselines, classes, allowed, before, baseline_score)
        soft, masks = self._search(question, progress or Progress())
        scores = before, baseline_score, *self._measured(question, masks)
        made = {"method": "crisp masks", "model": self.study.fingerprint, "seconds": time.perf_counter() - began}
        origin = artifact.provenance(**made, **self.options())
        return Masks(batch, baselines, classes, masks, soft, *scores, names, self.study.class_names, origin)

    # --- searching ---------------------------------------------------------------------------------------------

    def _search(self, question: Question, progress: Progress) -> tuple[Tensor, Tensor]:
        """Soft and crisp masks ``(N, K, H, W)``."""
        soft = torch.zeros(len(question), self.count, *question.sides)
        masks = torch.zeros_like(soft, dtype=torch.bool)
        parts = batches(self.study, question.pictures)
        progress.start("crisp masks", self.count * len(parts) * self.settings.steps)
        for number in range(self.count):
            for rows in parts:
                left = self._left(question[rows], masks[rows])
                # The first mask is searched for in any case.
                worthwhile = (question[rows].shares(left.top)[0] >= LEFT) | (number == 0)
                if worthwhile.any():
                    soft[rows[worthwhile], number] = self._optimised(left[worthwhile], progress)
                else:
                    progress.advance(self.settings.steps)
            # Components that are dropped as too small are free for the next mask.
            masks[:, number] = crisp(soft[:, number], self.smallest)
        return soft, masks

    def _optimised(self, question: Question, progress: Progress) -> Tensor:
        moved = question.to(self.study.device)
        with self.study.borrowed(), torch.enable_grad():
            found: Tensor = self.settings.optimise(moved, progress.advance)
        return found[:, 0].detach().cpu()

    def _left(self, question: Question, masks: Tensor) -> Question:
        """The same search in what masks ``(N, K, H, W)`` leave of the pictures."""
        taken = masks.any(1, keepdim=True).float()
        pictures = question.removed(taken)
        top = own_scores(self.study.predict(pictures), question.class_index)
        return Question(self.study, pictures, question.baselines, question.class_index, 1 - taken, top, question.bottom)

    def _measured(self, question: Question, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Scores with only each mask kept, and with it and those before it removed, ``(N, K)`` each."""

        def scores(pictures: Tensor) -> Tensor:
            return own_scores(self.study.predict(pictures), question.class_index)

        kept = [scores(question.kept(mask[:, None])) for mask in masks.float().unbind(1)]
        removed = [scores(question.removed(mask[:, None])) for mask in masks.cummax(1).values.float().unbind(1)]
        return torch.stack(kept, 1), torch.stack(removed, 1)

    # --- settings ----------------------------------------------------------------------------------------------

    def options(self) -> dict[str, Any]:
        """All settings as plain values, as `restored` reads them."""
        own = {"count": self.count, "smallest": self.smallest, "baselines": list(self.baselines)}
        return own | {"optimiser": type(self.settings).__name__, "settings": asdict(self.settings)}

    @classmethod
    def restored(cls, study: Study, options: Mapping[str, Any]) -> Self:
        """Masks with the settings of `options`; with the default ones for an optimiser from outside the package."""
        own = {name: options[name] for name in ("count", "smallest", "baselines")}
        read = OPTIMISERS.get(options["optimiser"])
        return cls(study, **own, settings=read(options["settings"]) if read else None)


def _required(settings: object) -> Any:
    """The settings, if they can search for masks and be saved."""
    if not (is_dataclass(settings) and hasattr(settings, "optimise") and hasattr(settings, "steps")):
        raise XaiWidgetsError(f"settings is {settings!r}, but must be DualSettings or TwoStageSettings")
    return settings


# --- from soft masks to crisp ones -----------------------------------------------------------------------------


def crisp(soft: Tensor, smallest: float) -> Tensor:
    """Soft masks ``(N, H, W)`` above 1/2, bool; smaller components go, except for the largest one."""
    masks = (soft > 0.5).cpu().numpy()
    return torch.from_numpy(np.stack([_without_small(mask, smallest * mask.size) for mask in masks]))


def components(mask: Pixels) -> list[Pixels]:
    """Connected components (over edges and corners) of a mask ``(H, W)``, the largest first."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    found = [labels == number for number in range(1, count + 1)]
    return sorted(found, key=lambda pixels: -int(pixels.sum()))


def _without_small(mask: Pixels, least: float) -> Pixels:
    found = components(mask)
    large = [pixels for pixels in found[1:] if pixels.sum() >= least]
    return np.logical_or.reduce([*found[:1], *large]) if found else mask
