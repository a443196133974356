"""What guided feature inversion gives back: masks, and the probabilities that say whether to believe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError
from xai_widgets.methods.inversion.targets import Target
from xai_widgets.methods.masking.references import UNSURE
from xai_widgets.methods.summaries.masks_result import DIMMED

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery
    from xai_widgets.study import Study

FLAT = 1e-3
"""A mask whose values differ by less shows nothing."""

KIND = "inversions"

PER_PICTURE = ("pictures", "backgrounds", "target", "masks", "weights", "before", "kept", "removed", "without", "error")


@dataclass(frozen=True, eq=False)
class Inversions:
    """Masks of N pictures.

    Attributes
    ----------
    pictures, backgrounds
        ``(N, C, H, W)`` in [0, 1]: the pictures, and what is seen where a mask is 0.
    target
        What is explained.
    masks
        ``(N, H, W)`` in [0, 1]: 1 is what the network needs.
    weights
        Of the channels that masks are made of, ``(N, n)``.
    channels
        Layer and number of each channel.
    before, without
        Probability of the target for the pictures and for the backgrounds, ``(N,)``.
    kept, removed
        The same for pictures of which only the mask is kept, and for those without it, ``(N,)``.
    error
        Relative squared inversion error of the kept pictures at the deep layer, ``(N,)``.
    frames
        Masks on the way, uint8 ``(S, N, H, W)`` in 255ths; none (S is 0) unless they were asked for.
    background_names
        How each background was made.
    class_names
        For captions.
    origin
        How this was made: model fingerprint, layers, settings, versions, seconds.
    """

    pictures: Tensor
    backgrounds: Tensor
    target: Target
    masks: Tensor
    weights: Tensor
    channels: tuple[tuple[str, int], ...]
    before: Tensor
    without: Tensor
    kept: Tensor
    removed: Tensor
    error: Tensor
    frames: Tensor
    background_names: tuple[str, ...]
    class_names: tuple[str, ...]
    origin: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"Inversions({len(self)} pictures, {self.verdict()!r})"

    def __getitem__(self, place: int) -> Inversions:
        """One of them alone."""
        chosen = torch.tensor([range(len(self))[place]])
        own = {name: getattr(self, name)[chosen] for name in PER_PICTURE}
        names = (self.background_names[place],)
        return replace(self, **own, frames=self.frames[:, chosen], background_names=names)

    # --- numbers -----------------------------------------------------------------------------------------------

    @property
    def area(self) -> Tensor:
        """Mean of each mask ``(N,)``."""
        return self.masks.mean((1, 2))

    @property
    def degenerate(self) -> Tensor:
        """Which masks show nothing because they are the same everywhere, bool ``(N,)``."""
        return self.masks.amax((1, 2)) - self.masks.amin((1, 2)) < FLAT

    @property
    def sound(self) -> Tensor:
        """Whose background removes what is explained, bool ``(N,)``; the masks of the others say little.

        A background that shows neither of two classes says 1/2 of each, not 0.
        """
        neutral = 0.0 if self.target.against is None else 0.5
        return self.without <= neutral + UNSURE * (self.before - neutral).clamp_min(0)

    def mass(self, regions: Tensor) -> Tensor:
        """Share of each mask's mass in regions, bool ``(N, H, W)`` or ``(H, W)``; ``(N,)``."""
        return (self.masks * regions).sum((1, 2)) / self.masks.sum((1, 2))

    def top_channels(self, place: int, count: int = 5) -> list[tuple[str, int, float]]:
        """Layer, number and share of the channels with the greatest weights, of one picture."""
        shares = self.weights[place] / self.weights[place].sum().clamp_min(1e-12)
        most = shares.topk(min(count, len(shares)))
        pairs = zip(most.indices.tolist(), most.values.tolist(), strict=True)
        return [(*self.channels[channel], share) for channel, share in pairs]

    @property
    def problems(self) -> tuple[str, ...]:
        """Why some of the masks say little; empty if none do."""
        found = (
            (self.degenerate, "the mask is the same everywhere"),
            (~self.sound, "the background alone still shows what is explained"),
            (self.kept < UNSURE * self.before, "what is kept loses most of what is explained"),
        )
        return tuple(
            f"In {int(which.sum())} of {len(self)} pictures (such as {int(which.nonzero()[0])}) {what}."
            for which, what in found
            if which.any()
        )

    def said(self, place: int) -> str:
        """Target and probabilities of one picture, in a line."""
        numbers = ("before", "kept", "removed", "without")
        before, kept, removed, without = (float(getattr(self, name)[place]) for name in numbers)
        name = self.target.name(place, self.class_names)
        return f"{name} {before:.0%}: kept {kept:.0%}, removed {removed:.0%}, background alone {without:.0%}"

    def verdict(self) -> str:
        """The numbers that say whether to believe the masks, in one line."""
        means = (float(one.mean()) for one in (self.kept, self.removed, self.without, self.area))
        kept, removed, without, area = means
        line = f"Kept {kept:.0%}, removed {removed:.0%}, background alone {without:.0%}, area {area:.0%} on average."
        return " ".join([*self.problems, line])

    # --- keeping -----------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write them to one file; the pictures are in it, because they are what was explained.

        Raises
        ------
        ArtifactError
            If a score of one's own was explained, which no file can hold, or the file cannot be written.
        """
        tensors, details = stored(self)
        return artifact.save(path, KIND, tensors, {"model": self.origin.get("model"), **details})

    @classmethod
    def load(cls, path: str | Path, study: Study) -> Inversions:
        """Read what `save` wrote, for the same classifier.

        Raises
        ------
        ArtifactError
            If the file is damaged, foreign, newer, or made from another model.
        """
        tensors, details = artifact.load(path, KIND)
        artifact.require_same_model(details, study.fingerprint, path)
        try:
            return restored(tensors, details, study.class_names)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{path} does not hold what its description says ({error!r}); find anew") from error

    # --- pictures ----------------------------------------------------------------------------------------------

    def only(self, place: int) -> Tensor:
        """A picture with only the mask kept, as the classifier saw it, ``(C, H, W)``."""
        mask = self.masks[place]
        return self.pictures[place] * mask + self.backgrounds[place] * (1 - mask)

    def rest(self, place: int) -> Tensor:
        """A picture with the mask removed, as the classifier saw it, ``(C, H, W)``."""
        mask = self.masks[place]
        return self.pictures[place] * (1 - mask) + self.backgrounds[place] * mask

    def outline(self, place: int) -> Tensor:
        """A picture with a white line around where the mask is above 1/2, and the rest dimmed, ``(C, H, W)``."""
        inside = (self.masks[place] > 0.5).float()[None, None]
        around = (F.max_pool2d(inside, 3, stride=1, padding=1) - inside)[0]
        dimmed = self.pictures[place] * (DIMMED + (1 - DIMMED) * inside[0])
        return torch.where(around > 0, torch.ones_like(dimmed), dimmed)

    def figure(self) -> NotebookFigure:
        """Pictures, masks, and what is kept and removed, as a matplotlib figure, one row per picture."""
        from xai_widgets.show import figures, images  # noqa: PLC0415  (matplotlib only when it is wanted)

        rows = range(len(self))
        columns: dict[str, list[Any]] = {
            "picture": list(self.pictures),
            "mask": [images.sequential(mask, 0, 1) for mask in self.masks],
            "kept": [self.only(row) for row in rows],
            "removed": [self.rest(row) for row in rows],
            "background": list(self.backgrounds),
        }
        captions = {
            "picture": [f"{self.target.name(row, self.class_names)} {float(self.before[row]):.0%}" for row in rows],
            "mask": [f"{value:.0%} of the picture" for value in self.area.tolist()],
            "kept": [f"{value:.0%}" for value in self.kept.tolist()],
            "removed": [f"{value:.0%}" for value in self.removed.tolist()],
            "background": [f"{value:.0%}" for value in self.without.tolist()],
        }
        return figures.picture_rows(columns, captions, self.verdict())

    def gallery(self) -> Gallery:
        """Pictures with the masks' outlines, as a static gallery that a saved notebook keeps."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        rows = range(len(self))
        labels = [f"picture {row}" for row in rows]
        return gallery([self.outline(row) for row in rows], labels, [self.said(row) for row in rows], most=len(self))


# --- what a file holds -----------------------------------------------------------------------------------------

_TENSORS = (*(name for name in PER_PICTURE if name != "target"), "frames")


def stored(found: Inversions) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors by name, and the rest as JSON takes it.

    Raises
    ------
    ArtifactError
        If a score of one's own was explained.
    """
    if found.target.score is not None:
        raise ArtifactError("what was found for a score of your own cannot be saved; find it for a class")
    tensors = {name: getattr(found, name) for name in _TENSORS} | {"classes": found.target.classes}
    if found.target.against is not None:
        tensors["against"] = found.target.against
    names = ("channels", "background_names", "origin")
    return tensors, {name: getattr(found, name) for name in names}


def restored(tensors: Mapping[str, Tensor], details: Mapping[str, Any], class_names: tuple[str, ...]) -> Inversions:
    """The inversions that were `stored`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, or is of another shape.
    """
    count, sides = len(tensors["pictures"]), tensors["pictures"].shape[2:]
    sizes = {"masks": (count, *sides), "classes": (count,), "weights": (count, len(details["channels"]))}
    for name, size in sizes.items():
        if tensors[name].shape != size:
            raise ValueError(f"{name} have shape {tuple(tensors[name].shape)}, not {tuple(size)}")
    return Inversions(
        **{name: tensors[name] for name in _TENSORS},
        target=Target(tensors["classes"], tensors.get("against")),
        channels=tuple((str(layer), int(number)) for layer, number in details["channels"]),
        background_names=tuple(details["background_names"]),
        class_names=class_names,
        origin=details["origin"],
    )
