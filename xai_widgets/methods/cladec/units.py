"""Units of a layer: which ones a person means, how much each matters, and how codes are compared."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xai_widgets.errors import LayerError
from xai_widgets.methods.cladec.layer import FittedLayer
from xai_widgets.methods.common.codes import read_codes
from xai_widgets.study import Study


def effects_of_units(study: Study, fitted: FittedLayer, pictures: Tensor) -> Tensor:
    """How much the decoded pictures change when a unit is hidden: the mean squared difference of each ``(C,)``."""
    everything = fitted.mask(range(fitted.code[0]))
    with study.borrowed(), torch.no_grad():
        code = read_codes(study, pictures, [fitted.layer])[fitted.layer]
        whole, _ = fitted.from_code(code, everything)
        hidden = [fitted.from_code(code, units)[0] for units in everything - torch.eye(len(everything))]
    return torch.stack([(decoded - whole).square().mean() for decoded in hidden]).cpu()


def standard_codes(study: Study, fitted: FittedLayer, pictures: Tensor) -> Tensor:
    """Standardised codes of pictures, in which distances make sense, ``(N, D)``."""
    with study.borrowed(), torch.no_grad():
        batches = pictures.split(study.batch_size)
        code = torch.cat([read_codes(study, batch, [fitted.layer])[fitted.layer] for batch in batches])
        return fitted.standard(code, code.new_ones(code.shape[:2])).flatten(1).cpu()


def parse_units(text: str, ranked: Callable[[], list[int]], count: int) -> list[int] | None:
    """Units of `count` from what a person types: None for "all", else numbers, from "0-7, 12" or "top 8".

    `ranked` is called for the units in order of importance, if they are asked for. A LayerError says what is wrong.
    """
    words = text.strip().lower()
    if words in ("", "all"):
        return None
    try:
        if words.startswith("top"):
            return _top(ranked, int(words.removeprefix("top")))
        return [unit for part in words.split(",") for unit in _range(part.strip(), count)]
    except ValueError as error:
        raise LayerError(f"units {text!r} cannot be read; write all, or 0-7, 12, or top 8") from error
    except IndexError as error:
        raise LayerError(f"units {text!r} are out of range: this layer has units 0 to {count - 1}") from error


def _top(ranked: Callable[[], list[int]], number: int) -> list[int]:
    if number < 0:
        raise ValueError(f"{number} is no number of units")
    return ranked()[:number]


def _range(part: str, count: int) -> range:
    """One number, or a range of them, of 0 to `count` - 1."""
    first, dash, last = part.partition("-")
    begin, end = int(first), int(last if dash else first)
    if end < begin:
        raise ValueError(f"{part!r} is no range")
    if end >= count:
        raise IndexError(end)
    return range(begin, end + 1)
