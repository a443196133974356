"""Each problem is found in a snapshot that was made by hand, with what helps; and health is no problem."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xai_widgets import hosts
from xai_widgets.diagnosis.checks import agrees, problems
from xai_widgets.diagnosis.snapshot import MANAGER, FrontEnd, Snapshot

HEALTHY = Snapshot(
    packages={
        "torch": "2.9.0", "torchvision": "0.24.0", "ipywidgets": "8.1.5", "bqplot": "0.13.1", "bqscales": "0.3.7",
        "anywidget": "0.9.18", "jupyterlab": "4.2.0", "notebook": "7.2.0",
    },
    needs_torch="==2.9.0",
    front_ends=(
        FrontEnd(MANAGER, "5.0.13", "/env/m"), FrontEnd("bqplot", "0.6.1", "/env/b"),
        FrontEnd("bqscales", "0.3.7", "/env/s"), FrontEnd("anywidget", "0.9.18", "/env/a"),
    ),
    wanted={MANAGER: "^5.0.0", "bqplot": "^0.6.1", "bqscales": "~0.3.0", "anywidget": "~0.9.0"},
    host=hosts.LAB,
    prefix="/env",
    memory=8 * 10**9,
)  # fmt: skip


def sick(packages=None, without=(), **changes):
    """The healthy snapshot with other versions, less some packages, and with other fields."""
    kept = {name: version for name, version in HEALTHY.packages.items() if name not in without}
    return replace(HEALTHY, packages=kept | (packages or {}), **changes)


def front_ends(**changed):
    """The healthy front ends, one of them another; None takes it away."""
    known = {"manager" if found.name == MANAGER else found.name: found for found in HEALTHY.front_ends}
    return tuple(found for found in (known | changed).values() if found is not None)


def test_health():
    assert problems(HEALTHY) == []


CASES = {
    "nothing installed": (
        sick(without=("ipywidgets", "torch")),
        [("torch, ipywidgets are not installed", "pip install torch ipywidgets")],
    ),
    "bqplot-gl": (
        sick({"bqplot-gl": "0.1.0"}),
        [("bqplot-gl 0.1.0 is installed", "pip uninstall bqplot-gl")],
    ),
    "the front end of bqplot-gl": (
        sick(front_ends=front_ends(gl=FrontEnd("bqplot-gl", "0.2.0", "/env/g"))),
        [("bqplot-gl 0.2.0 is installed", "pip uninstall bqplot-gl")],
    ),
    "ipywidgets 7": (
        sick({"ipywidgets": "7.8.1"}),
        [("ipywidgets is 7.8.1", 'pip install --upgrade "ipywidgets>=8.1"')],
    ),
    "ipywidgets 8.0": (
        sick({"ipywidgets": "8.0.7"}),
        [("ipywidgets is 8.0.7", 'pip install --upgrade "ipywidgets>=8.1"')],
    ),
    "an old bqplot": (
        sick({"bqplot": "0.12.44"}),
        [("bqplot is 0.12.44", 'pip install --upgrade "bqplot>=0.12.45,<0.14"')],
    ),
    "a new bqplot": (
        sick({"bqplot": "0.14.0a1"}),
        [("bqplot is 0.14.0a1", 'pip install --upgrade "bqplot>=0.12.45,<0.14"')],
    ),
    "another bqplot in the browser": (
        sick(front_ends=front_ends(bqplot=FrontEnd("bqplot", "0.5.46", "/home/b"))),
        [
            (
                "bqplot is 0.5.46 in JupyterLab (/home/b), and Python asks for ^0.6.1",
                "pip install --upgrade --force-reinstall bqplot",
            )
        ],
    ),
    "a manager of ipywidgets 7": (
        sick(front_ends=front_ends(manager=FrontEnd(MANAGER, "3.1.1", "/env/m"))),
        [(f"{MANAGER} is 3.1.1", "pip install --upgrade --force-reinstall jupyterlab-widgets")],
    ),
    "anywidget switched off": (
        sick(front_ends=front_ends(anywidget=FrontEnd("anywidget", "0.9.18", "/env/a", enabled=False))),
        [("anywidget is disabled", "jupyter labextension enable anywidget")],
    ),
    "no manager": (
        sick(front_ends=front_ends(manager=None)),
        [(f"JupyterLab has no {MANAGER}: no widget can be shown", "pip install jupyterlab-widgets")],
    ),
    "a server elsewhere": (
        sick(front_ends=front_ends(manager=None, bqscales=None), server="/opt/hub"),
        [
            ("runs from /opt/hub and not from this kernel's /env", "/opt/hub/bin/python -m pip install jupyterlab-wid"),
            ("has no bqscales: maps and curves stay empty", "/opt/hub/bin/python -m pip install bqscales"),
        ],
    ),
    "a server elsewhere, which is not installed here": (
        sick(without=("jupyterlab", "notebook"), front_ends=front_ends(anywidget=None), server="/opt/hub"),
        [("has no anywidget", "/opt/hub/bin/python -m pip install anywidget")],
    ),
    "torchvision of another torch": (
        sick({"torch": "2.8.0"}),
        [("torch 2.8.0 and torchvision 0.24.0 do not fit together: torchvision asks for torch==2.9.0", "pip install")],
    ),
    "builds of two kinds": (
        sick({"torch": "2.9.0+cpu", "torchvision": "0.24.0+cu128"}),
        [("one is built for cpu, the other for cu128", "pip install --upgrade --force-reinstall torch torchvision")],
    ),
    "a torchvision that cannot be imported": (
        sick(broken={"torchvision": "RuntimeError: operator torchvision::nms does not exist"}),
        [("import torchvision fails (RuntimeError: operator torchvision::nms", "pip install --upgrade --force-reinst")],
    ),
    "a torch that cannot be imported": (
        sick(broken={"torch": "OSError: libcudart.so.12", "torchvision": "OSError: libcudart.so.12"}),
        [
            ("torch 2.9.0 is installed, but cannot be imported (OSError: libcudart.so.12)", "pip install --force-rein"),
            ("torchvision 0.24.0 is installed, but cannot be imported", "pip install --force-reinstall torchvision"),
        ],
    ),
    "little memory": (
        sick(memory=512 * 1024**2),
        [("may use 537 MB of memory", "docker run --memory=4g")],
    ),
    "JupyterLab 3": (
        sick({"jupyterlab": "3.6.8"}),
        [("jupyterlab is 3.6.8; 4 or later", 'pip install --upgrade "jupyterlab>=4"')],
    ),
    "Notebook 6": (
        sick({"notebook": "6.5.7"}),
        [("notebook is 6.5.7; 7 or later", 'pip install --upgrade "notebook>=7"')],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_problem_is_found_with_what_helps(name):
    snapshot, expected = CASES[name]
    found = problems(snapshot)
    assert len(found) == len(expected)
    for problem, (what, command) in zip(found, expected, strict=True):
        assert what in problem.what
        assert problem.command.startswith(command)


@pytest.mark.parametrize(
    "snapshot",
    [
        sick({"torch": "2.9.1+cu128", "torchvision": "0.24.0+cu128"}, needs_torch=">=2.9.0"),
        sick({"torch": "2.9.0+cpu"}, needs_torch="==2.9.0"),
        sick({"torch": "2.8.0"}, needs_torch=""),
        sick({"torch": "2.8.0"}, needs_torch="whatever"),
        sick({"bqplot": "0.12.45"}),
        sick(memory=None),
        sick(memory=10**9),
        sick(host=hosts.COLAB, front_ends=()),
        sick(host=hosts.VS_CODE, front_ends=()),
        sick(without=("jupyterlab", "notebook"), front_ends=()),  # whose server, nobody knows
        sick(wanted={}),
    ],
)
def test_no_false_alarm(snapshot):
    assert problems(snapshot) == []


@pytest.mark.parametrize(
    ("wanted", "version", "expected"),
    [
        ("^0.6.1", "0.6.1", True),
        ("^0.6.1", "0.6.3", True),
        ("^0.6.1", "0.6.0", False),
        ("^0.6.1", "0.7.0", False),
        ("^0.0.3", "0.0.4", False),
        ("^5.0.0", "5.3.1", True),
        ("^5.0.0", "6.0.0", False),
        ("^5.0.0", "5.0.0-alpha.2", True),
        ("~0.11.0", "0.11.9", True),
        ("~0.11.0", "0.12.0", False),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "1.2.4", False),
        ("^5.0.0", "unknown", False),
    ],
)
def test_ranges_of_versions(wanted, version, expected):
    assert agrees(wanted, version) is expected
