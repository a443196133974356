"""What every explainer does alike: it is fitted, explains, is saved and loaded, and says what is wrong.

A new method is tested by one more line in ``conftest.MAKE``.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from inspect import signature

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from xai_widgets import artifact
from xai_widgets.digest import signed
from xai_widgets.errors import ArtifactError, CancelledError, NotFittedError, PictureError, XaiWidgetsError
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.progress import Progress


@pytest.fixture(scope="module")
def explainer(make, readable, fit_quietly):
    """A fitted explainer of each method, not to be changed."""
    torch.manual_seed(123)
    return fit_quietly(make(readable()))


@pytest.fixture
def picture(explainer):
    return explainer.study.test[0][0]


@pytest.fixture
def path(explainer, tmp_path):
    return explainer.save(tmp_path / "saved")


def same(one, other, where="explanation"):
    """Whether two results are equal to the last bit, but for how they were made."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif is_dataclass(one):
        for name in {field.name for field in fields(one)} - {"origin", "seconds"}:
            same(getattr(one, name), getattr(other, name), f"{where}.{name}")
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one.keys() - {"seconds"}:
            same(one[key], other[key], f"{where}[{key!r}]")
    elif isinstance(one, list | tuple):
        for at, (ours, theirs) in enumerate(zip(one, other, strict=True)):
            same(ours, theirs, f"{where}[{at}]")
    elif isinstance(one, str | int | float | bool | type(None)):
        assert one == other, where


# --- fitted --------------------------------------------------------------------------------------------------------


def test_every_method_is_tested(methods):
    assert methods == list(EXPLAINERS)


def test_what_is_fitted(explainer):
    assert EXPLAINERS[explainer.key] is type(explainer)
    assert issubclass(type(explainer), Explainer)
    assert explainer.fitted
    assert explainer.verdict()
    assert all(isinstance(problem, str) for problem in explainer.problems)
    origin = json.loads(json.dumps(explainer.origin(more=1)))
    assert (origin["method"], origin["model"], origin["more"]) == (explainer.key, explainer.study.fingerprint, 1)


def test_before_the_fit_there_is_nothing(make, readable, tmp_path):
    explainer = make(readable())
    assert not explainer.fitted
    assert explainer.problems == ()
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        explainer.save(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_parts_are_told_when_they_are_finished(make, readable, fit_quietly, tmp_path):
    told = []
    explainer = fit_quietly(make(readable()), checkpoint=tmp_path, on_part=lambda part: told.append(part.fitted))
    assert told
    assert all(told)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert explainer.fitted


def test_the_same_seed_gives_the_same_bits(explainer, make, readable, fit_quietly, explain, picture):
    torch.manual_seed(7)
    random = torch.get_rng_state()
    again = fit_quietly(make(readable()))
    assert torch.equal(torch.get_rng_state(), random)
    same(explain(again, picture), explain(explainer, picture))
    same(again._tensors(torch.float32), explainer._tensors(torch.float32))


def test_a_fit_that_is_cancelled_at_its_first_step_leaves_nothing(make, readable, fit_quietly):
    explainer, progress = make(readable()), Progress()
    progress._on_update = lambda state: progress.cancel()
    with pytest.raises(CancelledError):
        fit_quietly(explainer, progress=progress)
    assert not explainer.fitted


# --- explaining ----------------------------------------------------------------------------------------------------


def test_a_class_is_given_by_number_or_by_name(explainer, explain, picture):
    if "target" not in signature(explainer.explain).parameters:
        pytest.skip("explains no class")
    target = (int(explainer.study.predict(picture).argmax()) + 1) % 4
    found = explain(explainer, picture, target)
    for other in (np.int64(target), torch.tensor(target), f"class {target}"):
        same(explain(explainer, picture, target=other), found)


@pytest.mark.parametrize(
    ("target", "message"),
    [("class 9", "there is no class 'class 9'"), (4, "numbered 0 to 3"), (np.int64(-1), "numbered 0 to 3")],
)
def test_a_class_that_does_not_exist(explainer, explain, picture, target, message):
    if "target" not in signature(explainer.explain).parameters:
        pytest.skip("explains no class")
    with pytest.raises(XaiWidgetsError, match=message):
        explain(explainer, picture, target)


@pytest.mark.parametrize(
    "wrong",
    [
        torch.full((1, 3, 16, 16), torch.nan),
        torch.full((1, 3, 16, 16), 255.0),
        torch.zeros(1, 3, 16, 16, dtype=torch.uint8),
        torch.zeros(1, 1, 16, 16),
        torch.zeros(16, 16),
        torch.zeros(0, 3, 16, 16),
    ],
    ids=["NaN", "range", "dtype", "channels", "dimensions", "none"],
)
def test_what_is_no_picture(explainer, explain, wrong):
    with pytest.raises(PictureError):
        explain(explainer, wrong)


# --- saved and loaded ----------------------------------------------------------------------------------------------


def test_what_is_loaded_explains_alike(explainer, explain, path, picture):
    random = torch.get_rng_state()
    loaded = type(explainer).load(path, explainer.study)
    assert torch.equal(torch.get_rng_state(), random)
    same(explain(loaded, picture), explain(explainer, picture))
    assert (loaded.verdict(), loaded.problems) == (explainer.verdict(), explainer.problems)
    assert artifact.kind_of(path) == explainer.key
    assert artifact.load(loaded.save(path.with_name("again")), explainer.key)[0].keys() == load_file(path).keys()


def test_half_precision_takes_less_room_and_explains_too(explainer, explain, path, picture, tmp_path):
    small = explainer.save(tmp_path / "small", dtype=torch.float16)
    assert small.stat().st_size <= path.stat().st_size
    explain(type(explainer).load(small, explainer.study), picture)


def rewritten(path, tensors=None, **changes):
    """Write another description, or other tensors, into a file."""
    kind = artifact.kind_of(path)
    before, details = artifact.load(path, kind)
    said = {"kind": kind, "format_version": 1, "details": details} | changes
    tensors = tensors or before
    save_file(tensors, path, metadata={"xai_widgets": json.dumps(signed(said, tensors))})


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"kind": "tarot"}, "holds 'tarot'"), ({"format_version": 2}, "upgrade xai_widgets")],
)
def test_a_foreign_or_newer_file(explainer, path, changes, message):
    rewritten(path, **changes)
    with pytest.raises(ArtifactError, match=message):
        type(explainer).load(path, explainer.study)


def test_a_file_that_is_damaged_or_does_not_hold_what_it_says(explainer, path):
    details = artifact.load(path, explainer.key)[1]
    rewritten(path, details={"model": details["model"]})
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        type(explainer).load(path, explainer.study)
    rewritten(path, details=details, tensors={"x": torch.zeros(1)})
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        type(explainer).load(path, explainer.study)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="truncated or damaged"):
        type(explainer).load(path, explainer.study)


def test_a_file_of_another_model(explainer, path, readable):
    other = readable()
    with torch.no_grad():
        other.model.logits.bias += 1
    with pytest.raises(ArtifactError, match="was made from another model"):
        type(explainer).load(path, other)
