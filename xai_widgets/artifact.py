"""Save and load what was fitted: one safetensors file with its description as JSON inside, never pickle.

The description holds a digest over itself and all tensors. It is no signature: it tells damage, not malice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import platform
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from xai_widgets import files
from xai_widgets._version import __version__
from xai_widgets.digest import bytes_of, require_signed, signed
from xai_widgets.errors import ArtifactError
from xai_widgets.limits import path_like

FORMAT_VERSION = 1
"""Raised by one whenever files written by this version could not be read by the versions before it."""

_SUFFIX = ".safetensors"
_KEY = "xai_widgets"  # the one entry of the safetensors metadata that is ours
_FIRST_BYTES = 9  # eight for the length of the header, and the brace that opens it


def save(path: str | Path, kind: str, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> Path:
    """Write tensors and details to one file, atomically.

    Parameters
    ----------
    path
        Where to; ``.safetensors`` is added if it is missing, and folders are created.
    kind
        What the file holds, such as ``"cladec"``; `load` must ask for the same.
    tensors
        Of any device, shape and strides; they may share memory.
    details
        What JSON can hold. NaN and infinities become None, tuples become lists. `provenance` is added under
        ``"provenance"`` unless there is one.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ArtifactError
        If the file cannot be written; one that was there before is then untouched.
    """
    plain = {name: _plain(tensor) for name, tensor in tensors.items()}
    text = json.dumps(signed(_description(kind, details), plain), allow_nan=False)
    # To bytes first: safetensors' own writer makes a file that only its owner can read.
    return files.write(with_suffix(path), serialise(plain, metadata={_KEY: text}), _write)


def load(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file that `save` wrote.

    Parameters
    ----------
    path
        The file, with or without its suffix.
    kind
        What it is expected to hold.

    Returns
    -------
    tuple
        The tensors, on the CPU, and the details.

    Raises
    ------
    ArtifactError
        If the file is missing, truncated, damaged, foreign, of another kind or from a newer version; the message says
        which.
    """
    source = with_suffix(path)
    # Copies, since the originals would keep the file mapped and open.
    with _reading(source) as file:
        found = _described(source, kind, (file.metadata() or {}).get(_KEY))
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dict
    require_signed(source, found, tensors)
    details: dict[str, Any] = found["details"]
    return tensors, details


def kind_of(path: str | Path) -> str | None:
    """What a file holds, or None for a safetensors file that `save` did not write.

    Raises
    ------
    ArtifactError
        If it cannot be read.
    """
    source = with_suffix(path)
    with _reading(source) as file:
        text = (file.metadata() or {}).get(_KEY)
    return None if text is None else str(_parsed(source, text)["kind"])


def remove(path: str | Path) -> None:
    """Delete a saved file, if there is one, and what killed writers of it left behind."""
    files.remove(with_suffix(path))


def with_suffix(path: str | Path) -> Path:
    """Return the path that `save` and `load` use for `path`: the suffix is added, and none is replaced."""
    given = path_like("path", path)
    return given if given.suffix == _SUFFIX else given.with_name(given.name + _SUFFIX)


def fingerprint(state: Iterable[tuple[str, object]]) -> str:
    """Return a hash of named tensors: of names, shapes, types and values.

    What else a model's state holds (extra state, packed weights of quantised layers) counts, too: plain values by what
    they are, and other objects by their kind alone, since nothing tells whether two of them are the same.
    """
    digest = hashlib.sha256()
    for name, value in state:
        for part, tensor in _parts(name, value):
            digest.update(f"{part}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(bytes_of(tensor.int_repr() if tensor.is_quantized else tensor))
    return digest.hexdigest()[:16]


def _parts(name: str, value: object) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a value of any kind, with names that tell all that is not a tensor."""
    if isinstance(value, Tensor):
        yield (f"{name}{value.qscheme()}{value}" if value.is_quantized else name), value
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _parts(f"{name}/{key}", value[key])
    elif isinstance(value, (list, tuple)):
        for at, one in enumerate(value):
            yield from _parts(f"{name}/{at}", one)
    else:
        plain = isinstance(value, (bool, int, float, str, bytes, torch.dtype, type(None)))
        yield f"{name}={value if plain else type(value).__name__}", torch.empty(0)


def provenance(**extra: Any) -> dict[str, Any]:
    """Return where and when this is being made: versions, platform and UTC time, and whatever `extra` adds."""
    return {
        "xai_widgets": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **extra,
    }


def group(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``name/``, without that."""
    return {key.removeprefix(f"{name}/"): tensor for key, tensor in tensors.items() if key.startswith(f"{name}/")}


def put_into(module: nn.Module, tensors: Mapping[str, Tensor], *, strict: bool = True) -> tuple[list[str], list[str]]:
    """`load_state_dict` of what the module itself once gave; names that are missing, and those that are unexpected.

    The versions that some modules ask for (MNASNet) are the module's own: tensors that were copied or saved have none.
    """
    versioned = OrderedDict(tensors)
    versioned._metadata = module.state_dict()._metadata  # type: ignore[attr-defined]
    missing, unexpected = module.load_state_dict(versioned, strict=strict)
    return missing, unexpected


def require_same_model(details: Mapping[str, Any], fingerprint: str, path: str | Path) -> None:
    """Refuse details whose ``"model"`` is not `fingerprint`.

    Raises
    ------
    ArtifactError
        If what `path` holds was made from another model.
    """
    made_from = details.get("model")
    if made_from != fingerprint:
        raise ArtifactError(
            f"{with_suffix(path)} was made from another model (fingerprint {made_from}, this one has {fingerprint}); "
            "fit again, or load it with that model"
        )


def _description(kind: str, details: Mapping[str, Any]) -> dict[str, Any]:
    complete = {"provenance": provenance(), **details}
    return {"kind": kind, "format_version": FORMAT_VERSION, "details": _strict(complete)}


def _strict(value: Any) -> Any:
    """Replace the floats that JSON lacks by None, at any depth."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _strict(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(entry) for entry in value]
    return value


def _plain(tensor: Tensor) -> Tensor:
    """Copy to the CPU, contiguous and sharing memory with nothing: safetensors refuses anything else."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _write(path: Path, content: bytes) -> None:
    files._write(path, content)


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[Any]:
    """Open a safetensors file, and say what is wrong with it if it cannot be read."""
    if not source.is_file():
        raise ArtifactError(f"{source} does not exist or is no file; check the path, or fit and save again")
    try:
        with safe_open(source, framework="pt", device="cpu") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise ArtifactError(
            f"{source} cannot be read: {_why_unreadable(source)} ({error}); copy it again, or fit and save again"
        ) from error


def _described(source: Path, kind: str, text: str | None) -> dict[str, Any]:
    if text is None:
        raise ArtifactError(f"{source} was not written by xai_widgets: it lacks our description; load another file")
    found = _parsed(source, text)
    version = found["format_version"]
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"{source} has format version {version}, and this xai_widgets {__version__} reads up to {FORMAT_VERSION}; "
            "upgrade xai_widgets"
        )
    if found["kind"] != kind:
        raise ArtifactError(f"{source} holds {found['kind']!r}, not {kind!r}; load it with what saved it")
    return found


def _parsed(source: Path, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise ArtifactError(f"{source} has a damaged description ({error}); fit and save again") from error
    types = {"kind": str, "format_version": int, "details": dict}
    if not isinstance(found, dict) or not all(isinstance(found.get(key), of) for key, of in types.items()):
        raise ArtifactError(f"{source} has a damaged description (it lacks one of {list(types)}); fit and save again")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _why_unreadable(source: Path) -> str:
    with contextlib.suppress(OSError), source.open("rb") as file:
        start = file.read(_FIRST_BYTES)
        if not start:
            return "it is empty"
        if len(start) == _FIRST_BYTES and not start.endswith(b"{"):
            return "it is not a safetensors file"
    return "it is truncated or damaged"
