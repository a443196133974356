"""What a search for crisp masks gives back: masks, and the scores that say whether to believe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from xai_widgets.methods.masking.references import UNSURE
from xai_widgets.methods.masking.views import DIMMED

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery


@dataclass(frozen=True, eq=False)
class Masks:
    """Crisp masks of N pictures, up to K disjoint ones for each.

    Attributes
    ----------
    pictures, references
        ``(N, C, H, W)`` in [0, 1]: the pictures, and what stands in for removed pixels.
    classes
        The class whose evidence is masked ``(N,)``.
    masks
        Bool ``(N, K, H, W)``: True is evidence. Where nothing was left to be found, a mask is empty.
    soft
        The masks as they were optimised, ``(N, K, H, W)`` in [0, 1].
    before, without
        Probability of the class for the pictures and for the references, ``(N,)``.
    kept
        The same with only the mask kept, ``(N, K)``.
    deleted
        The same with the mask, and those before it, removed, ``(N, K)``.
    reference_names
        How each reference was made.
    class_names
        For captions.
    origin
        How this was made: model fingerprint, settings, versions, seconds.
    """

    pictures: Tensor
    references: Tensor
    classes: Tensor
    masks: Tensor
    soft: Tensor
    before: Tensor
    without: Tensor
    kept: Tensor
    deleted: Tensor
    reference_names: tuple[str, ...]
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
        """Share of the optimised values that are under 0.05 or over 0.95, ``(N, K)``."""
        return ((self.soft < 0.05) | (self.soft > 0.95)).float().mean((2, 3))

    @property
    def drop(self) -> Tensor:
        """Share of the class's probability that is lost with the masks, ``(N, K)``; negative if it rises."""
        before = self.before[:, None]
        return (before - self.deleted) / before.clamp_min(torch.finfo(before.dtype).tiny)

    @property
    def sound(self) -> Tensor:
        """Whose reference removes the class, bool ``(N,)``; the masks of the others say little."""
        return self.without <= UNSURE * self.before

    @property
    def problems(self) -> tuple[str, ...]:
        """Why some of the masks say little; empty if none do."""
        unsure = (~self.sound).nonzero().flatten().tolist()
        if not unsure:
            return ()
        return (
            f"Of {len(unsure)} of {len(self)} pictures (such as {unsure[0]}) the reference still shows the class: "
            f"{float(self.without[unsure[0]]):.2g} of {float(self.before[unsure[0]]):.2g}.",
        )

    def said(self, picture: int, mask: int = 0) -> str:
        """Class and scores of one mask, in a line."""
        name = self.class_names[int(self.classes[picture])]
        if not self.found[picture, mask]:
            return f"{name}: nothing left to be found"
        kept, deleted = float(self.kept[picture, mask]), float(self.deleted[picture, mask])
        return f"{name} {float(self.before[picture]):.0%}: kept {kept:.0%}, deleted {deleted:.0%}"

    def verdict(self) -> str:
        """The numbers that say whether to believe the masks, in one line."""
        first = (self.kept[:, 0].mean(), self.deleted[:, 0].mean(), self.area[:, 0].mean(), self.crispness[:, 0].mean())
        kept, deleted, area, crispness = map(float, first)
        line = f"Kept {kept:.0%}, deleted {deleted:.0%}, area {area:.1%}, crispness {crispness:.0%} on average"
        return f"{' '.join(self.problems)} {line}." if self.problems else f"{line}."

    def shown(self, picture: int, mask: int = 0) -> Tensor:
        """A picture with everything outside the mask dimmed, ``(C, H, W)``."""
        light = DIMMED + (1 - DIMMED) * self.masks[picture, mask].float()
        return self.pictures[picture] * light

    def only(self, picture: int, mask: int = 0) -> Tensor:
        """A picture with only the mask kept, as the classifier saw it, ``(C, H, W)``."""
        return torch.where(self.masks[picture, mask], self.pictures[picture], self.references[picture])

    def removed(self, picture: int, mask: int = 0) -> Tensor:
        """A picture with the mask, and those before it, removed, as the classifier saw it, ``(C, H, W)``."""
        gone = self.masks[picture, : mask + 1].any(0)
        return torch.where(gone, self.references[picture], self.pictures[picture])

    def figure(self) -> NotebookFigure:
        """Pictures, masks, and what is kept and deleted, as a matplotlib figure, one row per picture."""
        from xai_widgets.show import figures  # noqa: PLC0415  (matplotlib only when it is wanted)

        rows, columns = range(len(self)), {"picture": list(self.pictures)}
        captions = {"picture": [f"{float(self.before[row]):.0%}" for row in rows]}
        for mask in range(self.masks.shape[1]):
            number = f" {mask + 1}" if self.masks.shape[1] > 1 else ""
            views = {"mask": self.shown, "kept": self.only, "deleted": self.removed}
            columns |= {f"{name}{number}": [view(row, mask) for row in rows] for name, view in views.items()}
            captions[f"mask{number}"] = [f"{float(self.area[row, mask]):.1%} of the picture" for row in rows]
            captions[f"kept{number}"] = [f"{float(self.kept[row, mask]):.0%}" for row in rows]
            captions[f"deleted{number}"] = [f"{float(self.deleted[row, mask]):.0%}" for row in rows]
        return figures.picture_rows(columns, captions, self.verdict())

    def gallery(self) -> Gallery:
        """Pictures with everything outside their masks dimmed, as a static gallery that a saved notebook keeps."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        shown = [(row, mask) for row in range(len(self)) for mask in range(self.masks.shape[1])]
        shown = [(row, mask) for row, mask in shown if mask == 0 or self.found[row, mask]]
        pictures = [self.shown(row, mask) for row, mask in shown]
        labels = [f"picture {row}, mask {mask + 1}" for row, mask in shown]
        return gallery(pictures, labels, [self.said(row, mask) for row, mask in shown], most=len(shown))
