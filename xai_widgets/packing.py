"""Masks and numbers, written small: many tensors as the bytes of one compressed file."""

from __future__ import annotations

import lzma
from collections.abc import Mapping

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

BITS, SHAPE = ".bits", ".shape"
"""Of truth values eight are a byte, beside their shape."""


def packed(tensors: Mapping[str, Tensor]) -> Tensor:
    """The bytes ``(B,)`` of some tensors."""
    plain: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.dtype == torch.bool:
            plain[name + BITS] = torch.from_numpy(np.packbits(value.detach().cpu().numpy()))
            plain[name + SHAPE] = torch.tensor(value.shape, dtype=torch.int64)
        else:
            plain[name] = value.detach().cpu().contiguous()
    return torch.frombuffer(bytearray(lzma.compress(save(plain))), dtype=torch.uint8)


def unpacked(content: Tensor) -> dict[str, Tensor]:
    """The tensors that were `packed`.

    Raises
    ------
    ValueError
        If these bytes are something else.
    """
    try:
        plain = load(lzma.decompress(content.numpy().tobytes()))
    except (lzma.LZMAError, SafetensorError, EOFError) as error:
        raise ValueError(f"these bytes are no packed tensors ({error})") from error
    return {
        name.removesuffix(BITS): _truth(value, plain[name.removesuffix(BITS) + SHAPE]) if name.endswith(BITS) else value
        for name, value in plain.items()
        if not name.endswith(SHAPE)
    }


def _truth(bits: Tensor, shape: Tensor) -> Tensor:
    values = np.unpackbits(bits.numpy(), count=int(shape.prod()))
    return torch.from_numpy(values.reshape(shape.tolist()).astype(bool))
