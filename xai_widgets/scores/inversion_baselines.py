"""The usual saliency maps of a class, as masks: what those of guided feature inversion are compared with.

Each is asked twice: about the logit of the class, as is usual, and about its log-probability, which tells the class
from the others in the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.inversion.basis import base_layers
from xai_widgets.methods.masking.references import gaussian, odd
from xai_widgets.progress import Progress
from xai_widgets.scores.saliency_baselines import BATCH, PATCHES, STEPS, require_captum
from xai_widgets.study import Study

CAPTUM = tuple(
    f"{name}{question}"
    for question in ("", "_log")
    for name in ("gradient", "integrated_gradients", "occlusion", "grad_cam")
)
"""Of the masks, those that captum makes."""


def baseline_masks(study: Study, pictures: Tensor, classes: Tensor, seed: int, progress: Progress) -> dict[str, Tensor]:
    """Masks ``(N, H, W)`` with a maximum of 1, or of 0 where a method finds nothing, by method.

    Methods that tell for from against keep what is for the class. What hides a part is the blurred picture.

    Parameters
    ----------
    study
        Whose classifier is asked; it is afterwards as it was.
    pictures, classes
        ``(N, C, H, W)`` in [0, 1], and whose evidence is wanted ``(N,)``.
    seed
        Of the random masks.
    progress
        Told each method.

    Raises
    ------
    XaiWidgetsError
        If captum is not installed.
    """
    require_captum()
    questions: dict[str, Callable[[Tensor], Tensor]] = {
        "": study.forward,
        "_log": lambda batch: study.forward(batch).log_softmax(1),
    }
    progress.start("saliency of other methods", len(questions))
    found = _without_captum(study, pictures, seed)
    for suffix, ask in questions.items():
        with study.borrowed(), torch.enable_grad():
            maps = _maps(study, ask, pictures.detach().clone().requires_grad_(), classes)
        found |= {f"{name}{suffix}": values for name, values in maps.items()}
        progress.advance()
    return {name: _to_one(values) for name, values in found.items()}


def _maps(study: Study, ask: Callable[[Tensor], Tensor], pictures: Tensor, classes: Tensor) -> dict[str, Tensor]:
    from captum import attr  # noqa: PLC0415  (optional)

    blurred = _blurred(pictures.detach())
    channels, height, width = pictures.shape[1:]
    window = (channels, max(min(height, width) // PATCHES, 1), max(min(height, width) // PATCHES, 1))
    strides = (channels, max(window[1] // 2, 1), max(window[2] // 2, 1))
    integrated = attr.IntegratedGradients(ask)
    found = {
        "gradient": attr.Saliency(ask).attribute(pictures, target=classes).abs(),
        "integrated_gradients": integrated.attribute(
            pictures, blurred, target=classes, n_steps=STEPS, internal_batch_size=BATCH
        ).sum(1, keepdim=True),
        "occlusion": attr.Occlusion(ask).attribute(pictures, window, strides, blurred, target=classes),
        "grad_cam": _grad_cam(study, ask, pictures, classes),
    }
    return {name: values.detach().mean(1).clamp_min(0).cpu() for name, values in found.items()}


def _grad_cam(study: Study, ask: Callable[[Tensor], Tensor], pictures: Tensor, classes: Tensor) -> Tensor:
    from captum import attr  # noqa: PLC0415

    layer = study.model.get_submodule(base_layers(study)[-1])
    coarse = attr.LayerGradCam(ask, layer).attribute(pictures, target=classes)
    return F.interpolate(coarse, pictures.shape[2:], mode="bilinear", align_corners=False)


def _without_captum(study: Study, pictures: Tensor, seed: int) -> dict[str, Tensor]:
    height, width = pictures.shape[2:]
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    drawn = torch.rand(len(pictures), height, width, generator=torch.Generator().manual_seed(seed))
    maps = study.activations(pictures, base_layers(study)[-1]).relu().mean(1, keepdim=True)
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
