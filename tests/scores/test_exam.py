"""Measures are reported in one form, as strict JSON, and computed with one thread, whatever the machine's cores."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import pytest
import torch
from threadpoolctl import threadpool_info

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores.exam import EXAMS, one_thread, run_exam
from xai_widgets.scores.measure import Exam, Measure


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def stub():
    """A method whose measures are given, and a list of what it was asked."""
    asked = []

    def examine(study, seed, progress):
        asked.append((study, seed, progress))
        progress.start("examining", 1)
        progress.advance()
        return {
            "accuracy.block1": Measure(0.75, "higher", chance=0.25, baselines={"whole_picture": 0.9, "pca": math.nan}),
            "ratio": Measure(math.inf, "lower"),
            "missing": Measure(math.nan, "lower", chance=-math.inf),
        }

    EXAMS.add("stub", examine)
    yield asked
    EXAMS.remove("stub")


def test_a_method_is_examined_with_what_was_given(stub, new_study):
    study, progress = new_study(name="Squares"), Progress()
    result = run_exam("stub", study, seed=7, progress=progress)
    assert stub == [(study, 7, progress)]
    assert (result.method, result.study, result.seed) == ("stub", "Squares", 7)
    assert result.seconds >= 0
    assert result.measures["accuracy.block1"].value == 0.75


def test_the_form(stub, new_study):
    found = strict(run_exam("stub", new_study(), progress=Progress()).to_json())
    assert set(found) == {"method", "study", "seed", "seconds", "measures"}
    assert found["measures"]["accuracy.block1"] == {
        "value": 0.75,
        "better": "higher",
        "chance": 0.25,
        "baselines": {"whole_picture": 0.9, "pca": None},
    }
    for name in ("ratio", "missing"):  # what could not be computed is null
        assert found["measures"][name] == {"value": None, "better": "lower", "chance": None, "baselines": {}}
    assert strict(Exam("stub", "Squares", 0, 0.0, {}).to_json())["measures"] == {}


def test_an_unknown_method(new_study):
    with pytest.raises(XaiWidgetsError, match="there is no exam 'magic'; known are 'cladec'"):
        run_exam("magic", new_study(), progress=Progress())


def test_cladec_needs_pictures_whose_truth_is_known(fitted, new_study):
    study = new_study()
    study.explainers["cladec"] = fitted
    with pytest.raises(XaiWidgetsError, match="the exam needs the field guide"):
        run_exam("cladec", study, progress=Progress())


TRAINED = """
import hashlib, json, torch
from torch import nn
from xai_widgets.recipe import Recipe
from xai_widgets.scores.exam import one_thread
from xai_widgets.training import train

def bits():
    torch.manual_seed(0)
    pictures, labels = torch.rand(96, 3, 32, 32), torch.randint(4, (96,))
    maps = nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    model = nn.Sequential(*maps, nn.Flatten(), nn.Linear(32, 4))
    many = torch.rand(1_000_003)  # threads share such a sum on any processor, each adding a part of it
    loss = lambda step: nn.functional.cross_entropy(model(pictures[step.indices]), labels[step.indices]) * many.mean()
    train(model, loss, 96, Recipe(epochs=3))
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in model.state_dict().values())).hexdigest()

with one_thread():
    inside = bits()
print(json.dumps([torch.get_num_threads(), inside, bits()]))
"""


def numbers_with(threads):
    """How many threads torch has, and a hash of a small network that is trained inside and outside of `one_thread`."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    run = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True, check=True, env=environment)
    return json.loads(run.stdout)


def test_a_training_gives_the_same_bits_for_any_number_of_threads():
    one, two = numbers_with(1), numbers_with(2)
    assert (one[0], two[0]) == (1, 2)
    assert one[1] == two[1] == one[2]
    assert two[2] != two[1]  # without it, they differ


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def threads():
    """Of torch, and of the libraries that numpy and scikit-learn use."""
    return torch.get_num_threads(), [library["num_threads"] for library in threadpool_info()]


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_the_number_of_threads_is_put_back(two_threads, error):
    before = threads()
    try:
        with one_thread():
            torch_alone, others = threads()
            assert torch_alone == 1
            assert set(others) <= {1}
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        assert error is not None
    assert threads() == before


def test_every_exam_has_one_thread(two_threads):
    seen = []
    EXAMS.add("threads", lambda *_: seen.append(torch.get_num_threads()) or {})
    try:
        run_exam("threads", type("Study", (), {"name": "none"}), progress=Progress())
    finally:
        EXAMS.remove("threads")
    assert (seen, torch.get_num_threads()) == ([1], 2)
