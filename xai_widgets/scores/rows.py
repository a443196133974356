"""The rows of the exam of all methods: the five methods, other methods from captum, and rows that know nothing.

`ANSWERS` has the mappings of the five methods. Of the others, too, all explain the logit of the class:

`gradient`, `guided_backprop`
    Size of the gradient, mean over the channels: its sign says in which direction a colour would have to change, and
    not whether it is evidence.
`integrated_gradients`, `occlusion`, `lime`
    Sum over the channels, signed; the blurred picture stands for "no evidence".
`grad_cam`
    At the last layer that has positions, enlarged; negative values are cut off, as published.
`attention_rollout`
    Of the class token; of transformers with one only (see `scores.attention_rollout`). It is not captum's, and the same
    for all classes.
`random`
    Noise, new each time.
`centre`
    A bell in the middle of the picture.
`brightest`
    The brightness of the blurred picture.
`all_parts`
    1 on all parts of the bird that can tell its species, and on the cue: the truth, as far as places go.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.scores.answers import ANSWERS
from xai_widgets.scores.attention_rollout import ROLLOUT, attention_rollout, has_rollout
from xai_widgets.scores.maps import Question
from xai_widgets.scores.saliency_baselines import BATCH, STEPS, blurred, last_maps, lime, occlusion, require_captum
from xai_widgets.scores.trivial import TRIVIAL
from xai_widgets.study import Study

Kind = Literal["method", "other", "trivial"]
Maker = Callable[[Question], Tensor]


# --- other methods -------------------------------------------------------------------------------------------------


class _Network(nn.Module):
    """The borrowed classifier as one module, since guided backpropagation has to find its ReLUs."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.inner, self._forward = study.network, study.forward

    def forward(self, pictures: Tensor) -> Tensor:
        return self._forward(pictures)


def _gradient(asked: Question) -> Tensor:
    from captum import attr  # noqa: PLC0415  (optional)

    return _by_batch(asked, lambda x, k: attr.Saliency(asked.study.forward).attribute(x, target=k)).mean(1)


def _integrated(asked: Question) -> Tensor:
    from captum import attr  # noqa: PLC0415

    def made(pictures: Tensor, classes: Tensor) -> Tensor:
        integrated, hidden = attr.IntegratedGradients(asked.study.forward), blurred(pictures.detach())
        found: Tensor = integrated.attribute(pictures, hidden, target=classes, n_steps=STEPS, internal_batch_size=BATCH)
        return found

    return _by_batch(asked, made).sum(1)


def _grad_cam(asked: Question) -> Tensor:
    from captum import attr  # noqa: PLC0415

    def made(pictures: Tensor, classes: Tensor) -> Tensor:
        layer = last_maps(asked.study)
        if layer is None:
            raise XaiWidgetsError("Grad-CAM needs a layer with positions, and the classifier has none")
        cam = attr.LayerGradCam(asked.study.forward, layer)
        coarse = cam.attribute(pictures, target=classes, relu_attributions=True)
        return F.interpolate(coarse, pictures.shape[2:], mode="bilinear", align_corners=False)

    return _by_batch(asked, made)[:, 0]


def _guided(asked: Question) -> Tensor:
    from captum import attr  # noqa: PLC0415

    def made(pictures: Tensor, classes: Tensor) -> Tensor:
        if not any(isinstance(module, nn.ReLU) for module in asked.study.network.modules()):
            raise XaiWidgetsError("guided backpropagation needs ReLU modules, and the classifier has none")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it sets hooks, and removes them
            found: Tensor = attr.GuidedBackprop(_Network(asked.study).eval()).attribute(pictures, target=classes)
        return found

    return _by_batch(asked, made).abs().mean(1)


def _occlusion(asked: Question) -> Tensor:
    return _one_by_one(asked, occlusion)


def _lime(asked: Question) -> Tensor:
    return _one_by_one(asked, lime)


def _rollout(asked: Question) -> Tensor:
    return attention_rollout(asked.study, asked.pictures)


def _by_batch(asked: Question, made: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    require_captum()
    found = []
    with asked.study.borrowed(), torch.enable_grad(), _explained_errors():
        for pictures, classes in zip(asked.pictures.split(BATCH), asked.classes.split(BATCH), strict=True):
            found.append(made(pictures.detach().clone().requires_grad_(), classes).detach().cpu())
    return torch.cat(found)


@contextmanager
def _explained_errors() -> Iterator[None]:
    """Not every classifier suits every method, and captum's own errors say why."""
    try:
        yield
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise XaiWidgetsError(f"captum cannot explain this classifier so: {error}") from error


def _one_by_one(asked: Question, made: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor], Tensor]) -> Tensor:
    require_captum()
    found = []
    with asked.study.borrowed(), torch.random.fork_rng(devices=[]), _explained_errors():
        torch.manual_seed(asked.seed)
        for picture, target in zip(asked.pictures.split(1), asked.classes.tolist(), strict=True):
            found.append(made(_logit(asked.study, target), picture, blurred(picture)).detach().cpu())
    return torch.cat(found).sum(1)


def _logit(study: Study, target: int) -> Callable[[Tensor], Tensor]:
    return lambda batch: study.forward(batch)[:, target]


# --- all rows -----------------------------------------------------------------------------------------------------


OTHERS: Mapping[str, Maker] = {
    "gradient": _gradient,
    "integrated_gradients": _integrated,
    "grad_cam": _grad_cam,
    "occlusion": _occlusion,
    "lime": _lime,
    "guided_backprop": _guided,
}
"""Other methods, computed by captum."""

OF_TRANSFORMERS: Mapping[str, Maker] = {ROLLOUT: _rollout}
"""Another method, which only transformers with a class token have."""

ROWS: Mapping[str, Maker] = {**ANSWERS, **OTHERS, **OF_TRANSFORMERS, **TRIVIAL}
"""All rows."""


def applies(row: str, study: Study) -> bool:
    """Whether a classifier of this kind can have the row."""
    return row not in OF_TRANSFORMERS or has_rollout(study)


def kind_of(row: str) -> Kind:
    """What a row is."""
    return "method" if row in ANSWERS else "other" if row in {**OTHERS, **OF_TRANSFORMERS} else "trivial"
