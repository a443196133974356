"""Digests of what is saved: a description and tensors, so that damage is told when they are read again.

A digest is no signature: it tells damage, not malice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xai_widgets.errors import ArtifactError

ENTRY = "sha256"
"""Of a description, where its digest stands."""


def signed(description: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> dict[str, Any]:
    """A description, as JSON holds it, with a digest over itself and tensors: names, types, shapes and bytes.

    Raises
    ------
    TypeError
        If JSON cannot hold the description.
    """
    plain = json.loads(json.dumps(description, allow_nan=False))  # as it will be read: no tuples, keys are strings
    return {**plain, ENTRY: _digest(plain, tensors or {})}


def require_signed(source: Path, description: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> None:
    """Refuse a description or tensors that are not those that were `signed`.

    Raises
    ------
    ArtifactError
        If there is no digest, or it is another one.
    """
    unsigned = {name: value for name, value in description.items() if name != ENTRY}
    if description.get(ENTRY) != _digest(unsigned, tensors or {}):
        said = "its digest differs" if ENTRY in description else "it has no digest"
        raise ArtifactError(
            f"{source} is damaged ({said}): its content does not match its description; copy it again, or make it again"
        )


def bytes_of(tensor: Tensor) -> memoryview:
    """The numbers of a tensor, whatever its strides and device."""
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data


def _digest(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()
