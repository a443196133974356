"""What was fitted for a model says so when the model has changed, and is saved as that of the model as it was."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch

from xai_widgets.errors import ArtifactError, StaleError
from xai_widgets.progress import Progress

PICTURE = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
SAID = "The weights of the model have changed since this fit"


def train(model, step=0.1):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(step)


@pytest.fixture
def study(readable):
    return readable()


def test_a_changed_model_is_told_and_nothing_is_saved_for_it(study, make_any, fit_quietly, tmp_path):
    explainer = fit_quietly(make_any(study))
    before, said = explainer.origin()["model"], explainer.verdict()
    assert before == study.fingerprint
    assert SAID not in said
    weights = {name: value.clone() for name, value in study.model.state_dict().items()}
    path = explainer.save(tmp_path / "before")
    train(study.model)
    assert SAID in explainer.verdict()
    assert SAID in explainer.problems[0]
    assert explainer.origin()["model"] == before
    for one in (path, explainer.save(tmp_path / "after")):
        with pytest.raises(ArtifactError, match="another model"):
            type(explainer).load(one, study)
    study.model.load_state_dict(weights)
    assert explainer.verdict() == said
    assert type(explainer).load(path, study).verdict() == said
    assert type(explainer).load(tmp_path / "after", study).verdict() == said


def test_a_fit_does_not_go_on_with_a_changed_model(study, make, fit_quietly):
    explainer = fit_quietly(make(study))
    train(study.model)
    with pytest.raises(StaleError, match=SAID):
        explainer.fit()


def test_an_explainer_is_for_the_model_as_it_was_at_the_fit(study, make, fit_quietly):
    explainer = make(study)
    train(study.model)
    assert SAID not in fit_quietly(explainer).verdict()


def test_a_model_that_is_trained_during_the_fit_is_told(study, make, fit_quietly):
    explainer, progress = make(study), Progress()
    progress._on_update = lambda _: train(study.model, 1e-4)
    with suppress(StaleError):  # of a method that finds class after class, at the second one
        fit_quietly(explainer, progress=progress)
    assert SAID in explainer.verdict()


def test_explanations_of_a_fit_carry_it(study, make, fit_quietly, explain):
    explainer = fit_quietly(make(study))
    train(study.model)
    explanation = explain(explainer, PICTURE)
    fitted = explainer.key in ("cladec", "srae", "cae")  # the others search anew, in the model as it is
    assert (SAID in explanation.verdict()) == fitted
    assert (explanation.origin["model"] == study.fingerprint) == (not fitted)
