"""What is fitted, found or named in a widget is kept with its study, in the background."""

from __future__ import annotations

import threading
import time
import warnings

import pytest

from xai_widgets import artifact
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.runs.keeping import keep, keep_in, open_run, run_of
from xai_widgets.study import Study
from xai_widgets.widgets.cae.explorer import ManifoldExplorer
from xai_widgets.widgets.cladec.explorer import ClaDecExplorer
from xai_widgets.widgets.inversion.explorer import InversionExplorer
from xai_widgets.widgets.srae.explorer import ConceptExplorer


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
        return open_run(run_of(study).folder, model=study.model, images=study.given[0])

    return saved


@pytest.fixture
def full(study, monkeypatch):
    """The folder is on a disk that is full, until it is said otherwise."""
    state, write = {"full": True}, artifact._write

    def limited(path, content):
        if state["full"] and path.parent == run_of(study).folder:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(artifact, "_write", limited)
    return state


def done(app):
    assert app.task.wait(60)
    assert app.task.state == "finished", app.last_error


def test_a_layer_that_is_fitted_is_kept(study, saved):
    explorer = ClaDecExplorer(ClaDec(study, "pool", width=4, epochs=1, reference=None))
    explorer.fit.click()
    done(explorer)
    assert study.explainers["cladec"] is explorer.explainer
    assert saved().explainers["cladec"].layers == ("pool",)
    explorer.close()


def test_a_cae_that_is_fitted_is_kept(study, saved, fit_cae):
    explorer = ManifoldExplorer(study)
    explorer.explainer.settings = fit_cae(Study(study.model, study.given[0])).settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explorer.fit.click()
        assert explorer.wait(60)
    assert saved().explainers["cae"].fitted
    explorer.close()


def test_x_features_are_kept_with_their_names_for_each_layer(study, saved):
    explorer = ConceptExplorer(SRAE(study, "pool", epochs=1, features=3))
    for layer in ("pool", "flat"):
        explorer.controls.layer.value = layer
        explorer.fit.click()
        done(explorer)
    explorer.controls.name.value = "<b>corner</b>"
    again = saved()
    assert {key: one.settings.layer for key, one in again.explainers.items()} == {"srae": "pool", "srae-flat": "flat"}
    assert "<b>corner</b>" in again.explainers["srae-flat"].names(explorer.controls.classes.value)
    explorer.close()

    other = ConceptExplorer(again)
    other.controls.layer.value = "flat"
    assert other.srae is again.explainers["srae-flat"]
    done(other)
    other.close()


def test_published_x_features_are_not_taken_for_ours(study):
    study.explainers["srae-paper-flat"] = SRAE.paper(study, "flat")
    explorer = ConceptExplorer(SRAE(study, "pool", epochs=1, features=3))
    explorer.controls.layer.value = "flat"
    assert not explorer.srae.settings.paper
    explorer.close()


def test_summaries_are_kept_with_their_names(study, saved, browse, by_hand):
    browser = browse(by_hand(study))
    browser.controls.name.value = "<i>mine</i>"
    found = saved().explainers["summaries"].found
    assert list(found) == [(0, False)]
    assert [one.name for one in found[0, False].summaries].count("<i>mine</i>") == 1


def test_an_explorer_begins_with_what_was_found_before(study, saved, monkeypatch):
    keep(GuidedFeatureInversion(study, "pool", settings=GuidedSettings(steps=3)).find(range(len(study.test))))
    again = saved()
    monkeypatch.setattr(GuidedFeatureInversion, "explain", None)
    explorer = InversionExplorer(again)
    done(explorer)
    assert explorer.explanation is again.explainers["inversion"].found[explorer.picture]
    explorer.close()


def test_other_pictures_and_classes_are_looked_at_anew(study):
    made = GuidedFeatureInversion(study, "pool", settings=GuidedSettings(steps=3)).find(range(len(study.test)))
    explorer = InversionExplorer(made, pictures=1 - study.load(study.test, [0])[0])
    done(explorer)
    assert explorer.explanation not in made.found.values()
    explorer.close()
    explorer = InversionExplorer(made)
    done(explorer)
    said = int(explorer.explanation.class_index[0])
    explorer.controls.first.value = (said + 1) % 4
    done(explorer)
    assert int(explorer.explanation.class_index[0]) == (said + 1) % 4
    explorer.close()


def test_what_cannot_be_saved_is_shown_and_said_until_it_can(study, saved, full):
    explorer = ConceptExplorer(SRAE(study, "pool", epochs=1, features=3))
    explorer.fit.click()
    done(explorer)  # fitted, and explained after that
    until(lambda: "No space left on device" in explorer._text["error"])
    assert explorer.explanation is not None
    explorer.strip.cards.selected = 1
    done(explorer)
    assert "No space left on device" in explorer._text["error"]
    full["full"] = False
    explorer.controls.name.value = "corner"
    assert "corner" in saved().explainers["srae"].names(explorer.controls.classes.value)
    until(lambda: not explorer._text["error"])
    explorer.close()


def until(true):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_saving_blocks_nobody(study, saved, monkeypatch):
    free, save = threading.Event(), artifact.save

    def slow(*given):
        assert free.wait(60)
        return save(*given)

    cladec = ClaDec(study, "pool", width=4, epochs=1, reference=None).fit(progress=Progress())
    explorer = ClaDecExplorer(cladec)
    monkeypatch.setattr(artifact, "save", slow)
    explorer.keep(cladec)
    assert not (run_of(study).folder / "cladec.safetensors").exists()
    free.set()
    assert saved().explainers["cladec"].layers == ("pool",)
    explorer.close()


def test_without_a_folder_it_is_found_in_the_study_all_the_same(reader, squares):
    study = Study(reader(), squares(40))
    explorer = ClaDecExplorer(ClaDec(study, "pool", width=4, epochs=1, reference=None))
    explorer.fit.click()
    done(explorer)
    assert study.explainers == {"cladec": explorer.explainer}
    explorer.close()
