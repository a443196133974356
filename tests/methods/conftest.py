"""What the tests of several methods share: explainers that are fitted in a moment."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.paper_masks import Stage, TwoStageSettings
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.study import Study

BRIEF = {"epochs": 1, "width": 4}
BRIEF_SEARCH = DualSettings(steps=3, cooling=3)
TWO_STAGES = TwoStageSettings(Stage(2, 0.5, 0.01, 0.0), Stage(2, 0.01, 1.0, 2.0))


def cladec_paper(study):
    made = ClaDec.paper(study, "conv2", alpha=0.5)
    brief = replace(made.settings.recipe, epochs=1)
    return ClaDec(study, "conv2", settings=replace(made.settings, recipe=brief, reference_recipe=brief))


def inversion_paper(study):
    made = GuidedFeatureInversion.paper(study)
    made.settings = PublishedSettings(inversion_steps=1, steps=2)
    return made


def summaries(study, kind=CrispMasks, **options):
    return VisualSummaries(study, masks=kind(study, **options), most=5)


class Credulous(CrispMasks):
    """Trusts every baseline, so that there are summaries: a network of chance is sure of nothing anyway."""

    def find(self, *given, **options):
        found = super().find(*given, **options)
        return replace(found, baseline_score=torch.zeros_like(found.baseline_score))


MAKE = {
    "cladec": lambda study: ClaDec(study, "conv2", **BRIEF),
    "summaries": lambda study: summaries(study, settings=BRIEF_SEARCH),
    "srae": lambda study: SRAE(study, "conv2", features=3, epochs=1),
    "inversion": lambda study: GuidedFeatureInversion(study, settings=GuidedSettings(steps=2)),
    "cae": lambda study: CAE(study, epochs=1, width=2),
}
"""An unfitted explainer of a study for each method; a new method is one more line."""

VARIANTS = {
    "cladec, warm": lambda study: ClaDec(study, "conv2", reference="warm", **BRIEF),
    "cladec, paper": cladec_paper,
    "summaries, judged": lambda study: summaries(study, Credulous, settings=BRIEF_SEARCH),
    "summaries, two stages": lambda study: summaries(study, Credulous, baselines=("weak blur",), settings=TWO_STAGES),
    "srae, a vector": lambda study: SRAE(study, "fc", features=3, epochs=1),
    "srae, paper": lambda study: SRAE.paper(study, "conv2", features=3, epochs=1),
    "inversion, paper": inversion_paper,
    "cae, paper": lambda study: CAE.paper(study, epochs=1, width=2),
}
"""Other ways to fit them."""


@pytest.fixture(scope="session")
def methods():
    """The methods that `make` goes through."""
    return list(MAKE)


@pytest.fixture(scope="session", params=MAKE)
def make(request):
    """Makes an unfitted explainer of a study; each method in turn."""
    return MAKE[request.param]


@pytest.fixture(scope="session", params=MAKE | VARIANTS)
def make_any(request):
    """As `make`, and all variants of the methods."""
    return (MAKE | VARIANTS)[request.param]


@pytest.fixture(scope="session")
def fit_quietly():
    """Fits an explainer; so short a fit is not to be trusted, and warns."""

    def fit_quietly(explainer, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return explainer.fit(**{"progress": Progress()} | options)

    return fit_quietly


@pytest.fixture(scope="session")
def explain():
    """Explains a picture, of a class where the method takes one."""

    def explain(explainer, picture, *given, **options):
        # What so short a fit cannot reach is not asked for.
        more = {"confidence": 0.4} if isinstance(explainer, CAE) else {}
        return explainer.explain(picture, *given, **more, **options)

    return explain


@pytest.fixture(scope="session")
def readable(net, squares):
    """Makes a study whose pictures are labelled as a classifier sees them; it sees every class in some."""

    def readable(prepare=nn.Module.eval, **options):
        pictures, model = squares(), net().eval()
        with torch.no_grad():
            model.logits.bias -= model(pictures.pictures).mean(0)
            pictures.labels = model(pictures.pictures).argmax(1)
        prepare(model)
        return Study(model, pictures, **options)

    return readable


@pytest.fixture(scope="session")
def cancelling():
    """Progress that is cancelled at that step of that task."""

    def cancelling(task, done):
        progress = Progress()

        def watch(steps=1, note=""):
            if progress.state.task == task and progress.state.done + steps >= done:
                progress.cancel()
            Progress.advance(progress, steps, note)

        progress.advance = watch
        return progress

    return cancelling
