"""A table of input that makes no sense: every entry is refused with an error that says what is wrong.

No entry may end in a raw traceback, be taken silently, or go on for ever. `bad_places` says where a value may go, and
`bad_values` which values have no sense there; hypothesis draws them, the same ones in every run.
"""

from __future__ import annotations

import importlib.util
import io
import math
import signal
import sys
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from xai_widgets.cli.main import main
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.study import Study

SECONDS = 30
"""An entry that takes longer hangs."""


def beside(name):
    """A module that lies beside this one, which is in no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


drawn, places = beside("bad_values").drawn, beside("bad_places")
ENTRIES = [(group, name) for group, table in places.TABLE.items() for name in table]


@pytest.fixture(scope="module")
def world(net, squares, tmp_path_factory):
    photos = tmp_path_factory.mktemp("photos")
    Image.new("RGB", (8, 8)).save(photos / "1.png")
    return places.World(net(), squares(24, (3, 8, 8)), photos)


@contextmanager
def soon(name):
    """Ends what hangs."""

    def late(*_):
        raise TimeoutError(f"{name} has not come to an end after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(call):
    """None if the call is refused with an error that says why, else what it does."""
    try:
        found = call()
    except XaiWidgetsError as error:
        return None if str(error) else f"{type(error).__name__} without a word"
    except Exception as error:  # noqa: BLE001  (whatever it is, it is wrong)
        return f"{type(error).__name__}: {error}"[:200]
    return f"accepted: {found!r}"[:200]


def refused(name, calls):
    """Check that each of some calls, by what they are given, is refused."""
    with soon(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = {said: found for said, call in calls if (found := outcome(call)) is not None}
    assert not wrong, "\n".join(f"{name} with {said}: {found}" for said, found in wrong.items())


@pytest.mark.parametrize(("group", "name"), ENTRIES, ids=[name for _, name in ENTRIES])
def test_a_value_without_sense_is_refused(world, group, name):
    call, kind = places.TABLE[group][name]
    values = drawn(kind)
    refused(name, [(f"{number}: {value!r}", partial(call, world, value)) for number, value in enumerate(values)])


NAMES = {
    "a text": "abcd",
    "bytes": b"abcd",
    "bytes in a list": [b"a", b"b", b"c", b"d"],
    "none": [],
    "too few": ["a", "b"],
    "too many": list("abcde"),
    "nothing in a list": ["a", "b", "c", None],
    "a number": 4,
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names_without_sense_are_refused(world, names):
    refused("class_names", [(repr(names), lambda: Study(world.study.model, world.pictures, class_names=names))])


LABELS = {
    "a fraction": 1.5, "nan": math.nan, "infinite": math.inf, "a text": "1", "a list": [1],
    "several": torch.tensor([1, 2]), "a fraction of torch": torch.tensor(1.5), "complex": 1j,
}  # fmt: skip


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_labels_without_sense_are_refused(world, label):
    pictures = [(world.picture, label)] * 12
    refused("labels", [(repr(label), lambda: Study.load(pictures, [0]))])


# --- the command line ----------------------------------------------------------------------------------------------

FIT = "fit cladec --model blind:make --images pictures --out out --layer maps --epochs 1"
LINES = {
    f"{FIT} --seed": "seed", f"{FIT} --epochs": "epochs", f"{FIT} --size": "size", f"{FIT} --mean": "mean",
    f"{FIT} --std": "std", f"{FIT} --layer": "word", f"{FIT} --model": "word", f"{FIT} --device": "word",
    f"{FIT} --images": "word", f"{FIT} --fit": "word", f"{FIT} --weights": "word",
    f"{FIT} --class-names": "word", f"{FIT} --labels": "word", f"{FIT} --scores": "word",
    "fit": "word", "exam --method": "word",
    "exam --method srae --seed": "seed", "export --out page.html --seed": "seed", "lab --port": "port", "": "word",
    "export --out page.html --run": "word", "train-demo --out here --seed": "seed",
    "export --out page.html --views": "word",
}  # fmt: skip


BLIND = """
from collections import OrderedDict

from torch import nn


def make():
    head = {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "logits": nn.Linear(2, 2)}
    return nn.Sequential(OrderedDict({"maps": nn.Conv2d(3, 2, 3, 2, 1)} | head))
"""
"""A module that makes a model."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with pictures and a module that makes a model."""
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (60 * number, 20, 200)).save(tmp_path / "pictures" / name / f"{number}.png")
    (tmp_path / "blind.py").write_text(BLIND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def ended(arguments):
    """None if a command ends with status 2 and a line that says why, else what it does."""
    with redirect_stderr(io.StringIO()) as said, redirect_stdout(io.StringIO()):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code
        except Exception as error:  # noqa: BLE001  (whatever it is, it is wrong)
            return f"{type(error).__name__}: {error}"[:200]
    lines = said.getvalue().strip().splitlines()
    return None if status == 2 and lines and "Traceback" not in said.getvalue() else f"status {status}, {lines[-1:]}"


@pytest.mark.parametrize("line", LINES)
def test_a_command_without_sense_ends_with_a_line(here, line):
    with soon(line), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = {text: ended([*line.split(), text]) for text in drawn(f"text-{LINES[line]}")}
    wrong = {text: found for text, found in calls.items() if found is not None}
    assert not wrong, "\n".join(f"{line} {text!r}: {found}" for text, found in wrong.items())


def test_the_table_is_long():
    values = sum(len(drawn(places.TABLE[group][name][1])) for group, name in ENTRIES)
    assert values + sum(len(drawn(f"text-{kind}")) for kind in LINES.values()) + len(NAMES) + len(LABELS) >= 4000
