"""Turn x-features up or down, decode the change into the layer, and run the rest of the real network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.layers import as_code
from xai_widgets.methods.srae.additive import Additive
from xai_widgets.methods.srae.seen import scores
from xai_widgets.methods.srae.view import changed, places

if TYPE_CHECKING:
    from xai_widgets.methods.srae.settings import Settings
    from xai_widgets.study import Study


@dataclass(frozen=True, eq=False)
class Intervention:
    """What the sum of x-features says of a change, and what the network says.

    Attributes
    ----------
    factors
        What each x-feature was multiplied with, ``(N, L)``.
    predicted
        The score ``(N,)`` that the contributions predict: the network's own, plus their change.
    real
        The score ``(N,)`` that the rest of the network gives for the changed layer.
    before
        The network's score ``(N,)`` of the picture.
    probabilities
        What the network makes of the changed layer, ``(N, all classes)``.
    """

    factors: Tensor
    predicted: Tensor
    real: Tensor
    before: Tensor
    probabilities: Tensor

    @property
    def predicted_change(self) -> Tensor:
        """By how much the score should have changed, ``(N,)``."""
        return self.predicted - self.before

    @property
    def real_change(self) -> Tensor:
        """By how much it did, ``(N,)``."""
        return self.real - self.before


def intervene(
    study: Study, settings: Settings, model: Additive, k: int, class_number: int, pictures: Tensor, factors: Tensor
) -> Intervention:
    """Multiply the x-features of pictures at all of their places.

    Parameters
    ----------
    study, settings
        Whose network, and which layer and view of it.
    model, k, class_number
        The x-features, the class's row in them, and its number.
    pictures
        ``(N, C, H, W)`` in [0, 1].
    factors
        ``(L,)`` for all pictures or ``(N, L)``; 1 changes nothing, 0 takes an x-feature away.

    Raises
    ------
    XaiWidgetsError
        If the factors have another shape, or are not finite.
    """
    count, features = len(pictures), model.weight.shape[1]
    if factors.shape not in {(features,), (count, features)} or not torch.isfinite(factors).all():
        raise XaiWidgetsError(
            f"factors must be {features} finite numbers, or {count} times as many, and are {factors.tolist()}"
        )
    each = factors.float().expand(count, features)
    parts = [
        _one_batch(study, settings, model, k, batch, rows)
        for batch, rows in zip(pictures.split(study.batch_size), each.split(study.batch_size), strict=True)
    ]
    before, after, change = (torch.cat(column) for column in zip(*parts, strict=True))
    own, moved = (scores(logits, [class_number], settings.target)[:, 0] for logits in (before, after))
    return Intervention(each, own + change, moved, own, after.softmax(1))


def _one_batch(
    study: Study, settings: Settings, model: Additive, k: int, pictures: Tensor, factors: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits before and after, and the predicted change of the score."""
    with study.borrowed(), torch.no_grad():
        before, recorded = study.forward_and_record(pictures, [settings.layer])
        raw = recorded[settings.layer]
        z = places(as_code(raw.float(), study.shape[1:]), settings.view)
        e = model.features(z, k)
        moved = e * factors.to(e)[:, None]
        nonnegative = bool(raw.min() >= 0)
        sides = (study.shape[1], study.shape[2])
        new = changed(raw, model.change(e, moved, k), settings.view, sides, nonnegative=nonnegative)
        after = study.forward_replacing(pictures, settings.layer, lambda _: new)
        change = ((moved - e).mean(1) * model.weight[k]).sum(1)
    return before.cpu(), after.cpu(), change.cpu()
