"""What a model wants to be given: how many channels, pictures of which size, and how they are normalised."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from xai_widgets import limits
from xai_widgets.devices import sent
from xai_widgets.errors import FAILURES

GREY, COLOUR = 1, 3
LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue are."""

USUAL = (224, 256, 299, 384, 32, 28, 64, 96, 128, 160, 192, 240, 288, 320, 336, 448, 512)
"""Sides that models are made for, the most frequent ones first."""

SECONDS = 2.0
"""No further size is tried after so long."""

FEWEST, MOST, PIXELS = 8, 64, 2**20
"""Of pictures in a batch, and about how many pixels these have in all."""


def of_channels(pictures: Tensor, channels: int) -> Tensor:
    """Pictures ``(N, C, H, W)`` with that many channels: grey by luma, or the same in all three; differentiable."""
    if pictures.shape[1] == channels:
        return pictures
    if channels == GREY:
        return (pictures * pictures.new_tensor(LUMA).view(1, -1, 1, 1)).sum(1, keepdim=True)
    return pictures.expand(-1, channels, -1, -1)


def normalised(pictures: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Pictures ``(N, C, H, W)`` less the mean, over the deviation; a ValueError if these are of other channels."""
    for name, values in {"mean": mean, "std": std}.items():
        if len(values) not in (1, pictures.shape[1]):
            raise ValueError(f"{name} has {len(values)} values for pictures of {pictures.shape[1]} channels; give one")
    return (pictures - sent(mean, pictures.device)) / sent(std, pictures.device)


def channels_to_try(model: nn.Module, channels: int) -> tuple[int, ...]:
    """The channels of the pictures, and those of the model's first convolution where pictures can get them."""
    first = first_channels(model)
    return (channels,) if first in (None, channels) or {first, channels} != {GREY, COLOUR} else (channels, first)


def first_channels(model: nn.Module) -> int | None:
    """How many channels the model's first convolution takes; None if it has none."""
    return next((module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d)), None)


def failure(
    model: nn.Module, run: Callable[[Tensor], object], shape: tuple[int, int, int], error: BaseException
) -> str:
    """What to say of a model that fails on pictures of this shape, and what to do.

    `run` calls the model with a batch of pictures in [0, 1], without gradients; it is borrowed by the caller.
    """
    said = " ".join((str(error) or repr(error)).split())
    return f"the model fails on a picture of shape {shape} from this set: {said[:300]}{_remedy(model, run, shape)}"


def _remedy(model: nn.Module, run: Callable[[Tensor], object], shape: tuple[int, int, int]) -> str:
    until = time.monotonic() + SECONDS
    known = channels_to_try(model, shape[0])
    for side in _sides(model):
        if any(_works(run, (channels, side, side)) for channels in known):
            return f". It works with pictures of {side} x {side} pixels: give such, as xw.folder(path, {side}) does"
        if time.monotonic() > until:
            break
    first = first_channels(model)
    if first is None or first in known:
        return ""
    return f". Its first convolution takes {first} channels: give pictures with that many, or wrap the model"


def _sides(model: nn.Module) -> Iterator[int]:
    """Sides to try: what the model says itself (as those of Hugging Face, timm and torchvision do), then usual ones."""
    known = [getattr(getattr(model, "config", None), "image_size", None), getattr(model, "image_size", None)]
    settings = getattr(model, "default_cfg", None) or {}
    known += [settings["input_size"][-1]] if isinstance(settings, dict) and "input_size" in settings else []
    named = [side for side in known if isinstance(side, int) and not isinstance(side, bool) and 2 <= side <= 2048]
    yield from dict.fromkeys([*named, *USUAL])


def _works(run: Callable[[Tensor], object], shape: tuple[int, int, int]) -> bool:
    with torch.no_grad():
        try:
            run(torch.full((1, *shape), 0.5, dtype=torch.float32))
        except FAILURES:
            return False
    return True


def normalisation(mean: Sequence[float], std: Sequence[float], channels: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation as tensors ``(C, 1, 1)``; one value, or one for each channel.

    Raises
    ------
    XaiWidgetsError
        If a value is not finite, or a deviation is not above 0.
    """
    rules = {"mean": (mean, limits.MEAN), "std": (std, limits.STD)}
    counts = {1, channels} | ({COLOUR} if channels == GREY else set())
    values = [limits.Several(rule, counts)(name, given) for name, (given, rule) in rules.items()]
    first, second = (torch.tensor(each, dtype=torch.float32).view(-1, 1, 1) for each in values)
    return first, second


def usual_batch(shape: tuple[int, int, int]) -> int:
    """Pictures of a shape ``(C, H, W)`` that pass through a model at once where nobody says how many.

    64 pictures of 224 pixels take a gigabyte of activations in EfficientNet-Lite0.
    """
    return max(FEWEST, min(MOST, PIXELS // (shape[1] * shape[2])))
