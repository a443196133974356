"""Classifiers that are named on the command line: ``torchvision:NAME``, or ``package.module:factory``.

Only code that somebody names on the command line is run, never code that a file names; weights are safetensors files.
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xai_widgets.errors import ArtifactError, XaiWidgetsError
from xai_widgets.names import hint

if TYPE_CHECKING:
    from torch import Tensor, nn

TORCHVISION = "torchvision"
RANDOM = "none"
"""In place of a weights file: weights drawn by a fixed seed."""

NAMED = 3
"""So many names are listed at most."""


class Published(NamedTuple):
    """What a torchvision classifier's published weights come with: classes, normalisation, and size of pictures."""

    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int


def load_model(spec: str, weights: str | None = None, classes: int | None = None) -> nn.Module:
    """The classifier that is asked for; an XaiWidgetsError says what is wrong with the names, the code or the file.

    Parameters
    ----------
    spec
        ``torchvision:NAME``, or ``package.module:factory``: something in a module, looked for in the current folder
        too, that makes a torch module when called without arguments, or is one.
    weights
        A safetensors file, or "none" for random ones; default those that torchvision publishes (fetched at first use)
        or that the factory gives.
    classes
        Logits of a torchvision classifier with random weights; with a file, there are as many as it has.
    """
    module, colon, name = spec.partition(":")
    if not (module and colon and name):
        raise XaiWidgetsError(f"the model is {spec!r}; give torchvision:NAME or package.module:factory")
    tensors = _tensors(weights) if weights not in (None, "", RANDOM) else None
    if module != TORCHVISION:
        model = _made(spec, module, name)
        return model if tensors is None else _filled(model, tensors, str(weights))
    _require_architecture(name)
    if tensors is not None:
        return _filled(_seeded(name, _head(name, tensors)), tensors, str(weights))
    return _fetched(name) if weights != RANDOM else _seeded(name, classes)


def model_of_run(folder: str | Path, spec: str | None = None, weights: str | None = None) -> nn.Module:
    """The classifier of a run; its `spec` may be left out if it is torchvision's, and is refused otherwise."""
    from xai_widgets.runs.run import Run  # noqa: PLC0415

    run = Run.read(folder)
    if spec is None and not run.model.startswith(f"{TORCHVISION}:"):
        known = f" (it was kept with --model {run.model})" if run.model else ""
        raise XaiWidgetsError(f"{folder} does not name the code of the model; give --model{known}")
    same = spec in (None, run.model)
    return load_model(spec or run.model, weights or (run.weights if same else None), len(run.class_names))


def published(spec: str, weights: str | None) -> Published | None:
    """What comes with the weights that are asked for; None if they are not torchvision's own."""
    module, _, name = spec.partition(":")
    if module != TORCHVISION or weights not in (None, ""):
        return None
    from torchvision.models import get_model_weights  # noqa: PLC0415

    chosen = get_model_weights(name)["DEFAULT"]
    how = chosen.transforms()
    return Published(tuple(chosen.meta["categories"]), tuple(how.mean), tuple(how.std), int(how.crop_size[0]))


# --- torchvision ---------------------------------------------------------------------------------------------------


def _require_architecture(name: str) -> None:
    from torchvision import models  # noqa: PLC0415

    known = models.list_models(module=models)
    if name not in known:
        raise XaiWidgetsError(f"torchvision has no classifier {name!r}{hint(name, known)}")


def _fetched(name: str) -> nn.Module:
    from torchvision.models import get_model  # noqa: PLC0415

    try:
        model: nn.Module = get_model(name, weights="DEFAULT")
    except (OSError, RuntimeError, HTTPException) as error:
        raise XaiWidgetsError(
            f"the weights of {name} cannot be fetched ({error}); give --weights FILE.safetensors, or --weights none "
            "for random ones"
        ) from error
    return model


def _seeded(name: str, classes: int | None) -> nn.Module:
    """Random weights, the same every time: what is fitted for them must be found again."""
    import torch  # noqa: PLC0415
    from torchvision.models import get_model  # noqa: PLC0415

    from xai_widgets.published import quiet_options  # noqa: PLC0415

    options = quiet_options(name) | ({} if classes is None else {"num_classes": classes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = get_model(name, weights=None, **options)
    return model


def _head(name: str, tensors: Mapping[str, Tensor]) -> int | None:
    """How many logits the weights are for, if not as many as the architecture has by default."""
    default = _seeded(name, None).state_dict()
    other = {len(tensors[key]) for key, own in default.items() if key in tensors and _other_rows(own, tensors[key])}
    return other.pop() if len(other) == 1 else None


def _other_rows(own: Tensor, given: Tensor) -> bool:
    return own.dim() > 0 and given.dim() > 0 and own.shape != given.shape and own.shape[1:] == given.shape[1:]


# --- the user's code -----------------------------------------------------------------------------------------------


def _made(spec: str, module: str, name: str) -> nn.Module:
    from torch import nn  # noqa: PLC0415

    found = _found(spec, module, name)
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise XaiWidgetsError(f"{spec} is a {type(found).__name__}; give a function that makes the model")
    with _guarded(f"{spec}() fails"):
        model = found()
    if not isinstance(model, nn.Module):
        raise XaiWidgetsError(f"{spec}() returns a {type(model).__name__}; it must return a torch.nn.Module")
    return model


_NOTHING = object()


class _NoModuleError(XaiWidgetsError):
    """A module that does not exist; nobody's code was run."""


@contextmanager
def _guarded(failed: str) -> Iterator[None]:
    """Run somebody's code: whatever it raises is said, what it prints is no result, and it moves nowhere.

    Ctrl-C stays what it is.
    """
    here = Path.cwd()
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, _NoModuleError):
        raise
    except BaseException as error:
        raise XaiWidgetsError(f"{failed}{_where(error)}: {type(error).__name__}: {_words(error)}") from error
    finally:
        with suppress(OSError):
            os.chdir(here)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it is somebody's code
        return "(no message)"


def _found(spec: str, module: str, name: str) -> object:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    with _guarded(f"{module} cannot be imported"):
        try:
            inside = import_module(module)
        except ModuleNotFoundError as error:
            if error.name and f"{module}.".startswith(f"{error.name}."):
                raise _NoModuleError(f"there is no module {error.name!r}, in {here} or installed ({spec})") from error
            raise
    with _guarded(f"{spec} cannot be read"):
        found: object = getattr(inside, name, _NOTHING)
    if found is _NOTHING:
        raise XaiWidgetsError(f"{module} has no {name!r}{hint(name, dir(inside))}")
    return found


def _where(error: BaseException) -> str:
    """Where in the user's code an error came up."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if not frame.filename.startswith("<frozen")), None)
    return "" if last is None or last.filename == __file__ else f" ({last.filename}, line {last.lineno})"


# --- weights -------------------------------------------------------------------------------------------------------


def _tensors(weights: str | None) -> dict[str, Tensor]:
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.torch import load_file  # noqa: PLC0415

    path = Path(str(weights)).expanduser()
    if not path.is_file():
        raise ArtifactError(f"there is no file of weights {path}")
    if path.suffix in {".pt", ".pth", ".bin", ".ckpt", ".pkl"}:
        paths = " ".join(shlex.quote(str(one)) for one in (path, path.with_suffix(".safetensors")))
        raise ArtifactError(
            f"{path} is a pickle, which may run code when it is read, and so is not read here. If you trust it: "
            'python -c "import sys, torch; from safetensors.torch import save_file; '
            "w = torch.load(sys.argv[1], map_location='cpu', weights_only=True); "
            f'save_file({{k: v.clone().contiguous() for k, v in w.items()}}, sys.argv[2])" {paths}'
        )
    try:
        found: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(
            f"{path} is not a safetensors file, or is damaged ({error}); copy or save it again"
        ) from error
    return found


def _filled(model: nn.Module, tensors: Mapping[str, Tensor], weights: str) -> nn.Module:
    """The model with these weights, all of them."""
    own = model.state_dict()
    shapes = [
        f"{key} is {tuple(tensors[key].shape)}, not {tuple(own[key].shape)}"
        for key in own.keys() & tensors.keys()
        if own[key].shape != tensors[key].shape
    ]
    problems = {
        "missing": sorted(own.keys() - tensors.keys()),
        "unknown": sorted(tensors.keys() - own.keys()),
        "of another shape": sorted(shapes),
    }
    if any(problems.values()):
        said = "; ".join(f"{what}: {_listed(names)}" for what, names in problems.items() if names)
        raise ArtifactError(f"{weights} holds the weights of another model ({said})")
    model.load_state_dict(dict(tensors))
    return model


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join([*names[:NAMED], *([f"and {more} more"] if more > 0 else [])])
