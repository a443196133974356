"""Where in a picture an x-feature is: four heatmap methods, and a check of the heatmap.

"spatial"
    What the x-feature contributes at each position of the layer. Costs nothing, and sums exactly to the contribution.
"gradient"
    Gradient times activation of the contribution at the last layer that has positions.
"occlusion"
    How much the contribution falls when a cell of the picture is blurred.
"mask"
    The smallest soft mask whose blurring removes the contribution (after I-GOS), times the contribution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Choice
from xai_widgets.methods.common.blur import blur
from xai_widgets.methods.common.codes import require_gradients
from xai_widgets.methods.srae.positions import last_spatial_layer
from xai_widgets.methods.srae.readout import LayerReadout
from xai_widgets.methods.srae.settings import Settings
from xai_widgets.study import Study

HeatmapMethod = Literal["spatial", "gradient", "occlusion", "mask"]

ON_LAYER: tuple[HeatmapMethod, ...] = ("spatial", "gradient")
"""Methods whose maps have the positions of a layer; those of the others divide the picture evenly."""

GRADIENT: tuple[HeatmapMethod, ...] = ("gradient", "mask")
"""Methods that need the classifier's gradients."""

CELLS = 8
"""Rows and columns of the cells that occlusion blurs, and of the masks."""

TOP = 0.2
"""Share of a picture that the deletion check blurs."""

MASK_STEPS, MASK_LR, MASK_AREA, MASK_ROUGHNESS = 60, 0.2, 0.5, 0.2
"""Of the search for masks: steps of Adam, and what area and differences of neighbours cost."""


def default_heatmap_method(study: Study, settings: Settings) -> HeatmapMethod:
    """The cheapest method that a layer allows."""
    if last_spatial_layer(study, settings.layer) is None:
        return "occlusion"
    exact = settings.view == "spatial" and study.layer(settings.layer).places is not None
    return "spatial" if exact else "gradient"


def heatmaps(readout: LayerReadout, pictures: Tensor, heatmap_method: HeatmapMethod) -> Tensor:
    """Signed maps ``(N, L, rows, columns)`` of each x-feature's contribution to pictures ``(N, C, H, W)`` in [0, 1].

    Raises an `XaiWidgetsError` for an unknown method, or one that needs gradients where the network gives none.
    """
    heatmap_method = Choice(HEATMAP_METHODS)("heatmap_method", heatmap_method)
    if heatmap_method in GRADIENT:
        require_gradients(readout.study, f"maps by {heatmap_method!r} are made")
    batches = pictures.split(max(1, readout.study.batch_size // 4))
    with readout.study.borrowed(), torch.set_grad_enabled(heatmap_method in GRADIENT):
        return torch.cat([HEATMAP_METHODS[heatmap_method](readout, batch).detach().cpu() for batch in batches])


def enlarged(maps: Tensor, sides: tuple[int, int], map_offset: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Maps ``(N, L, rows, columns)`` at the size of the pictures, by bilinear interpolation.

    For `map_offset`, where the positions really look, see `positions.measured_offset`.
    """
    # From -1 to 1.
    axes = [(torch.arange(side) + 0.5 - moved) / side * 2 - 1 for side, moved in zip(sides, map_offset, strict=True)]
    rows, columns = torch.meshgrid(*axes, indexing="ij")
    where = torch.stack([columns, rows], dim=2).expand(len(maps), -1, -1, -1)
    return F.grid_sample(maps, where, mode="bilinear", padding_mode="border", align_corners=False)


def deletion(contributions: Callable[[Tensor], Tensor], pictures: Tensor, large: Tensor) -> Tensor:
    """Share of a contribution ``(N, L)`` that is lost when the top `TOP` of its map ``(N, L, H, W)`` is blurred.

    1 where it is gone, 0 where nothing changed, negative where it grew, NaN where it was 0. Of a negative contribution
    the lowest pixels are blurred.
    """
    before = contributions(pictures)
    blurred = _blurred(pictures)
    towards = large * before.sign()[:, :, None, None]
    after = []
    for feature in range(large.shape[1]):
        top = _top(towards[:, feature])
        after.append(contributions(torch.where(top[:, None], blurred, pictures))[:, feature])
    return (before - torch.stack(after, dim=1)) / before


def _top(maps: Tensor) -> Tensor:
    """The highest pixels of each map, bool ``(N, H, W)``."""
    flat = maps.flatten(1)
    chosen = flat.topk(max(1, round(TOP * flat.shape[1])), dim=1).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, chosen, value=True).view(maps.shape)


def _blurred(pictures: Tensor) -> Tensor:
    return blur(pictures, min(pictures.shape[2:]) / 8)


# --- the four methods -----------------------------------------------------------------------------------------------


def _gradient(readout: LayerReadout, pictures: Tensor) -> Tensor:
    layer = last_spatial_layer(readout.study, readout.settings.layer)
    if layer is None:
        raise XaiWidgetsError(f"no layer up to {readout.settings.layer!r} has positions; use occlusion or a mask")
    contributions, leaf = readout.at(pictures, layer)
    found, code = [], readout.study.layer(layer).code
    for column in contributions.sum(0):
        (gradient,) = torch.autograd.grad(column, leaf, retain_graph=True)
        found.append(code(gradient * leaf.detach()).sum(1))
    return torch.stack(found, dim=1)


def _occlusion(readout: LayerReadout, pictures: Tensor) -> Tensor:
    before, blurred = readout.contributions(pictures), _blurred(pictures)
    cells = torch.eye(CELLS**2).view(-1, 1, CELLS, CELLS)
    windows = F.interpolate(cells, pictures.shape[2:], mode="nearest").bool()
    falls = [before - readout.contributions(torch.where(window, blurred, pictures)) for window in windows]
    return torch.stack(falls, dim=2).view(*before.shape, CELLS, CELLS)


def _mask(readout: LayerReadout, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        whole = readout.contributions(pictures).cpu()
    return torch.stack([_masked(readout, pictures, whole, feature) for feature in range(whole.shape[1])], dim=1)


def _masked(readout: LayerReadout, pictures: Tensor, whole: Tensor, feature: int) -> Tensor:
    """The mask of one x-feature in each picture, times its contribution, ``(N, rows, columns)``."""
    blurred, own = _blurred(pictures), whole[:, feature]
    inner = torch.full((len(pictures), 1, CELLS, CELLS), -1.0, requires_grad=True)
    optimizer = torch.optim.Adam([inner], lr=MASK_LR)
    for _ in range(MASK_STEPS):
        mask = F.interpolate(inner.sigmoid(), pictures.shape[2:], mode="bilinear", align_corners=False)
        left = readout.contributions(pictures + mask * (blurred - pictures))[:, feature].cpu()
        share = left / own.abs().clamp_min(1e-6) * own.sign()
        loss = share.clamp_min(0).sum() + MASK_AREA * inner.sigmoid().mean((1, 2, 3)).sum() + _roughness(inner)
        (inner.grad,) = torch.autograd.grad(loss, inner)
        optimizer.step()
    return inner.sigmoid().detach()[:, 0] * own[:, None, None]


def _roughness(inner: Tensor) -> Tensor:
    soft = inner.sigmoid()
    return MASK_ROUGHNESS * (soft.diff(dim=2).abs().mean((1, 2, 3)) + soft.diff(dim=3).abs().mean((1, 2, 3))).sum()


HEATMAP_METHODS: Mapping[str, Callable[[LayerReadout, Tensor], Tensor]] = {
    "spatial": LayerReadout.maps,
    "gradient": _gradient,
    "occlusion": _occlusion,
    "mask": _mask,
}
