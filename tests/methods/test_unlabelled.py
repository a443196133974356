"""Every method works on pictures whose classes are not known, and none takes "not known" for a class."""

from __future__ import annotations

import pytest
import torch

from tests.methods.conftest import cladec_paper
from xai_widgets.errors import PictureError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress


@pytest.fixture(scope="module")
def unlabelled(new_study, squares):
    """A study of pictures without labels, whose classifier sees every class in some."""

    def unlabelled(model):
        return new_study(model, list(squares().pictures))

    return unlabelled


def test_it_is_fitted_and_explains(make, unlabelled, readable, fit_quietly, explain):
    study = unlabelled(readable().model)
    explainer = fit_quietly(make(study))
    assert type(explainer) in EXPLAINERS.values()
    assert explainer.fitted
    assert explain(explainer, study.test[0][0]) is not None


def test_summaries_are_of_what_is_predicted(new_study, squares, columns):
    study = new_study(columns(), list(squares(120).pictures))
    made = VisualSummaries(study, most=5)
    indices, pictures = made._drawn(2, False, 5, Progress())
    assert len(indices) == 5
    assert study.predict(pictures).argmax(1).tolist() == [2] * 5
    with pytest.raises(PictureError, match="0 pictures are predicted as 'class 2', and a summary needs 5"):
        made._drawn(2, True, 5, Progress())


def test_what_is_not_known_is_neither_right_nor_wrong(new_study, squares, columns):
    pictures = squares(60)
    pictures.labels[30:] = -1
    made = VisualSummaries(new_study(columns(), test=pictures, pictures=pictures), most=50)
    indices, _ = made._drawn(1, False, 50, Progress())
    assert indices
    assert max(indices) < 30
    with pytest.raises(PictureError, match="0 pictures are wrongly predicted"):
        made._drawn(1, True, 50, Progress())


@pytest.mark.parametrize("paper", [cladec_paper, lambda study: CAE.paper(study, epochs=1, width=2)])
def test_published_versions_that_learn_from_true_classes_say_so(unlabelled, readable, fit_quietly, paper):
    with pytest.raises(PictureError, match="learns from true classes, but none of these pictures has one"):
        fit_quietly(paper(unlabelled(readable().model)))


def test_published_versions_leave_out_what_is_not_known(new_study, readable, fit_quietly):
    labelled = readable()
    pictures = labelled.sources.images
    pictures.labels[::2] = -1
    study = new_study(labelled.model, pictures, test=pictures)
    known = cached_pass(study, study.train, range(40), ["conv2"], Progress()).labelled()
    assert torch.equal(known.labels, pictures.labels[1::2])
    assert len(known) == len(known.logits) == len(known.codes["conv2"]) == 20
    assert fit_quietly(CAE.paper(study, epochs=1, width=2)).fitted
    assert fit_quietly(cladec_paper(study)).fitted
