"""Runs: a folder that keeps what was fitted for one study, to be opened again later.

keep_in(study, "runs/mine")  # whatever is fitted in a widget from now on is saved there
study = open_run("runs/mine", model=model)  # the same study again; ``xw.open`` to users

The folder has a ``run.json``, which describes the study, and a safetensors file for each explainer, named after its
key in ``study.explainers``: that of its method, such as ``srae``; ``srae-<layer>`` for further layers; ``cladec-paper``
for a preset of a published method. A file may be taken out; the rest can still be opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from xai_widgets import limits
from xai_widgets.errors import ArtifactError, PictureError
from xai_widgets.inputs import normalisation
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.pictures import PictureSet
from xai_widgets.runs import sources
from xai_widgets.runs.run import AGAIN, DESCRIPTION, Run
from xai_widgets.study import Study, fingerprint

_RUNS: WeakKeyDictionary[Study, Run] = WeakKeyDictionary()
"""The run of each study that is kept in a folder."""


def run_of(study: Study) -> Run | None:
    """The run in which a study is kept; None if it is not kept."""
    return _RUNS.get(study)


# --- keeping -------------------------------------------------------------------------------------------------------


def keep_in(study: Study, folder: str | Path, *, model: str = "", weights: str = "") -> Study:
    """Keep what is fitted for a study in a folder from now on, and load what is already there.

    All of ``study.explainers`` is saved at once; widgets save what is fitted or named in them. A folder that holds a
    run of the same classifier and the same pictures is continued.

    Parameters
    ----------
    study
        Gets the explainers that the folder holds.
    folder
        Created if it does not exist.
    model, weights
        The command line's ``--model`` and ``--weights`` for this classifier, for those who open the folder from there.

    Returns
    -------
    Study
        The same study.

    Raises
    ------
    ArtifactError
        If the folder holds the run of another classifier or of other pictures, a file that cannot be used, or an
        explainer where the study has another one; or if it cannot be written.
    """
    path = limits.path_like("folder", folder).resolve()
    if (path / DESCRIPTION).exists():
        before = Run.read(path)
        _require_same(before, study)
        model, weights = model or before.model, (weights if model else before.weights)
    run = Run.of(study, path, model, weights)
    current = run_of(study)
    found = {} if current is not None and current.folder == path else run.load(study)
    if twice := sorted(found.keys() & study.explainers.keys()):
        raise ArtifactError(
            f"{path} holds {', '.join(twice)} already, and so does this study; open the folder with xw.open, or keep "
            "this study in another folder"
        )
    run.write()
    for key, explainer in study.explainers.items():
        if isinstance(explainer, Explainer):
            run.save(key, explainer)
    study.explainers |= found
    _RUNS[study] = run
    return study


def register(explainer: Explainer) -> str:
    """Put an explainer into ``study.explainers``, in place of an earlier one of its method; return its key there.

    An explainer of another layer than the earlier one gets a key of its own.
    """
    key = key_of(explainer)
    explainer.study.explainers[key] = explainer
    return key


def keep(explainer: Explainer) -> None:
    """Register an explainer in its study and, if the study is kept in a folder, save it there.

    Raises
    ------
    ArtifactError
        If it cannot be written, or the model has changed since the run was begun.
    """
    key, run = register(explainer), run_of(explainer.study)
    if run is not None:
        run.save(key, explainer)


def key_of(explainer: Explainer) -> str:
    """The key under which an explainer is, or would be, in ``study.explainers``."""
    known = explainer.study.explainers
    own = next((key for key, one in known.items() if one is explainer), None)
    return own or _new_key(explainer, known)


def _new_key(explainer: Explainer, known: Mapping[str, Any]) -> str:
    paper = getattr(getattr(explainer, "settings", None), "paper", False)
    key = f"{explainer.key}{'-paper' if paper else ''}"
    layer = _layer(explainer)
    taken = layer is not None and key in known and _layer(known[key]) != layer
    return f"{key}-{layer}" if taken else key


def _layer(explainer: Any) -> str | None:
    """The layer of an explainer that is of one layer."""
    layer: str | None = getattr(getattr(explainer, "settings", explainer), "layer", None)
    return layer


# --- opening -------------------------------------------------------------------------------------------------------


def open_run(
    folder: str | Path, *, model: nn.Module, images: PictureSet | None = None, test: PictureSet | None = None
) -> Study:
    """Open a run: the study as it was, with all its explainers; what is fitted from now on is kept there, too.

    Parameters
    ----------
    folder
        Written by `keep_in`, or by the command ``xai-widgets fit``.
    model
        The classifier of the run, with its weights.
    images, test
        The pictures, as they were given to the study. Not needed for pictures of a folder, nor for built-in ones.

    Raises
    ------
    ArtifactError
        If the folder holds no run, the run is of another model or of other pictures, the pictures cannot be found, or
        a file cannot be used; the message names all such files.
    """
    run = Run.read(folder)
    require_model(run, model)
    try:
        study = Study(
            model,
            _pictures(run, run.images, images),
            test=None if run.test is None else _pictures(run, run.test, test),
            class_names=run.class_names,
            labels=dict(run.labels),
            mean=run.mean,
            std=run.std,
            scores=run.scores or None,
            name=run.name,
            batch_size=run.batch_size,
            seed=run.seed,
        )
    except PictureError as error:
        raise ArtifactError(f"{run.folder} cannot be opened with these pictures: {error}") from error
    return keep_in(study, run.folder)


def _pictures(run: Run, source: Mapping[str, Any], given: PictureSet | None) -> PictureSet:
    try:
        if given is None:
            return sources.opened(source, run.folder)
        sources.require_same(given, source)
    except ArtifactError as error:
        raise ArtifactError(f"{run.folder}: {error}") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{run.folder / DESCRIPTION} is damaged ({error!r}); {AGAIN}") from error
    return given


def require_model(run: Run, model: nn.Module, mean: Tensor | None = None, std: Tensor | None = None) -> None:
    """Refuse, with an ArtifactError, another model than that of a run, or another normalisation, if one is given."""
    own_mean, own_std = normalisation(run.mean, run.std, run.shape[0])
    for name, given, own in (("mean", mean, own_mean), ("std", std, own_std)):
        if given is not None and not torch.equal(given, own):
            raise ArtifactError(
                f"{run.folder} holds a run with {name} {own.flatten().tolist()}, but this study has "
                f"{given.flatten().tolist()}; give the same, or choose another folder"
            )
    if (found := fingerprint(model, own_mean, own_std)) != run.fingerprint:
        raise ArtifactError(
            f"{run.folder} holds the run of another model, or of this one with other weights (fingerprint "
            f"{run.fingerprint}, but this one has {found}); give the original model, or choose another folder"
        )


def _require_same(run: Run, study: Study) -> None:
    """Refuse to go on with a run of another study."""
    require_model(run, study.model, study.mean, study.std)
    images, test, seed = study.sources
    if run.scores not in ("", study.scores.name):
        raise ArtifactError(
            f"{run.folder} holds a run with scores {run.scores!r}, but this study has {study.scores.name!r}; give the "
            "same, or choose another folder"
        )
    if study.shape != run.shape:
        raise ArtifactError(f"{run.folder} is of pictures {run.shape}, but these are {study.shape}; resize them")
    _pictures(run, run.images, images)
    if (test is None) != (run.test is None) or (test is None and seed != run.seed):
        raise ArtifactError(
            f"{run.folder} has other unseen pictures (set aside with seed {run.seed}, or given apart); set aside the "
            "same, or choose another folder"
        )
    if test is not None and run.test is not None:
        _pictures(run, run.test, test)
