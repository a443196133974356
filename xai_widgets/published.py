"""Torchvision's classifiers with what their published weights come with."""

from __future__ import annotations

from typing import Any

from torch import nn


def of_torchvision(architecture: str, weights: str | None) -> tuple[nn.Module, dict[str, Any]]:
    """A classifier, and the options of a study of it: class names, normalisation and name.

    `weights` is "DEFAULT", a named set, or None for random ones, which come with nothing.
    """
    from torchvision.models import get_model, get_model_weights  # noqa: PLC0415  (slow to import)

    if weights is None:
        return get_model(architecture, weights=None, **quiet_options(architecture)), {}
    chosen = get_model_weights(architecture)[weights]
    how = chosen.transforms()
    options = {"class_names": chosen.meta["categories"], "mean": how.mean, "std": how.std, "name": architecture}
    return get_model(architecture, weights=chosen), options


def imagenet_names() -> list[str]:
    """The names of ImageNet's 1,000 classes, in order."""
    from torchvision.models import get_model_weights  # noqa: PLC0415  (slow to import)

    return list(get_model_weights("resnet18")["DEFAULT"].meta["categories"])


def quiet_options(architecture: str) -> dict[str, Any]:
    """GoogLeNet and Inception warn about their slow default initialisation unless it is chosen by name."""
    return {"init_weights": True} if architecture in {"googlenet", "inception_v3"} else {}
