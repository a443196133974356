"""A trial before a fit: exact for numbers made by hand, and true for squares, of which few are enough."""

from __future__ import annotations

import pytest

from xai_widgets.errors import CancelledError, XaiWidgetsError
from xai_widgets.methods.cae import sufficiency as module
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.sufficiency import MOST_EXCESS, SMALLEST, Sufficiency, few, try_pictures
from xai_widgets.progress import Progress
from xai_widgets.study import Study


@pytest.mark.parametrize(
    ("followed", "excess", "enough", "needed"),
    [
        (64, 0.0, True, None),
        (39, MOST_EXCESS, True, None),
        (38, 0.0, False, None),  # more pictures may help, or not
        (64, 2 * MOST_EXCESS, False, 300),  # 100 * 2 ** (1 / 0.8) is 238
        (64, 16 * MOST_EXCESS, False, 4000),  # 3200
    ],
)
def test_the_answer_is_its_rule(followed, excess, enough, needed):
    found = Sufficiency(pictures=120, tried=100, swaps=64, followed=followed, excess=excess)
    assert (found.enough, found.needed) == (enough, needed)
    said = found.sentence()
    unclear = ", or they differ too much from each other" if not enough and needed is None else ""
    assert said.startswith(
        f"There are {'enough' if enough else 'too few'} pictures{unclear}: in a trial on 100 of 120, "
    )
    assert f"followed {followed} of 64 changes of held-out pictures (at least 39 are needed)" in said
    assert f"redrawn {excess:.0%} worse" in said
    assert ("would bring that down" in said) == (needed is not None)


def test_a_large_number_is_read_easily():
    assert Sufficiency(9000, 1000, 64, 64, 4.0).sentence().endswith("About 50,000 pictures would bring that down.")
    assert "redrawn 0% worse" in Sufficiency(9000, 1000, 64, 64, -0.01).sentence()


def test_a_trial_of_some_counts_for_all_that_the_fit_uses():
    assert Sufficiency(pictures=3000, tried=1000, swaps=64, followed=64, excess=2 * MOST_EXCESS).enough
    assert not Sufficiency(pictures=2999, tried=1000, swaps=64, followed=64, excess=2 * MOST_EXCESS).enough


@pytest.fixture
def short(monkeypatch):
    """A trial of few steps, of which many would be needed."""
    monkeypatch.setattr(module, "STEPS", 4)


def test_it_tries_a_copy_and_tells_its_steps(reader, squares, short):
    study, told = Study(reader(), squares(60)), {}
    cae = CAE(study, epochs=9, width=4)
    found = try_pictures(cae, progress=Progress(lambda at: told.update({at.task: at.total})))
    assert (found.pictures, found.tried, found.swaps) == (48, 48, 64)
    assert told["CAE"] == 4
    assert (cae.fitted, cae.settings.recipe.epochs, study.explainers) == (False, 9, {})


def test_it_is_fitted_on_no_more_pictures_than_the_fit(reader, squares, short):
    assert try_pictures(CAE(Study(reader(), squares(60)), width=4, pictures=40)).tried == 40


def test_the_excess_is_that_of_the_errors(reader, squares, short, monkeypatch):
    study = Study(reader(), squares(60))
    errors = {id(study.train): 0.02, id(study.test): 0.05}
    monkeypatch.setattr(module, "_error", lambda cae, pictures, most: errors[id(pictures)])
    assert try_pictures(CAE(study, width=4)).excess == pytest.approx(1.5)


def test_it_can_be_cancelled(reader, squares, cancelling, short):
    with pytest.raises(CancelledError):
        try_pictures(CAE(Study(reader(), squares(60)), width=4), progress=cancelling("CAE", 1))


def test_the_published_model_cannot_be_tried(reader, squares):
    with pytest.raises(XaiWidgetsError, match=r"nothing of the published CAE.*try CAE\(study\)"):
        try_pictures(CAE.paper(Study(reader(), squares(24)), epochs=2))


def test_few_pictures_are_said_without_a_trial(reader, squares):
    classes = 4
    model, enough = reader(), squares(SMALLEST * classes)
    few_of_them = CAE(Study(model, enough, test=enough), pictures=SMALLEST * classes - 1, width=4)
    assert few(few_of_them).startswith(f"{SMALLEST * classes - 1:,} pictures for {classes} classes are few")
    assert few(CAE(Study(model, enough, test=enough), pictures=10_000, width=4)) == ""
    assert few(CAE.paper(few_of_them.study, epochs=1, pictures=16)) == ""
