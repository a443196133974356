"""What is asked of every method, and how much each pixel matters for a class in the words of each: its answer map.

Every method answers a different question. To ask all of them the same one, each answer becomes a map ``(H, W)``, high
where the method sees evidence for the explained class. This mapping is part of what is tested:

`inversion`
    The mask.
`summaries`
    The crisp mask: 1 on the evidence, 0 elsewhere.
`srae`
    The sum of the maps of all x-features of the class. Each map is in units of its contribution to the score.
`cladec`
    The bits that the last fitted layer keeps of each pixel, minus those that it loses against the auto-encoder. The
    map is the same for all classes.
`cae`
    How much each pixel changes on the way to the second most probable class: mean over the channels, not signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from xai_widgets.progress import Progress
from xai_widgets.study import Study


@dataclass(frozen=True, eq=False)
class Question:
    """Pictures ``(N, C, H, W)``, the classes whose evidence is searched for ``(N,)``, and a seed for what is drawn.

    `parts` is where each part of the birds is, bool ``(N, P, H, W)``, if that is known.
    """

    study: Study
    pictures: Tensor
    classes: Tensor
    seed: int
    progress: Progress
    parts: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pictures)


MAPS: Mapping[str, Callable[[Any], Tensor]] = {
    "cladec": lambda found: found.bits_kept - found.bits_lost,
    "summaries": lambda found: found.masks[:, 0].float(),
    "srae": lambda found: found.heatmaps().sum(1),
    "inversion": lambda found: found.masks,
    "cae": lambda found: found.change.abs().mean(0)[None],
}
"""The map of what each method found, ``(N, H, W)``; of summaries that is `Masks`. Exams and widgets measure these."""
