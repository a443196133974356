"""Where a picture changes on its way to another class, as three maps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import BATCH, Decodes, Encoded, show
from xai_widgets.methods.cae.path import FilmStrip
from xai_widgets.methods.cae.plane import Plane
from xai_widgets.methods.cae.targets import require_pair
from xai_widgets.study import Study

SIDEWAYS = ((0.0, -1.0), (0.0, 0.0), (0.0, 1.0))
"""Moves on the chart of a pair that keep the log-odds: other ways to be the target."""


def change_maps(model: Decodes, encoded: Encoded, strip: FilmStrip, chart: Plane, scale: float) -> dict[str, Tensor]:
    """The maps "difference", "several" and "agreement" of a film strip on the chart of its two classes."""
    end = strip.z[-1:]
    sideways = chart.lift(chart.project(end) + torch.tensor(SIDEWAYS), end[0])
    mean, agreement = several(model, encoded, sideways, scale)
    change = difference(strip.pictures[0], strip.pictures[-1], scale)
    return {"difference": change, "several": mean, "agreement": agreement}


def difference(before: Tensor, after: Tensor, scale: float = 1.0) -> Tensor:
    """How much each pixel changes, ``(H, W)`` in [0, 1]: mean over the channels, averaged over 3x3 pixels.

    Between the first and the last frame of a film strip. (The picture itself is not the first frame where nothing is
    pasted, and would add the error of its reconstruction.) A change of `scale` is shown as 1; one for a whole data set,
    so that maps can be compared.
    """
    return (_smoothed((after - before).abs().mean(0)) / scale).clamp(max=1)


def path_integrated(
    study: Study, pictures: Tensor, target: int, source: int, *, steps: int = 5
) -> tuple[Tensor, tuple[float, float]]:
    """How much each pixel contributes to the change of the log-odds along a film strip: signed and complete.

    Integrated gradients along the frames ``(F, C, H, W)`` of a counterfactual instead of a line from black: the sum
    over the path of the gradient of ``logit_target - logit_source`` times the move of the pixel, by the midpoint rule,
    with so many steps from frame to frame. Gives the map ``(H, W)`` in log-odds, summed over channels, and its sum
    beside the change of log-odds from the first frame to the last, which it equals but for the error of the rule.
    Raises an `XaiWidgetsError` for classes that do not exist or are equal, or a classifier without gradients.
    """
    require_pair(source, target, study.classes)
    frames = study.check(pictures)
    moves = (frames[1:] - frames[:-1]) / steps
    halfway = torch.arange(0.5, steps).view(-1, 1, 1, 1, 1)
    points = (frames[:-1] + halfway * moves).flatten(0, 1)  # (steps * (F - 1), C, H, W)
    gradients = _gradients(study, points, target, source).unflatten(0, (steps, -1))
    contributions = (gradients.sum(0) * moves).sum((0, 1))
    logits = study.logits(frames[[0, -1]])
    odds = logits[:, target] - logits[:, source]
    return contributions, (float(contributions.sum()), float(odds[1] - odds[0]))


def several(model: Decodes, encoded: Encoded, targets: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """What changes on the way to several codes ``(J, d)``: the mean change, and how far the changes agree.

    The mean of the `difference` maps of all directions; and the agreement of the changes D of a pixel and its
    neighbours, ``mean(D)^2 / mean(D^2)``: 1 if all are equal, 1 / J if only one direction changes it, 0 if they cancel
    or there are none. Both ``(H, W)`` in [0, 1].
    """
    pictures, _ = show(model, encoded, torch.cat([encoded.z, targets]))
    changes = pictures[1:] - pictures[0]
    mean = torch.stack([difference(pictures[0], picture, scale) for picture in pictures[1:]]).mean(0)
    common = _smoothed(changes.mean(0).square().sum(0))
    everything = _smoothed(changes.square().mean(0).sum(0))
    return mean, (common / everything.clamp_min(torch.finfo(common.dtype).tiny)).clamp(0, 1)


def _smoothed(values: Tensor) -> Tensor:
    """Mean over 3x3 pixels of a map ``(H, W)``; at the edge, over those there are."""
    return F.avg_pool2d(values[None], 3, stride=1, padding=1, count_include_pad=False)[0]


def _gradients(study: Study, pictures: Tensor, target: int, source: int) -> Tensor:
    """Gradients of the log-odds with respect to the pictures only, ``(N, C, H, W)``, in batches."""
    found = []
    with study.borrowed(), torch.enable_grad():
        for batch in pictures.split(min(BATCH, study.batch_size)):
            inputs = batch.detach().requires_grad_()
            logits = study.forward(inputs)
            if not logits.requires_grad:
                raise XaiWidgetsError("the classifier gives no gradients (is its forward under torch.no_grad?)")
            found += torch.autograd.grad((logits[:, target] - logits[:, source]).sum(), inputs)
    return torch.cat(found)
