"""The usual saliency maps of a class, as masks with which those of guided feature inversion are compared.

Each method explains two scores: the logit of the class, as usual, and its log-probability, which tells the class from
the other classes in the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.methods.inversion.basis import base_layers
from xai_widgets.progress import Progress
from xai_widgets.scores.attention_rollout import ROLLOUT, attention_rollout, has_rollout
from xai_widgets.scores.saliency_baselines import BATCH, PATCHES, STEPS, require_captum
from xai_widgets.study import Study

LOG = "_log"
"""What the names of masks end with that explain the log-probability."""

CAPTUM = tuple(
    f"{name}{suffix}" for suffix in ("", LOG) for name in ("gradient", "integrated_gradients", "occlusion", "grad_cam")
)
"""The masks that captum makes."""


def baseline_masks(
    study: Study,
    pictures: Tensor,
    classes: Tensor,
    seed: int,
    progress: Progress,
    explained: Sequence[str] = ("", LOG),
) -> dict[str, Tensor]:
    """Masks ``(N, H, W)`` by method, with a maximum of 1, or of 0 where a method finds nothing.

    `explained` has the suffixes of the scores: "" of the logit, `LOG` of the log-probability. Only evidence for the
    class counts, where a method has signs. A blurred picture replaces what a method hides. Grad-CAM is left out if the
    deepest layer with places gives tokens. A transformer with a class token also has its attention rollout, which is
    the same for all classes.
    """
    require_captum()
    scores: dict[str, Callable[[Tensor], Tensor]] = {
        "": study.forward,
        LOG: lambda batch: study.scores.log_probabilities(study.forward(batch)),
    }
    progress.start("saliency of other methods", len(explained))
    found = _without_captum(study, pictures, seed)
    if has_rollout(study):
        found[ROLLOUT] = attention_rollout(study, pictures)
    for suffix in explained:
        with study.borrowed(), torch.enable_grad():
            maps = _maps(study, scores[suffix], pictures.detach().clone().requires_grad_(), classes)
        found |= {f"{name}{suffix}": values for name, values in maps.items()}
        progress.advance()
    return {name: _to_one(values) for name, values in found.items()}


def _maps(study: Study, score: Callable[[Tensor], Tensor], pictures: Tensor, classes: Tensor) -> dict[str, Tensor]:
    from captum import attr  # noqa: PLC0415  (optional)

    blurred = _blurred(pictures.detach())
    channels, height, width = pictures.shape[1:]
    side = max(min(height, width) // PATCHES, 1)
    window, step = (channels, side, side), max(side // 2, 1)
    integrated = attr.IntegratedGradients(score)
    found = {
        "gradient": attr.Saliency(score).attribute(pictures, target=classes).abs(),
        "integrated_gradients": integrated.attribute(
            pictures, blurred, target=classes, n_steps=STEPS, internal_batch_size=BATCH
        ).sum(1, keepdim=True),
        "occlusion": attr.Occlusion(score).attribute(pictures, window, (channels, step, step), blurred, target=classes),
    }
    layer = base_layers(study)[-1]
    if study.layer(layer).layout.axes == (2, 3):  # what captum takes for maps
        found["grad_cam"] = _grad_cam(study, layer, score, pictures, classes)
    return {name: values.detach().mean(1).clamp_min(0).cpu() for name, values in found.items()}


def _grad_cam(study: Study, layer: str, score: Callable[[Tensor], Tensor], pictures: Tensor, classes: Tensor) -> Tensor:
    from captum import attr  # noqa: PLC0415

    coarse = attr.LayerGradCam(score, study.network.get_submodule(layer)).attribute(pictures, target=classes)
    return F.interpolate(coarse, pictures.shape[2:], mode="bilinear", align_corners=False)


def _without_captum(study: Study, pictures: Tensor, seed: int) -> dict[str, Tensor]:
    height, width = pictures.shape[2:]
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    drawn = torch.rand(len(pictures), height, width, generator=torch.Generator().manual_seed(seed))
    maps = study.codes(pictures, base_layers(study)[-1]).relu().mean(1, keepdim=True)
    return {
        "mean_of_channels": F.interpolate(maps, (height, width), mode="bilinear", align_corners=False)[:, 0],
        "centre": torch.exp(-2 * (x**2 + y**2)).expand(len(pictures), -1, -1),
        "random": drawn,
    }


def _blurred(pictures: Tensor) -> Tensor:
    sigma = min(pictures.shape[2:]) / 8
    return gaussian(pictures, sigma, odd(4 * sigma))


def _to_one(maps: Tensor) -> Tensor:
    most = maps.amax((1, 2), keepdim=True)
    return maps / torch.where(most > 0, most, torch.ones_like(most))
