"""What originals keep that are blurred until they are as wrong as reconstructions: a yardstick for large pictures."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.cladec.information import aspects_kept
from xai_widgets.study import Study

LEAST_SIDE = 8
"""Who is no closer to the original than so many pixels a side are shows a blur."""

LEAST_COLOUR = 0.5
"""Share of the blurred original's colour that a reconstruction must keep, or it is called colourless."""

BEST_OF_MEAN = 0.9
"""The error must be below this share of the mean picture's."""


def blurred_alike(study: Study, originals: Tensor, logits: Tensor, error: float) -> dict[str, float]:
    """Originals shrunk to so few pixels, and enlarged again, that their squared error is no less than `error`.

    Returns their "side" in pixels, the "colour" they keep, and their "agreement": how often the
    classifier predicts the same class for them as for the originals.
    """
    low, high = 1, min(originals.shape[2:])
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _error(originals, middle) >= error else (low, middle)
    blurred = _shrunk(originals, low)
    agreement = (study.logits(blurred).argmax(1) == logits.argmax(1)).float().mean()
    colour = aspects_kept(originals, blurred).get("colour", 0.0)
    return {"side": float(low), "colour": colour, "agreement": float(agreement)}


def blur_problems(
    error: Mapping[str, float], kept: Mapping[str, float], blurred: Mapping[str, float]
) -> tuple[str, ...]:
    """Why reconstructions show nothing: no better than the mean picture, a blur, or without the colour of one."""
    if not blurred:
        return ()
    ours = max(kept.get("colour", 0.0), 0.0)
    found, side = [], int(blurred["side"])
    if error["cladec"] > BEST_OF_MEAN * error["mean"]:
        found.append(f"ClaDec ({error['cladec']:.3g}) is hardly better than the mean picture ({error['mean']:.3g}).")
    if side <= LEAST_SIDE:
        found.append(f"The reconstructions are no closer than the originals shrunk to {side} x {side} pixels: a blur.")
    if ours < LEAST_COLOUR * blurred["colour"]:
        found.append(
            f"The reconstructions are almost colourless: they keep {ours:.0%} of the colour, "
            f"and equally wrong blurred originals {blurred['colour']:.0%}."
        )
    advice = "The layer may have lost it, or the decoder has seen too few photos or steps: conclude nothing from it."
    return (*found, advice) if found else ()


def _error(originals: Tensor, side: int, some: int = 32) -> float:
    few = originals[:some]
    return float((_shrunk(few, side) - few).square().mean())


def _shrunk(pictures: Tensor, side: int) -> Tensor:
    """Pictures whose shorter side was so many pixels for a moment."""
    scale = side / min(pictures.shape[2:])
    small = [max(round(one * scale), 1) for one in pictures.shape[2:]]
    batches = [F.interpolate(batch, small, mode="area") for batch in pictures.split(64)]
    return torch.cat([F.interpolate(batch, pictures.shape[2:], mode="bilinear") for batch in batches])
