"""What all rows of the exam of all methods are asked: pictures, classes, and as much of the truth as there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores.bird_cases import CUE, drawn_without
from xai_widgets.scores.maps import Question
from xai_widgets.scores.summaries_truth import Truth
from xai_widgets.study import Study

NO_BIRD = [PARTS[name] for name in ("background", "clutter", CUE)]
"""Numbers of what is no part of a bird."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of N drawn birds.

    Attributes
    ----------
    parts
        Where each part is that can decide: the slots, and the cue where there is one; bool ``(N, P, H, W)``.
    falls
        By how much the logit of the class falls where the part was never drawn, ``(N, P)``.
    deciding
        Where the evidence has to be, bool ``(N, H, W)``: on the slots; of the cheating classifier on the cue.
    explained
        All of the bird, bool ``(N, H, W)``.
    cue
        How often each pixel shows the cue, ``(H, W)``; 0 without one.
    """

    parts: Tensor
    falls: Tensor
    deciding: Tensor
    explained: Tensor
    cue: Tensor


@dataclass(frozen=True, eq=False)
class Material:
    """The pictures of an exam. `others` are more of them, which only set a threshold; `known` is None without truth."""

    asked: Question
    others: Question
    known: Known | None
    others_explained: Tensor | None


def draw_material(study: Study, count: int, seed: int, progress: Progress) -> Material:
    """Draw `count` unseen pictures for the exam, and as many others, and take those that are classified correctly.

    Where the true class is not known, the predicted class counts. All maps explain the predicted class.
    """
    drawn = study.draw(study.test, 2 * count, seed)
    half = len(drawn) // 2
    asked, chosen = _question(study, drawn[:half], seed, progress)
    others, rest = _question(study, drawn[half:], seed, progress)
    birds = study.test
    if not isinstance(birds, BirdPictures):
        return Material(asked, others, None, None)
    known = _known(study, birds, asked, chosen)
    asked = Question(study, asked.pictures, asked.classes, seed, progress, known.parts)
    return Material(asked, others, known, _explained(birds, rest))


def _question(study: Study, indices: Sequence[int], seed: int, progress: Progress) -> tuple[Question, list[int]]:
    pictures, labels = study.load(study.test, list(indices))
    predicted = study.predict(pictures).argmax(1)
    right = (predicted == labels) | (labels < 0)
    if not right.any():
        raise XaiWidgetsError(
            f"the classifier gets all {len(indices)} pictures wrong; examine one that gets some right"
        )
    chosen = [index for index, good in zip(indices, right.tolist(), strict=True) if good]
    return Question(study, pictures[right], predicted[right], seed, progress), chosen


def _known(study: Study, birds: BirdPictures, asked: Question, indices: list[int]) -> Known:
    truth, chosen = Truth(birds), torch.tensor(indices)
    parts = truth.where(chosen)
    cues = parts[:, -1] if birds.cheat is not None else torch.zeros_like(parts[:, 0])
    own = asked.classes[:, None]
    whole = study.logits(asked.pictures).gather(1, own)
    left = [study.logits(drawn_without(birds, indices, part)).gather(1, own) for part in truth.parts]
    return Known(
        parts=parts,
        falls=whole - torch.cat(left, 1),
        deciding=truth.deciding(chosen).any(1),
        explained=_explained(birds, indices),
        cue=cues.float().mean(0),
    )


def _explained(birds: BirdPictures, indices: Sequence[int]) -> Tensor:
    maps = torch.stack([torch.from_numpy(birds.part_map(index)).long() for index in indices])
    return ~torch.isin(maps, torch.tensor(NO_BIRD))
