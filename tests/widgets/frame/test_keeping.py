"""What is fitted, found or named in a widget is kept with its study, in the background."""

from __future__ import annotations

import threading
import warnings

import pytest

import xai_widgets as xw
from tests.widgets.conftest import until
from xai_widgets import artifact, files
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.runs.keeping import keep, keep_in, open_run, run_of
from xai_widgets.study import Study


@pytest.fixture
def study(reader, squares, tmp_path):
    """A study that is kept in a folder."""
    return keep_in(Study(reader(), squares(40), name="Squares"), tmp_path / "run")


@pytest.fixture
def saved(study):
    """Opens the folder anew, once everything in the background is done."""

    def saved():
        for thread in threading.enumerate():
            if thread.name == "xai-widgets-saver":
                thread.join(60)
        return open_run(run_of(study).folder, model=study.model, images=study.sources.images)

    return saved


@pytest.fixture
def full(study, monkeypatch):
    """The folder is on a disk that is full, until it is said otherwise."""
    state, write = {"full": True}, files._write

    def limited(path, content):
        if state["full"] and path.parent == run_of(study).folder:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "_write", limited)
    return state


def fit(explorer):
    explorer.fit.click()
    done(explorer)


def done(app):
    assert app.task.wait(60)
    assert app.task.state == "finished", app.last_error


def test_a_layer_that_is_fitted_is_kept(study, saved, opened):
    explorer = opened(xw.ClaDecExplorer, ClaDec(study, "pool", width=4, epochs=1, reference=None))
    fit(explorer)
    assert study.explainers["cladec"] is explorer.explainer
    assert saved().explainers["cladec"].layers == ("pool",)


def test_a_cae_that_is_fitted_is_kept(study, saved, fit_cae, opened):
    explorer = opened(xw.ManifoldExplorer, study)
    explorer.explainer.settings = fit_cae(Study(study.model, study.sources.images)).settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explorer.fit.click()
        assert explorer.wait(60)
    assert saved().explainers["cae"].fitted


def test_x_features_are_kept_with_their_names_for_each_layer(study, saved, opened):
    explorer = opened(xw.ConceptExplorer, SRAE(study, "pool", epochs=1, features=3))
    for layer in ("pool", "flat"):
        explorer.controls.layer.value = layer
        fit(explorer)
    explorer.controls.name.value = "<b>corner</b>"
    again = saved()
    assert {key: one.settings.layer for key, one in again.explainers.items()} == {"srae": "pool", "srae-flat": "flat"}
    assert "<b>corner</b>" in again.explainers["srae-flat"].names(explorer.controls.classes.value)

    other = opened(xw.ConceptExplorer, again)
    other.controls.layer.value = "flat"
    assert other.srae is again.explainers["srae-flat"]
    done(other)


def test_published_x_features_are_not_taken_for_ours(study, opened):
    study.explainers["srae-paper-flat"] = SRAE.paper(study, "flat")
    explorer = opened(xw.ConceptExplorer, SRAE(study, "pool", epochs=1, features=3))
    explorer.controls.layer.value = "flat"
    assert not explorer.srae.settings.paper


def test_summaries_are_kept_with_their_names(study, saved, browse, by_hand):
    browser = browse(by_hand(study))
    browser.controls.name.value = "<i>mine</i>"
    found = saved().explainers["summaries"].found
    assert list(found) == [(0, False)]
    assert [one.name for one in found[0, False].summaries].count("<i>mine</i>") == 1


def test_an_explorer_begins_with_what_was_found_before(study, saved, monkeypatch, opened):
    keep(GuidedFeatureInversion(study, "pool", settings=GuidedSettings(steps=3)).find(range(len(study.test))))
    again = saved()
    monkeypatch.setattr(GuidedFeatureInversion, "explain", None)
    explorer = opened(xw.InversionExplorer, again)
    done(explorer)
    assert explorer.explanation is again.explainers["inversion"].found[explorer.picture]


def test_other_pictures_and_classes_are_looked_at_anew(study, opened):
    made = GuidedFeatureInversion(study, "pool", settings=GuidedSettings(steps=3)).find(range(len(study.test)))
    explorer = opened(xw.InversionExplorer, made, pictures=1 - study.load(study.test, [0])[0])
    done(explorer)
    assert explorer.explanation not in made.found.values()
    explorer = opened(xw.InversionExplorer, made)
    done(explorer)
    said = int(explorer.explanation.class_index[0])
    explorer.controls.first.value = (said + 1) % 4
    done(explorer)
    assert int(explorer.explanation.class_index[0]) == (said + 1) % 4


def test_what_cannot_be_saved_is_shown_and_said_until_it_can(study, saved, full, opened):
    explorer = opened(xw.ConceptExplorer, SRAE(study, "pool", epochs=1, features=3))
    fit(explorer)  # fitted, and explained after that
    until(lambda: "No space left on device" in explorer._text["error"])
    assert explorer.explanation is not None
    explorer.strip.cards.selected = 1
    done(explorer)
    assert "No space left on device" in explorer._text["error"]
    full["full"] = False
    explorer.controls.name.value = "corner"
    assert "corner" in saved().explainers["srae"].names(explorer.controls.classes.value)
    until(lambda: not explorer._text["error"])


def test_saving_blocks_nobody(study, saved, monkeypatch, opened):
    free, save = threading.Event(), artifact.save

    def slow(*given):
        assert free.wait(60)
        return save(*given)

    cladec = ClaDec(study, "pool", width=4, epochs=1, reference=None).fit(progress=Progress())
    explorer = opened(xw.ClaDecExplorer, cladec)
    monkeypatch.setattr(artifact, "save", slow)
    explorer.keep(cladec)
    assert not (run_of(study).folder / "cladec.safetensors").exists()
    free.set()
    assert saved().explainers["cladec"].layers == ("pool",)


def test_without_a_folder_it_is_found_in_the_study_all_the_same(reader, squares, opened):
    study = Study(reader(), squares(40))
    explorer = opened(xw.ClaDecExplorer, ClaDec(study, "pool", width=4, epochs=1, reference=None))
    fit(explorer)
    assert study.explainers == {"cladec": explorer.explainer}
