"""Pictures and masks, written small: many tensors as the bytes of one compressed archive of numpy."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor

IN_BYTES = ".255"
"""Ends the name of what is kept in 255ths."""


def packed(tensors: Mapping[str, Tensor], *, in_bytes: Collection[str] = ()) -> Tensor:
    """The bytes ``(B,)`` of some tensors; those named in `in_bytes` hold 0 to 1 and are rounded to 255ths."""
    arrays = {name: value.detach().cpu() for name, value in tensors.items() if name not in in_bytes}
    arrays |= {name + IN_BYTES: (tensors[name].cpu() * 255).round().to(torch.uint8) for name in in_bytes}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **{name: value.numpy() for name, value in arrays.items()})
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def unpacked(content: Tensor) -> dict[str, Tensor]:
    """The tensors that were `packed`.

    Raises
    ------
    ValueError
        If these bytes are something else.
    """
    try:
        with np.load(io.BytesIO(content.numpy().tobytes()), allow_pickle=False) as archive:
            arrays = {name: torch.from_numpy(archive[name]) for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"these bytes are no packed tensors ({error})") from error
    return {
        name.removesuffix(IN_BYTES): value.float() / 255 if name.endswith(IN_BYTES) else value
        for name, value in arrays.items()
    }
