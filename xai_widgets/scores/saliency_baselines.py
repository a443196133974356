"""The usual saliency maps, computed by captum, with which the map of a counterfactual is compared.

A counterfactual answers "why this class and not that one?". So all methods explain the difference of two logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.layers import module_name
from xai_widgets.progress import Progress
from xai_widgets.scores.attention_rollout import ROLLOUT, attention_rollout, has_rollout
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

STEPS = 32
"""Steps of integrated gradients."""

PATCHES = 8
"""Patches side by side: of LIME's grid, and of occlusion, which also hides those half-way between in pictures that are
not large."""

SAMPLES = 200
"""Pictures with missing patches, to which LIME fits its model."""

BATCH = 64


def require_captum() -> None:
    """Raise an `XaiWidgetsError` if captum is not installed."""
    if find_spec("captum") is None:
        raise XaiWidgetsError('other methods are computed by captum: pip install "xai-widgets[compare]"')


def baseline_maps(
    study: Study, pictures: Tensor, targets: Tensor, sources: Tensor, seed: int, progress: Progress
) -> Mapping[str, Tensor]:
    """How much each pixel matters for the logit of the target minus that of the source: maps ``(N, H, W)`` by method.

    Integrated gradients, occlusion and LIME need a picture without evidence; they get the blurred picture, which is
    closer to real pictures than a black one. Maps are absolute values, averaged over the channels. Grad-CAM is left out
    if no layer of the classifier gives maps. A transformer with a class token also has its attention rollout, which is
    the same for all classes.
    """
    require_captum()
    progress.start("saliency of other methods", len(pictures))
    found = []
    with study.borrowed(), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for picture, target, source in zip(pictures, targets.tolist(), sources.tolist(), strict=True):
            found.append(_maps(study, picture[None], target, source))
            progress.advance()
    maps = {name: torch.cat([one[name] for one in found]) for name in found[0]}
    return {**maps, ROLLOUT: attention_rollout(study, pictures)} if has_rollout(study) else maps


def _maps(study: Study, picture: Tensor, target: int, source: int) -> dict[str, Tensor]:
    from captum import attr  # noqa: PLC0415  (optional)

    def odds(batch: Tensor) -> Tensor:
        logits = study.forward(batch)
        return logits[:, target] - logits[:, source]

    leaf, hidden = picture.detach().clone().requires_grad_(), blurred(picture)
    found = {
        "gradient": attr.Saliency(odds).attribute(leaf, abs=False),
        "integrated_gradients": attr.IntegratedGradients(odds).attribute(leaf, hidden, n_steps=STEPS),
        "occlusion": occlusion(odds, picture, hidden),
        "lime": lime(odds, picture, hidden),
    }
    layer = last_maps(study)
    if layer is not None:
        coarse = attr.LayerGradCam(odds, layer).attribute(leaf)
        found["grad_cam"] = F.interpolate(coarse, picture.shape[2:], mode="bilinear")
    return {name: values.detach().abs().mean(1).cpu() for name, values in found.items()}


def occlusion(odds: Callable[[Tensor], Tensor], picture: Tensor, hidden: Tensor) -> Tensor:
    """By how much a score falls where a window shows the hidden picture."""
    from captum import attr  # noqa: PLC0415

    channels, height, width = picture.shape[1:]
    window = (channels, max(height // PATCHES, 1), max(width // PATCHES, 1))
    overlap = 1 if is_large(picture.shape) else 2
    strides = (channels, *(max(side // overlap, 1) for side in window[1:]))
    found: Tensor = attr.Occlusion(odds).attribute(picture, window, strides, hidden, perturbations_per_eval=BATCH)
    return found


def lime(odds: Callable[[Tensor], Tensor], picture: Tensor, hidden: Tensor) -> Tensor:
    """LIME with ridge regression, as in its authors' code; captum's default depends on the scale of the logits."""
    from captum import attr  # noqa: PLC0415
    from captum._utils.models.linear_model import SkLearnRidge  # noqa: PLC0415

    lime = attr.Lime(odds, SkLearnRidge(alpha=1.0))
    found: Tensor = lime.attribute(
        picture, hidden, feature_mask=_grid(picture), n_samples=SAMPLES, perturbations_per_eval=BATCH
    )
    return found


def _grid(picture: Tensor) -> Tensor:
    """Numbers ``(1, 1, H, W)`` of square patches."""
    rows, columns = (torch.arange(side) * min(PATCHES, side) // side for side in picture.shape[2:])
    return (rows[:, None] * (columns[-1] + 1) + columns)[None, None]


def blurred(picture: Tensor) -> Tensor:
    """The picture without evidence that a method compares with, ``(1, C, H, W)``."""
    from torchvision.transforms.functional import gaussian_blur  # noqa: PLC0415  (slow to import)

    sigma = min(picture.shape[2:]) / 8
    found: Tensor = gaussian_blur(picture, 2 * int(2 * sigma) + 1, sigma)
    return found


def last_maps(study: Study) -> nn.Module | None:
    """The layer of Grad-CAM: the last one that gives maps."""
    names = [layer.name for layer in study.layers() if layer.layout.axes == (2, 3) and min(layer.layout.sides) > 1]
    modules = dict(study.network.named_modules())
    return modules[module_name(names[-1], modules)] if names else None
