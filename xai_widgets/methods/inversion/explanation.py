"""The result of guided feature inversion: masks, and the probabilities that tell whether to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.methods.masking.references import UNSURE
from xai_widgets.methods.masking.views import blend, outlined

if TYPE_CHECKING:
    from xai_widgets.show.figures import NotebookFigure
    from xai_widgets.show.gallery import Gallery
    from xai_widgets.study import Study

FLAT = 1e-3
"""A mask whose values differ by less shows nothing."""

KIND = "inversions"

TENSORS = ("pictures", "backgrounds", "masks", "weights", "before", "kept", "removed", "baseline_score", "error")


@dataclass(frozen=True, eq=False)
class InversionExplanation:
    """Masks of N pictures.

    Attributes
    ----------
    pictures, backgrounds
        ``(N, C, H, W)`` in [0, 1]: the pictures, and what replaces them where a mask is 0.
    targets
        What is explained.
    masks
        ``(N, H, W)`` in [0, 1]: 1 is what the network needs.
    weights
        Of the channels that masks are sums of, ``(N, n)``.
    channels
        Layer and number of each channel.
    before, baseline_score
        Probability of the target for the pictures and for the backgrounds, ``(N,)``.
    kept, removed
        The same for pictures of which only the mask is kept, and for those without it, ``(N,)``.
    error
        Relative squared inversion error of the kept pictures at the deep layer, ``(N,)``.
    frames
        The mask of each step of the search, uint8 ``(S, N, H, W)`` in 255ths; S is 0 without ``film=True``.
    background_names
        How each background was made.
    class_names
        For captions.
    origin
        How this was made: model fingerprint, layers, settings, versions, seconds.
    """

    pictures: Tensor
    backgrounds: Tensor
    targets: Targets
    masks: Tensor
    weights: Tensor
    channels: tuple[tuple[str, int], ...]
    before: Tensor
    baseline_score: Tensor
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
        return f"InversionExplanation({len(self)} pictures, {self.verdict()!r})"

    def __getitem__(self, row: int) -> InversionExplanation:
        """The explanation of one picture."""
        chosen = torch.tensor([range(len(self))[row]])
        own = {name: getattr(self, name)[chosen] for name in (*TENSORS, "targets")}
        return replace(self, **own, frames=self.frames[:, chosen], background_names=(self.background_names[row],))

    # --- numbers -----------------------------------------------------------------------------------------------

    @property
    def class_index(self) -> Tensor:
        """The classes that are explained ``(N,)``."""
        return self.targets.class_index

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
        """Whether the background removes what is explained, bool ``(N,)``; where it does not, the mask means little.

        A background that shows neither of two classes has 1/2 of each, not 0.
        """
        neutral = 0.0 if self.targets.against is None else 0.5
        return self.baseline_score <= neutral + UNSURE * (self.before - neutral).clamp_min(0)

    def mass(self, regions: Tensor) -> Tensor:
        """Share of each mask's mass in regions, bool ``(N, H, W)`` or ``(H, W)``; ``(N,)``."""
        return (self.masks * regions).sum((1, 2)) / self.masks.sum((1, 2))

    def top_channels(self, row: int, count: int = 5) -> list[tuple[str, int, float]]:
        """Layer, number and share of the channels with the greatest weights, for one picture."""
        shares = self.weights[row] / self.weights[row].sum().clamp_min(1e-12)
        most = shares.topk(min(count, len(shares)))
        pairs = zip(most.indices.tolist(), most.values.tolist(), strict=True)
        return [(*self.channels[channel], share) for channel, share in pairs]

    @property
    def problems(self) -> tuple[str, ...]:
        """Why some of the masks mean little; empty if all can be trusted."""
        checks = (
            (self.degenerate, "the mask is the same everywhere"),
            (~self.sound, "the background alone still shows the class"),
            (self.kept < UNSURE * self.before, "the kept part alone no longer shows the class"),
        )
        return tuple(self._where(which, what) for which, what in checks if which.any())

    def _where(self, which: Tensor, what: str) -> str:
        if len(self) == 1:
            return f"{what[0].upper()}{what[1:]}."
        return f"In {int(which.sum())} of {len(self)} pictures (such as {int(which.nonzero()[0])}) {what}."

    def sentence(self, row: int) -> str:
        """What the mask of one picture is worth: the probability with it alone, and without it."""
        kept, removed = float(self.kept[row]), float(self.removed[row])
        name = self.targets.name(row, self.class_names)
        return f"{name}: {kept:.0%} from the mask alone, {removed:.0%} without it"

    def verdict(self) -> str:
        """Whether to trust the masks, with the numbers behind it."""
        numbers = (self.kept, self.removed, self.baseline_score, self.area)
        kept, removed, background, area = (float(one.mean()) for one in numbers)
        line = (
            f"On average the masks cover {area:.0%} of a picture. Mean probability: {kept:.0%} from the mask alone, "
            f"{removed:.0%} without it, {background:.0%} from the background alone."
        )
        return " ".join([*self.problems, line])

    # --- pictures ----------------------------------------------------------------------------------------------

    def kept_picture(self, row: int) -> Tensor:
        """A picture with only the mask kept, as the classifier saw it, ``(C, H, W)``."""
        return blend(self.pictures[row], self.backgrounds[row], self.masks[row])

    def removed_picture(self, row: int) -> Tensor:
        """A picture with the mask removed, as the classifier saw it, ``(C, H, W)``."""
        return blend(self.backgrounds[row], self.pictures[row], self.masks[row])

    def outline(self, row: int) -> Tensor:
        """A picture with a white line around where the mask is above 1/2, and the rest dimmed, ``(C, H, W)``."""
        return outlined(self.pictures[row], self.masks[row] > 0.5)

    def figure(self) -> NotebookFigure:
        """Pictures, masks, and what is kept and removed, as a matplotlib figure, one row per picture."""
        from xai_widgets.show import figures, images  # noqa: PLC0415  (matplotlib only when it is wanted)

        rows = range(len(self))
        columns: dict[str, list[Any]] = {
            "picture": list(self.pictures),
            "mask": [images.sequential(mask, 0, 1) for mask in self.masks],
            "kept": [self.kept_picture(row) for row in rows],
            "removed": [self.removed_picture(row) for row in rows],
            "background": list(self.backgrounds),
        }
        scores = {"kept": self.kept, "removed": self.removed, "background": self.baseline_score}
        captions = {
            "picture": [f"{self.targets.name(row, self.class_names)} {float(self.before[row]):.0%}" for row in rows],
            "mask": [f"{value:.0%} of the picture" for value in self.area.tolist()],
            **{name: [f"{value:.0%}" for value in values.tolist()] for name, values in scores.items()},
        }
        return figures.picture_rows(columns, captions, self.verdict())

    def gallery(self) -> Gallery:
        """Pictures with the masks' outlines, as a static gallery that a saved notebook keeps."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        rows = range(len(self))
        labels, lines = [f"picture {row}" for row in rows], [self.sentence(row) for row in rows]
        return gallery([self.outline(row) for row in rows], labels, lines, most=len(self))

    # --- saving ------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write the explanation to one file, with its pictures.

        Raises
        ------
        ArtifactError
            If your own score was explained, which no file can hold, or the file cannot be written.
        """
        tensors, details = stored(self)
        return artifact.save(path, KIND, tensors, {"model": self.origin.get("model"), **details})

    @classmethod
    def load(cls, path: str | Path, study: Study) -> InversionExplanation:
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
            raise ArtifactError(f"{path} does not hold what its description says ({error!r}); explain again") from error


def stored(explanation: InversionExplanation) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors of an explanation by name, and the rest as JSON takes it; no file holds your own score."""
    targets = explanation.targets
    if targets.score is not None:
        raise ArtifactError("an explanation of your own score cannot be saved; explain a class")
    tensors = {name: getattr(explanation, name) for name in (*TENSORS, "frames")} | {"class_index": targets.class_index}
    if targets.against is not None:
        tensors["against"] = targets.against
    return tensors, {name: getattr(explanation, name) for name in ("channels", "background_names", "origin")}


def restored(
    tensors: Mapping[str, Tensor], details: Mapping[str, Any], class_names: tuple[str, ...]
) -> InversionExplanation:
    """The explanation that was `stored`; an error such as ValueError if something is missing or has another shape."""
    count, sides = len(tensors["pictures"]), tensors["pictures"].shape[2:]
    sizes = {"masks": (count, *sides), "class_index": (count,), "weights": (count, len(details["channels"]))}
    for name, size in sizes.items():
        if tensors[name].shape != size:
            raise ValueError(f"{name} have shape {tuple(tensors[name].shape)}, not {tuple(size)}")
    return InversionExplanation(
        **{name: tensors[name] for name in (*TENSORS, "frames")},
        targets=Targets(tensors["class_index"], tensors.get("against")),
        channels=tuple((str(layer), int(number)) for layer, number in details["channels"]),
        background_names=tuple(details["background_names"]),
        class_names=class_names,
        origin=details["origin"],
    )
