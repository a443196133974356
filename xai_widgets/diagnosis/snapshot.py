"""What there is: versions, the machine, the host and its front ends, as plain values, however broken all of it is."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import re
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from xai_widgets import hosts
from xai_widgets._version import __version__

PACKAGES = (
    "torch", "torchvision", "ipywidgets", "bqplot", "bqscales", "bqplot-gl", "anywidget", "ipyplot",
    "matplotlib", "numpy", "pillow", "scikit-learn", "scikit-image", "scipy", "safetensors", "tqdm", "captum",
    "jupyterlab", "notebook", "voila", "jupyterlab-widgets", "ipykernel",
)  # fmt: skip
"""Distributions whose versions are told."""

IMPORTED = ("torch", "torchvision", "ipywidgets", "bqplot", "anywidget")
"""Packages that are imported, since their being installed says little."""

MANAGER = "@jupyter-widgets/jupyterlab-manager"
FRONT_ENDS = (MANAGER, "bqplot", "bqscales", "anywidget", "bqplot-gl")
"""What runs in the browser, by the names of the extensions."""


@dataclass(frozen=True)
class FrontEnd:
    """An extension of JupyterLab and Notebook 7."""

    name: str
    version: str
    folder: str
    enabled: bool = True


@dataclass(frozen=True)
class Snapshot:
    """All that the checks look at; what is not known is empty, or None."""

    #: Versions of what is installed, by name.
    packages: Mapping[str, str] = field(default_factory=dict)
    #: Why packages cannot be imported, by name.
    broken: Mapping[str, str] = field(default_factory=dict)
    #: Which torch the installed torchvision asks for, as in "==2.9.0".
    needs_torch: str = ""
    #: Those found where the server looks, and the versions that the Python packages ask for, as npm writes ranges.
    front_ends: tuple[FrontEnd, ...] = ()
    wanted: Mapping[str, str] = field(default_factory=dict)
    host: str = hosts.PYTHON
    #: Folder of the Python that runs the Jupyter server, if that is not this one.
    server: str = ""
    python: str = ""
    platform: str = ""
    prefix: str = ""
    #: Of the CPU, that torch uses.
    threads: int = 1
    gpu: str = ""
    #: Bytes that this process may use.
    memory: int | None = None

    def front_end(self, name: str) -> FrontEnd | None:
        """The front end of that name, if it is there."""
        return next((found for found in self.front_ends if found.name == name), None)


def take() -> Snapshot:
    """Look around; nothing that is missing or broken stops it."""
    broken = {name: why for name in IMPORTED if installed(name) and (why := _import_error(name))}
    server = _server_prefix(hosts.server_command()) if hosts.in_notebook() else ""
    folders = _folders("share", server) if server else _jupyter_paths("jupyter_path", "share")
    settings = _folders("etc", server) if server else _jupyter_paths("jupyter_config_path", "etc")
    return Snapshot(
        packages={"xai-widgets": __version__} | {name: known for name in PACKAGES if (known := installed(name))},
        broken=broken,
        needs_torch=_needs_torch(),
        front_ends=find_front_ends(folders, [*settings, *(folder / "lab" / "settings" for folder in folders)]),
        wanted=_wanted(),
        host=hosts.host(),
        server=server,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.release()}, {platform.machine()}",
        prefix=sys.prefix,
        threads=_threads(),
        gpu=_gpu(),
        memory=memory_limit(),
    )


# --- packages ------------------------------------------------------------------------------------------------------


def installed(name: str) -> str:
    """Version of a distribution; empty if it is not installed, or its description is damaged."""
    try:
        return metadata.version(name) or ""
    except (metadata.PackageNotFoundError, OSError, KeyError, ValueError):
        return ""


def _import_error(name: str) -> str:
    """Why a package cannot be imported; empty if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - whatever a broken package raises is what is asked for
        said = " ".join(str(error).split())
        return f"{type(error).__name__}: {said}"
    return ""


def _needs_torch() -> str:
    """What torchvision's description says of torch."""
    with contextlib.suppress(metadata.PackageNotFoundError, OSError):
        for line in metadata.requires("torchvision") or ():
            if found := re.match(r"torch(?![\w.-])\s*\(?([^);]*)", line):
                return found[1].strip()
    return ""


def _wanted() -> dict[str, str]:
    """Which front ends the Python packages ask for."""
    versions = {name: version.split(".") for name in ("anywidget", "bqscales") if (version := installed(name))}
    wanted = {name: f"~{'.'.join(parts[:2])}.0" for name, parts in versions.items()}
    bqplot = getattr(sys.modules.get("bqplot._version"), "__frontend_version__", "")
    return wanted | ({"bqplot": bqplot} if bqplot else {}) | ({MANAGER: "^5.0.0"} if installed("ipywidgets") else {})


# --- the machine ---------------------------------------------------------------------------------------------------


def _torch() -> Any:
    """Torch, if it could be imported."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "get_num_threads") else None


def _threads() -> int:
    torch = _torch()
    return int(torch.get_num_threads()) if torch else os.cpu_count() or 1


def _gpu() -> str:
    torch = _torch()
    try:
        if torch and torch.cuda.is_available():
            names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
            return ", ".join(names)
        return "Apple Metal" if torch and torch.backends.mps.is_available() else ""
    except (RuntimeError, AttributeError) as error:  # a driver that does not answer
        return f"cannot be used: {' '.join(str(error).split())}"


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that this process may use: the machine's, or less in a container; None if that cannot be known."""
    try:
        total = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # not on Windows
        total = []
    return min([*total, *_container_limits(root)], default=None)


def _container_limits(root: Path) -> Iterable[int]:
    """What control groups allow, in both of their versions."""
    groups = root / "sys/fs/cgroup"
    own = _text(root / "proc/self/cgroup")
    path = next((line[3:].strip("/") for line in own.splitlines() if line.startswith("0::")), "")
    for file in (groups / "memory.max", groups / path / "memory.max", groups / "memory/memory.limit_in_bytes"):
        if (text := _text(file).strip()).isdigit():
            yield int(text)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


# --- front ends ----------------------------------------------------------------------------------------------------


def _server_prefix(command: Sequence[str]) -> str:
    """Folder of the Python that runs the server, if it is another one."""
    program = Path(command[0]) if command else Path()
    if not program.is_absolute() or program.parent.name not in ("bin", "Scripts"):
        return ""
    prefix = program.parent.parent
    return "" if prefix.resolve() == Path(sys.prefix).resolve() else str(prefix)


def _folders(kind: str, prefix: str) -> list[Path]:
    """Where the Jupyter of another Python looks."""
    if kind == "etc":
        return [Path(prefix, "etc/jupyter"), Path.home() / ".jupyter", Path("/usr/local/etc/jupyter")]
    return [Path(prefix, "share/jupyter"), Path.home() / ".local/share/jupyter", Path("/usr/local/share/jupyter")]


def _jupyter_paths(function: str, kind: str) -> list[Path]:
    """Where this Python's Jupyter looks."""
    try:
        from jupyter_core import paths  # noqa: PLC0415  (comes with Jupyter, and that may be missing)
    except ImportError:
        return _folders(kind, sys.prefix)
    return [Path(folder) for folder in getattr(paths, function)()]


def find_front_ends(folders: Sequence[Path], settings: Sequence[Path]) -> tuple[FrontEnd, ...]:
    """The front ends in the folders' ``labextensions``: of one that is there twice, the first, as Jupyter does."""
    off = {name for folder in settings for name in _disabled(folder)}
    found = []
    for name in FRONT_ENDS:
        at = [folder / "labextensions" / name for folder in folders]
        known = next(((folder, version) for folder in at if (version := _version_of(folder))), None)
        if known is not None:
            found.append(FrontEnd(name, known[1], str(known[0]), name not in off))
    return tuple(found)


def _version_of(folder: Path) -> str:
    package = folder / "package.json"
    return str(_json(package).get("version", "unknown")) if package.is_file() else ""


def _disabled(folder: Path) -> list[str]:
    """Names of extensions that are switched off."""
    found: list[str] = []
    for file in (folder / "page_config.json", folder / "labconfig" / "page_config.json"):
        said = _json(file).get("disabledExtensions", {})
        found += [name for name, off in said.items() if off] if isinstance(said, dict) else list(said)
    return found


def _json(file: Path) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        if isinstance(read := json.loads(_text(file)), dict):
            return read
    return {}
