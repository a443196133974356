"""A fit is the same bits however it came about, and leaves nothing half done."""

from __future__ import annotations

import pytest

from xai_widgets.errors import CancelledError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.fit import CaeFit
from xai_widgets.progress import Progress
from xai_widgets.study import Study


@pytest.fixture(scope="module")
def study(reader, squares):
    return Study(reader(), squares(50))


@pytest.fixture(scope="module")
def unbroken(fit, study):
    return fit(study, epochs=3)


TASKS = [
    ("reading the layers", 1),
    ("CAE, the map", 3),
    ("CAE, where the classifier looks", 1),
    ("CAE", 1),
    ("CAE", 4),
    ("CAE", 6),
]


@pytest.mark.parametrize(("task", "done"), TASKS)
def test_a_cancelled_fit_goes_on_where_it_was(study, fit, unbroken, cancelling, assert_same_bits, tmp_path, task, done):
    broken = CAE(study, epochs=3, width=4)
    with pytest.raises(CancelledError, match=task):
        broken.fit(progress=cancelling(task, done), checkpoint=tmp_path)
    assert not broken.fitted
    assert_same_bits(fit(study, epochs=3, checkpoint=tmp_path), unbroken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_broken_fit_goes_on_after_its_last_epoch(
    study, fit, unbroken, assert_same_bits, tmp_path, monkeypatch, error
):
    steps = []
    whole = CaeFit._loss

    def watched(self, at):
        steps.append(at.number)
        if len(steps) == 6:
            raise error
        return whole(self, at)

    monkeypatch.setattr(CaeFit, "_loss", watched)
    made = CAE(study, epochs=3, width=4)
    with pytest.raises(error):
        made.fit(progress=Progress(), checkpoint=tmp_path)
    assert not made.fitted
    assert_same_bits(fit(study, epochs=3, checkpoint=tmp_path), unbroken)
    assert steps == [0, 1, 2, 3, 4, 5, 4, 5]  # two a batch; the third epoch began anew


def test_the_checkpoint_of_other_settings_is_not_used(study, fit, cancelling, assert_same_bits, tmp_path):
    with pytest.raises(CancelledError):
        fit(study, epochs=3, progress=cancelling("CAE", 2), checkpoint=tmp_path)
    left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert_same_bits(fit(study, epochs=4, checkpoint=tmp_path), fit(study, epochs=4))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == left != {}


def test_progress_tells_every_phase(study, fit):
    told = []
    fit(study, epochs=11, progress=Progress(lambda at: told.append((at.task, at.total))))
    phases = list(dict.fromkeys(told))
    assert phases == [
        ("reading the layers", 1),
        ("CAE, the map", 12),
        ("CAE, where the classifier looks", 1),
        ("CAE", 22),
    ]
