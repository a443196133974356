"""Scale x-features, decode the change into the layer, and run the rest of the real network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.fit_data import scores
from xai_widgets.methods.srae.positions import changed, positions
from xai_widgets.methods.srae.readout import LayerReadout


@dataclass(frozen=True, eq=False)
class Intervention:
    """The predicted and the real effect of scaled x-features.

    Attributes
    ----------
    factors
        What each x-feature was multiplied by, ``(N, L)``.
    predicted
        The score ``(N,)`` that the contributions predict: the network's own, plus their change.
    real
        The score ``(N,)`` that the rest of the network gives for the changed layer.
    before
        The network's score ``(N,)`` of the picture.
    probabilities
        The network's probabilities for the changed layer, ``(N, all classes)``.
    """

    factors: Tensor
    predicted: Tensor
    real: Tensor
    before: Tensor
    probabilities: Tensor

    @property
    def predicted_change(self) -> Tensor:
        """How much the score should have changed, ``(N,)``."""
        return self.predicted - self.before

    @property
    def real_change(self) -> Tensor:
        """How much it changed, ``(N,)``."""
        return self.real - self.before


def intervene(readout: LayerReadout, class_index: int, pictures: Tensor, factors: Tensor) -> Intervention:
    """Multiply the x-features of pictures ``(N, C, H, W)`` at all of their positions.

    By factors ``(L,)`` for all pictures, or ``(N, L)``. Raises an `XaiWidgetsError` if the factors have another shape,
    or are not finite.
    """
    count, features = len(pictures), readout.model.weight.shape[1]
    if factors.shape not in {(features,), (count, features)} or not torch.isfinite(factors).all():
        raise XaiWidgetsError(
            f"factors must be {features} finite numbers, or {count} times as many, but are {factors.tolist()}"
        )
    each, size = factors.float().expand(count, features), readout.study.batch_size
    parts = [_one_batch(readout, *batch) for batch in zip(pictures.split(size), each.split(size), strict=True)]
    before, after, change = (torch.cat(column) for column in zip(*parts, strict=True))
    own, moved = (scores(logits, [class_index], readout.settings.score)[:, 0] for logits in (before, after))
    return Intervention(each, own + change, moved, own, readout.study.scores.probabilities(after))


def as_factors(values: object) -> Tensor:
    """Factors as a tensor, whatever they are given as.

    Raises
    ------
    XaiWidgetsError
        If they are no numbers.
    """
    try:
        return torch.as_tensor(values, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise XaiWidgetsError(f"factors must be finite numbers, but are {values!r}") from error


def _one_batch(readout: LayerReadout, pictures: Tensor, factors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits before and after, and the predicted change of the score."""
    study, model, k = readout.study, readout.model, readout.k
    layer, view = readout.settings.layer, readout.settings.view
    with study.borrowed(), torch.no_grad():
        before, recorded = study.forward_and_record(pictures, [layer])
        raw = recorded[layer]
        e = model.features(positions(readout.code(raw), view), k)
        moved = e * factors.to(e)[:, None]
        layout = study.layer(layer).layout
        new = changed(raw, model.change(e, moved, k), view, layout, nonnegative=bool(raw.min() >= 0))
        after = study.forward_replacing(pictures, layer, lambda _: new)
        change = ((moved - e).mean(1) * model.weight[k]).sum(1)
    return before.cpu(), after.cpu(), change.cpu()
