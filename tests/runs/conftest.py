"""What the tests of runs share: a study of which every method has something, and the folder in which it is kept."""

from __future__ import annotations

import shutil
import warnings

import pytest
import torch

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.runs.keeping import keep, keep_in, open_run, run_of

NORMALISED = {"mean": (0.2,), "std": (0.229,)}
EVIL = '<script>alert("1")</script>\n☃'


def fit_kind(kind, study, *given, **options):
    """Fitted for a moment, and not to be trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(study, *given, epochs=1, **options).fit(progress=Progress())


@pytest.fixture(scope="session", name="fitted")
def _fitted():
    return fit_kind


@pytest.fixture(scope="session")
def evil():
    """A name that is no name of a file, nor of HTML."""
    return EVIL


@pytest.fixture(scope="session")
def normalised():
    """Mean and standard deviation of the pictures."""
    return NORMALISED


@pytest.fixture(scope="session")
def decided(net, squares):
    """Makes a classifier that sees several classes in the squares."""
    pictures = (squares(60).pictures - NORMALISED["mean"][0]) / NORMALISED["std"][0]

    def decided(**options):
        model = net(**options).eval()
        with torch.no_grad():
            model.logits.bias -= model(pictures).mean(0)
        return model

    return decided


@pytest.fixture(scope="module")
def everything(decided, new_study, squares, tmp_path_factory):
    """A study of which each method has something, and the folder it is kept in; neither is to be changed."""
    study = new_study(decided(), squares(60), name=EVIL, class_names=[EVIL, "b", "c", "d"], **NORMALISED)
    keep_in(study, tmp_path_factory.mktemp("runs") / "mine")
    keep(fit_kind(ClaDec, study, ["conv2", "fc"], width=4, reference=None))
    for layer in ("conv2", "conv1"):
        keep(fit_kind(SRAE, study, layer, features=3))
    keep(fit_kind(CAE, study, width=4))
    guided = GuidedFeatureInversion(study, "conv2", settings=GuidedSettings(steps=3), seed=5)
    keep(guided.find([1, 4]))
    called = study.predict(study.load(study.train, range(len(study.train)))[0]).argmax(1).mode().values
    summaries = VisualSummaries(study, "conv1", most=5)
    summaries.find(int(called), errors=True)
    keep(summaries)
    return study


@pytest.fixture
def folder(everything, tmp_path):
    """A copy of its folder, to be changed."""
    return shutil.copytree(run_of(everything).folder, tmp_path / "copy")


@pytest.fixture
def opened(everything, folder, decided, squares):
    return open_run(folder, model=decided(), images=squares(60))
