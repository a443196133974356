"""The result of a search for crisp masks: the masks, and the scores that tell whether to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from xai_widgets.methods.masking import views
from xai_widgets.methods.masking.references import UNSURE

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery


@dataclass(frozen=True, eq=False)
class Masks:
    """Crisp masks of N pictures, up to K disjoint ones for each.

    Attributes
    ----------
    pictures, baselines
        ``(N, C, H, W)`` in [0, 1]: the pictures, and what replaces removed pixels.
    class_index
        The class whose evidence is masked ``(N,)``.
    masks
        Bool ``(N, K, H, W)``: True is evidence. A mask is empty where no evidence was left to find.
    soft
        The masks as they were optimised, ``(N, K, H, W)`` in [0, 1].
    before, baseline_score
        Probability of the class for the pictures and for their baselines, ``(N,)``.
    kept
        The same with only the mask kept, ``(N, K)``.
    removed
        The same with the mask, and those before it, removed, ``(N, K)``.
    baseline_names
        How each baseline was made.
    class_names
        For captions.
    origin
        How this was made: model fingerprint, settings, versions, seconds.
    """

    pictures: Tensor
    baselines: Tensor
    class_index: Tensor
    masks: Tensor
    soft: Tensor
    before: Tensor
    baseline_score: Tensor
    kept: Tensor
    removed: Tensor
    baseline_names: tuple[str, ...]
    class_names: tuple[str, ...]
    origin: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"Masks({len(self)} pictures, {int(self.found.sum())} masks)"

    @property
    def found(self) -> Tensor:
        """Which masks are not empty, bool ``(N, K)``."""
        return self.masks.flatten(2).any(2)

    @property
    def area(self) -> Tensor:
        """Share of the picture in each mask, ``(N, K)``."""
        return self.masks.float().mean((2, 3))

    @property
    def crispness(self) -> Tensor:
        """Share of the optimised values that are `crisp`, ``(N, K)``."""
        return self.crisp.float().mean((2, 3))

    @property
    def crisp(self) -> Tensor:
        """Which of the optimised values are below 0.05 or above 0.95, bool ``(N, K, H, W)``."""
        return (self.soft < 0.05) | (self.soft > 0.95)

    @property
    def drop(self) -> Tensor:
        """Share of the class's probability that is lost with the masks, ``(N, K)``; negative if it rises."""
        before = self.before[:, None]
        return (before - self.removed) / before.clamp_min(torch.finfo(before.dtype).tiny)

    @property
    def sound(self) -> Tensor:
        """Whether the baseline removes the class, bool ``(N,)``; where it does not, the masks mean little."""
        return self.baseline_score <= UNSURE * self.before

    @property
    def problems(self) -> tuple[str, ...]:
        """Why some of the masks mean little; empty if all can be trusted."""
        unsure = (~self.sound).nonzero().flatten().tolist()
        if not unsure:
            return ()
        first = unsure[0]
        return (
            f"In {len(unsure)} of {len(self)} pictures (such as {first}) the baseline alone still shows the class "
            f"(probability {float(self.baseline_score[first]):.2g}, {float(self.before[first]):.2g} for the picture).",
        )

    def sentence(self, picture: int, mask: int = 0) -> str:
        """What a mask is worth: the probability of the class with it alone, and without it."""
        name = self.class_names[int(self.class_index[picture])]
        if not self.found[picture, mask]:
            return f"{name}: no evidence left"
        kept, removed = float(self.kept[picture, mask]), float(self.removed[picture, mask])
        return f"{name}: {kept:.0%} from the mask alone, {removed:.0%} without it"

    def verdict(self) -> str:
        """Whether to trust the masks, with the numbers behind it."""
        columns = self.kept, self.removed, self.area, self.crispness
        kept, removed, area, crispness = (float(values[:, 0].mean()) for values in columns)
        line = (
            f"On average the masks cover {area:.1%} of a picture. Mean probability: {kept:.0%} from the mask alone, "
            f"{removed:.0%} without it. Crispness: {crispness:.0%}."
        )
        return " ".join([*self.problems, line])

    # --- pictures ----------------------------------------------------------------------------------------------

    def dimmed(self, picture: int, mask: int = 0) -> Tensor:
        """A picture with everything outside the mask dimmed, ``(C, H, W)``."""
        return views.dimmed(self.pictures[picture], self.masks[picture, mask].float())

    def kept_picture(self, picture: int, mask: int = 0) -> Tensor:
        """A picture with only the mask kept, as the classifier saw it, ``(C, H, W)``."""
        return torch.where(self.masks[picture, mask], self.pictures[picture], self.baselines[picture])

    def removed_picture(self, picture: int, mask: int = 0) -> Tensor:
        """A picture with the mask, and those before it, removed, as the classifier saw it, ``(C, H, W)``."""
        gone = self.masks[picture, : mask + 1].any(0)
        return torch.where(gone, self.baselines[picture], self.pictures[picture])

    def figure(self) -> NotebookFigure:
        """Pictures, masks, and what is kept and removed, as a matplotlib figure, one row per picture."""
        from xai_widgets.show import figures  # noqa: PLC0415  (matplotlib only when it is wanted)

        rows, columns = range(len(self)), {"picture": list(self.pictures)}
        captions = {"picture": [f"{float(score):.0%}" for score in self.before]}
        for mask in range(self.masks.shape[1]):
            number = f" {mask + 1}" if self.masks.shape[1] > 1 else ""
            shown = {"mask": self.dimmed, "kept": self.kept_picture, "removed": self.removed_picture}
            columns |= {f"{name}{number}": [view(row, mask) for row in rows] for name, view in shown.items()}
            captions[f"mask{number}"] = [f"{float(area):.1%} of the picture" for area in self.area[:, mask]]
            for name, scores in {"kept": self.kept, "removed": self.removed}.items():
                captions[f"{name}{number}"] = [f"{float(score):.0%}" for score in scores[:, mask]]
        return figures.picture_rows(columns, captions, self.verdict())

    def gallery(self) -> Gallery:
        """Pictures with everything outside their masks dimmed, as a static gallery that a saved notebook keeps."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        wanted = self.found.clone()
        wanted[:, 0] = True
        cells = wanted.nonzero().tolist()
        pictures = [self.dimmed(row, mask) for row, mask in cells]
        labels = [f"picture {row}, mask {mask + 1}" for row, mask in cells]
        return gallery(pictures, labels, [self.sentence(row, mask) for row, mask in cells], most=len(cells))
