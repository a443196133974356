"""Runs: a folder that holds what was fitted for one study, kept as it comes and found again.

study.keep_in("runs/mine")  # from now on, whatever is fitted in a widget is kept there
study = open_run("runs/mine", model=model)  # the study as it was; ``xw.open`` to users

The folder has a ``run.json``, which says what the study was, and a safetensors file for each explainer, named after
its key in ``study.explainers``: ``cladec``, ``srae`` (further layers ``srae-<layer>``), ``summaries``, ``cae``,
``inversion``; presets of the published methods end in ``-paper``. A file may be taken out; the rest can be opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets.errors import ArtifactError, PictureError
from xai_widgets.runs import sources
from xai_widgets.runs.run import AGAIN, DESCRIPTION, Explainer, Run
from xai_widgets.study import PictureSet, Study, fingerprint

KEYS = {
    "ClaDec": "cladec",
    "SRAE": "srae",
    "CAE": "cae",
    "VisualSummaries": "summaries",
    "GuidedFeatureInversion": "inversion",
}
"""Where explainers of each class are found in ``study.explainers``."""


# --- keeping -------------------------------------------------------------------------------------------------------


def keep_in(study: Study, folder: str | Path, *, model: str = "", weights: str = "") -> Study:
    """Keep what is fitted for a study in a folder from now on, and find again what is there.

    What is in ``study.explainers`` is saved at once; widgets save what is fitted or named in them. A folder that holds
    a run of the same classifier and pictures is gone on with.

    Parameters
    ----------
    study
        Gets `Study.run`, and the explainers that the folder holds.
    folder
        Made if there is none.
    model, weights
        How the classifier is made, as the command line has it, for those who open the folder from there.

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
    path = Path(folder).expanduser().resolve()
    if (path / DESCRIPTION).exists():
        before = Run.read(path)
        _require_same(before, study)
        model, weights = model or before.model, (weights if model else before.weights)
    run = Run.of(study, path, model, weights)
    found = {} if study.run is not None and study.run.folder == path else run.load(study)
    if twice := sorted(found.keys() & study.explainers.keys()):
        raise ArtifactError(
            f"{path} holds {', '.join(twice)} already, and so does this study; open the folder with xw.open, or keep "
            "this study in another one"
        )
    run.write()
    for key, explainer in study.explainers.items():
        if _kind(explainer) is not None:
            run.save(key, explainer)
    study.explainers |= found
    study.run = run
    return study


def register(explainer: Explainer) -> str:
    """Let an explainer be found in its study, in place of another one of its kind; its key there.

    An SRAE of another layer than the first one gets a place of its own.
    """
    known = explainer.study.explainers
    key = next((key for key, one in known.items() if one is explainer), None) or _key(explainer, known)
    known[key] = explainer
    return key


def keep(explainer: Explainer) -> None:
    """Register an explainer in its study and, if the study is kept in a folder, save it there.

    Raises
    ------
    ArtifactError
        If it cannot be written, or the model has changed since the run was begun.
    """
    key, run = register(explainer), explainer.study.run
    if run is not None:
        run.save(key, explainer)


def _kind(explainer: object) -> str | None:
    """The key of an explainer's class, or of the class that it is derived from; None if it is none of the five."""
    return next((KEYS[base.__name__] for base in type(explainer).__mro__ if base.__name__ in KEYS), None)


def _key(explainer: Any, known: Mapping[str, Any]) -> str:
    settings = getattr(explainer, "settings", None)
    key = f"{_kind(explainer)}{'-paper' if getattr(settings, 'paper', False) else ''}"
    layer = getattr(settings, "layer", None)
    taken = layer is not None and key in known and known[key].settings.layer != layer
    return f"{key}-{layer}" if taken else key


# --- opening -------------------------------------------------------------------------------------------------------


def open_run(
    folder: str | Path, *, model: nn.Module, images: PictureSet | None = None, test: PictureSet | None = None
) -> Study:
    """Open a run: the study as it was, with everything that was fitted; what is fitted from now on is kept there, too.

    Parameters
    ----------
    folder
        Which `keep_in`, or the command ``xai-widgets fit``, has written.
    model
        The classifier that the run is of, with its weights.
    images, test
        The pictures, as they were given to the study; default those of a folder, or built-in ones, as they were.

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
            mean=run.mean,
            std=run.std,
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
    """Refuse another model than that of a run, or another normalisation, if one is given.

    Raises
    ------
    ArtifactError
        If weights, mean or std differ.
    """
    own_mean, own_std = (torch.tensor(values).view(-1, 1, 1) for values in (run.mean, run.std))
    for name, given, own in (("mean", mean, own_mean), ("std", std, own_std)):
        if given is not None and not torch.equal(given, own):
            raise ArtifactError(
                f"{run.folder} holds a run with {name} {own.flatten().tolist()}, and this study has "
                f"{given.flatten().tolist()}; give the same, or choose another folder"
            )
    if (found := fingerprint(model, own_mean, own_std)) != run.fingerprint:
        raise ArtifactError(
            f"{run.folder} holds the run of another model, or of this one with other weights (fingerprint "
            f"{run.fingerprint}, and this one has {found}); give the model as it was, or choose another folder"
        )


def _require_same(run: Run, study: Study) -> None:
    """Refuse to go on with a run of another study."""
    require_model(run, study.model, study.mean, study.std)
    images, test, seed = study.given
    if study.shape != run.shape:
        raise ArtifactError(f"{run.folder} is of pictures {run.shape}, and these are {study.shape}; make them as large")
    _pictures(run, run.images, images)
    if (test is None) != (run.test is None) or (test is None and seed != run.seed):
        raise ArtifactError(
            f"{run.folder} has other unseen pictures (set aside with seed {run.seed}, or given apart); set aside the "
            "same, or choose another folder"
        )
    if test is not None and run.test is not None:
        _pictures(run, run.test, test)
