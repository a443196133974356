"""Explorers with everything there that their pages show, for a study and without a browser.

What a page needs and what takes no fit is computed; what is not fitted is not fitted here, and shows nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import pair
from xai_widgets.errors import PictureError
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.cae.explorer import ManifoldExplorer
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.inversion.explorer import InversionExplorer
from xai_widgets.widgets.summaries.explorer import SummaryBrowser
from xai_widgets.widgets.workbench.catalogue import view
from xai_widgets.widgets.workbench.page import settle

MOST_CLASSES = 8
"""So many classes are summed up, where nobody has chosen any."""

PAIRS = ((1, 9), (0, 2), (3, 4), (5, 6), (7, 8))
"""Birds of different species that are drawn in one picture, by their places in the demo's unseen pictures."""


def prepared(name: str, studies: Sequence[Study], *, seed: int = 0, progress: Progress) -> list[App]:
    """The explorers of one view, ready to be written.

    Parameters
    ----------
    name
        Of the view, of `workbench_views.VIEWS`.
    studies
        One, or two for side by side. Explainers that were fitted for them are used. Summaries are looked for, if there
        are none; those of two studies in the pictures of the second one, so that they can be compared.
    seed
        Of what is looked for.
    progress
        Told each step, and asked whether to stop.

    Returns
    -------
    list of App
        One of each study; summaries of two studies share one.

    Raises
    ------
    XaiWidgetsError
        If there is no such view.
    CancelledError
        If the progress was cancelled; the explorers are closed then.
    """
    if name == "summaries":
        return [_settled(_browser(studies, seed, progress), progress)]
    if name == "inversion":
        pictures = _pairs(studies[0]) if len(studies) == 1 else None
        return [_settled(InversionExplorer(_guided(study, seed), pictures=pictures), progress) for study in studies]
    if name == "manifold":
        target = _runner_up(studies[0])
        return [_settled(ManifoldExplorer(study, target=target), progress) for study in studies]
    return [_settled(view(name).make(study), progress) for study in studies]


def _settled(app: App, progress: Progress) -> App:
    """The explorer once its background work is done; closed, if nobody waits for it any more."""
    try:
        settle(app, progress)
        if app.last_error is not None:
            raise app.last_error
    except BaseException:
        app.close()
        raise
    return app


def _browser(studies: Sequence[Study], seed: int, progress: Progress) -> SummaryBrowser:
    summaries = _summaries(studies[-1], seed, progress)
    if len(studies) == 1:
        return SummaryBrowser(summaries)
    return SummaryBrowser(_in_the_same(summaries, studies[0], progress), other=summaries)


def _summaries(study: Study, seed: int, progress: Progress) -> VisualSummaries:
    """Those of the study, or of its first classes; one with too few pictures is left out."""
    known: VisualSummaries | None = study.explainers.get("summaries")
    if known is not None:
        return known
    summaries = VisualSummaries(study, seed=seed)
    for number in range(min(study.classes, MOST_CLASSES)):
        with suppress(PictureError):
            summaries.find(number, progress=progress)
    return summaries


def _in_the_same(known: VisualSummaries, study: Study, progress: Progress) -> VisualSummaries:
    """Summaries of a study of the same classes, in the pictures in which those of another one were found."""
    summaries = VisualSummaries(study, pictures=known.pictures, most=known.most, seed=known.seed)
    for (number, errors), found in known.found.items():
        if number < study.classes and not errors:
            summaries.find(number, places=found.places.tolist(), progress=progress)
    return summaries


def _guided(study: Study, seed: int) -> GuidedFeatureInversion:
    known: GuidedFeatureInversion | None = study.explainers.get("inversion")
    return known or GuidedFeatureInversion(study, seed=seed)


def _runner_up(study: Study) -> int:
    """What the first unseen picture is called next to what it is called."""
    picture, _ = study.load(study.test, study.pool.indices[:1])
    return int(study.predict(picture)[0].argsort(descending=True)[1])


def _pairs(study: Study) -> Tensor | None:
    """Pictures of two birds, of which each speaks for another class, where such can be drawn."""
    birds = study.test
    if not isinstance(birds, BirdPictures) or birds.cheat is not None or len(birds) <= max(map(max, PAIRS)):
        return None
    drawn = [pair(birds.bird(left), birds.bird(right))[0] for left, right in PAIRS]
    return torch.stack([torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255 for pixels in drawn])
