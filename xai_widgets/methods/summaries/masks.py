"""Crisp masks: the smallest regions that a classifier's score rests on, for many pictures at once.

masks = CrispMasks(study).find(pictures)
masks.figure()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.methods.masking import references as _references
from xai_widgets.methods.masking.batches import batch_size
from xai_widgets.methods.masking.terms import Question
from xai_widgets.methods.summaries.crisp import crisp
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.paper_masks import TwoStageSettings
from xai_widgets.progress import Progress
from xai_widgets.study import Study

STRONG = ("blur", "mean", "median", "average", "other")
"""References of which the best is taken."""

LEFT = 0.8
"""Least share of the score that must be left, once masks are removed, for a further mask to be looked for."""


class Optimiser(Protocol):
    """What finds soft masks for one batch."""

    @property
    def steps(self) -> int:
        """How often `step` is called."""

    def optimise(self, question: Question, step: Callable[[], None]) -> Tensor:
        """Soft masks ``(N, 1, H, W)`` in [0, 1]."""


class CrispMasks:
    """Finds the smallest crisp region whose removal destroys the class score and whose keeping preserves it.

    Parameters
    ----------
    study
        Whose classifier is asked; it is borrowed, and never changed.
    count
        Most masks for a picture, disjoint. From the second on, the same is asked of what the masks before it leave,
        as long as that keeps most of the score (`LEFT`).
    smallest
        Components of a mask below this share of the picture are dropped.
    references
        What may stand in for removed pixels (see `summaries.references.REFERENCES`); each picture takes the one with
        the lowest score, and "other" only where all others show too much of the class.
    settings
        How masks are optimised: `DualSettings`, or `TwoStageSettings`.

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
        references: Sequence[str] = STRONG,
        settings: Optimiser | None = None,
    ) -> None:
        if count < 1 or not 0 <= smallest < 1:
            raise XaiWidgetsError(f"count is {count} and smallest {smallest}: 1 or more, and 0 to 1, are needed")
        _references.require_names(references)
        self.study, self.count, self.smallest = study, count, smallest
        self.references = tuple(references)
        self.settings: Any = settings or DualSettings()

    @classmethod
    def sufficient(cls, study: Study, *, count: int = 3, **options: Any) -> Self:
        """The smallest regions that alone preserve the score, one after the other: redundant evidence.

        A picture that shows its class twice over has two such masks; with `CrispMasks` itself it has one mask of both.
        """
        return cls(study, count=count, settings=DualSettings(delete=0.0, kept=0.9), **options)

    @classmethod
    def paper(cls, study: Study, *, references: Sequence[str] = ("weak blur",), **options: Any) -> Self:
        """The published masks: two stages, removal only, a weak blur; constants scaled to the size of the pictures."""
        return cls(study, references=references, smallest=0.0, settings=TwoStageSettings(), **options)

    def find(self, pictures: Tensor, classes: Tensor | None = None, *, progress: Progress | None = None) -> Masks:
        """Masks of pictures.

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or one ``(C, H, W)``, in [0, 1].
        classes
            Whose evidence is looked for, ``(N,)``; default: what the classifier says.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If these are no pictures for the study, or there are none.
        XaiWidgetsError
            If a class does not exist, or the classifier gives no gradients, or NaN.
        CancelledError
            If `progress` was cancelled.
        """
        began = time.perf_counter()
        batch = self.study.check(pictures).detach().cpu().float()
        if not len(batch):
            raise PictureError("there are no pictures to find masks for")
        scores = self.study.predict(batch)
        classes = scores.argmax(1) if classes is None else self._checked(classes, len(batch))
        before = _of(scores, classes)
        stand_ins, without, names = _references.choose(self.study, batch, classes, before, self.references)
        question = self._question(batch, stand_ins, classes, before, without)
        soft, masks = self._search(question, progress or Progress())
        kept, deleted = self._measured(question, masks)
        origin = self._origin(time.perf_counter() - began)
        return Masks(
            batch,
            stand_ins,
            classes,
            masks,
            soft,
            before,
            without,
            kept,
            deleted,
            names,
            self.study.class_names,
            origin,
        )

    def _checked(self, classes: Tensor, count: int) -> Tensor:
        found = torch.as_tensor(classes).cpu()
        if found.shape != (count,) or found.is_floating_point() or found.min() < 0 or found.max() >= self.study.classes:
            raise XaiWidgetsError(
                f"classes must be {count} whole numbers, 0 to {self.study.classes - 1}, and are {found.tolist()}"
            )
        return found.long()

    def _question(self, pictures: Tensor, references: Tensor, classes: Tensor, top: Tensor, bottom: Tensor) -> Question:
        allowed = torch.ones(len(pictures), 1, *pictures.shape[2:])
        return Question(self.study, pictures, references, classes, allowed, top, bottom)

    def _search(self, question: Question, progress: Progress) -> tuple[Tensor, Tensor]:
        """Soft and crisp masks ``(N, K, H, W)``."""
        soft = torch.zeros(len(question), self.count, *question.sides)
        masks = torch.zeros_like(soft, dtype=torch.bool)
        batches = torch.arange(len(question)).split(batch_size(self.study, question.sides))
        progress.start("crisp masks", self.count * len(batches) * self.settings.steps)
        for number in range(self.count):
            for places in batches:
                rest = self._left(question[places], masks[places])
                wanted = self._worthwhile(question[places], rest, first=number == 0)
                if wanted.any():
                    soft[places[wanted], number] = self._optimised(rest[wanted], progress)
                else:
                    progress.advance(self.settings.steps)
            # Components that are dropped as too small are free for the next mask.
            masks[:, number] = crisp(soft[:, number], self.smallest)
        return soft, masks

    def _optimised(self, question: Question, progress: Progress) -> Tensor:
        device = self.study.device
        moved = {name: value.to(device) for name, value in vars(question).items() if name != "study"}
        with self.study.borrowed(), torch.enable_grad():
            found: Tensor = self.settings.optimise(Question(self.study, **moved), progress.advance)
        return found[:, 0].detach().cpu()

    def _left(self, question: Question, masks: Tensor) -> Question:
        """The question once more, about what masks ``(N, K, H, W)`` leave of the pictures."""
        taken = masks.any(1, keepdim=True).float()
        pictures = question.without(taken)
        top = _of(self.study.predict(pictures), question.classes)
        return Question(self.study, pictures, question.references, question.classes, 1 - taken, top, question.bottom)

    @staticmethod
    def _worthwhile(question: Question, rest: Question, *, first: bool) -> Tensor:
        """Which pictures have enough left for another mask, bool ``(N,)``."""
        return torch.ones(len(question), dtype=torch.bool) if first else question.shares(rest.top)[0] >= LEFT

    def _measured(self, question: Question, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Scores with only each mask kept, and with it and those before it removed, ``(N, K)`` each."""
        gone = masks.cummax(1).values.float()
        kept = [self._scores(question, question.only(mask[:, None])) for mask in masks.float().unbind(1)]
        deleted = [self._scores(question, question.without(mask[:, None])) for mask in gone.unbind(1)]
        return torch.stack(kept, 1), torch.stack(deleted, 1)

    def _scores(self, question: Question, pictures: Tensor) -> Tensor:
        return _of(self.study.predict(pictures), question.classes)

    def _origin(self, seconds: float) -> dict[str, Any]:
        own = {"count": self.count, "smallest": self.smallest, "references": list(self.references)}
        settings = {"optimiser": type(self.settings).__name__, **asdict(self.settings)}
        made = artifact.provenance(method="crisp masks", model=self.study.fingerprint, **own, **settings)
        return made | {"seconds": seconds}


def _of(scores: Tensor, classes: Tensor) -> Tensor:
    """Each row's score of its class, ``(N,)``."""
    return scores.gather(1, classes[:, None])[:, 0]
