"""The doctor: each problem in a snapshot made by hand, a look at broken installations, and the report."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

import xai_widgets as xw
from xai_widgets import hosts
from xai_widgets.cli.main import main
from xai_widgets.diagnosis import report as module
from xai_widgets.diagnosis import snapshot as snapshots
from xai_widgets.diagnosis.checks import Problem, agrees, problems
from xai_widgets.diagnosis.report import Report, doctor
from xai_widgets.diagnosis.snapshot import MANAGER, FrontEnd, Snapshot, find_front_ends, memory_limit, take

NASTY = "<script>alert(1)</script>"
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
        [("anywidget is switched off", "jupyter labextension enable anywidget")],
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
        [("torch 2.8.0 and torchvision 0.24.0 are not a pair: torchvision asks for torch==2.9.0", "pip install --upg")],
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


# --- looking around ------------------------------------------------------------------------------------------------


def put(folder, name, version):
    package = folder / "labextensions" / name / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text(version if version.startswith("{") else json.dumps({"name": name, "version": version}))


def test_front_ends_are_found_where_jupyter_looks_first(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    put(first, "bqplot", "0.6.1")
    put(second, "bqplot", "0.5.46")
    put(second, MANAGER, "5.0.13")
    put(second, "anywidget", "{ not JSON")
    put(second, "unrelated", "1.0.0")
    found = find_front_ends([tmp_path / "nowhere", first, second], [])
    assert [(one.name, one.version, one.enabled) for one in found] == [
        (MANAGER, "5.0.13", True),
        ("bqplot", "0.6.1", True),
        ("anywidget", "unknown", True),
    ]
    assert found[1].folder == str(first / "labextensions" / "bqplot")


@pytest.mark.parametrize("said", [{"bqplot": True, MANAGER: False}, ["bqplot"]])
@pytest.mark.parametrize("place", ["page_config.json", "labconfig/page_config.json"])
def test_front_ends_that_are_switched_off(tmp_path, said, place):
    for name in ("bqplot", MANAGER):
        put(tmp_path, name, "1.0.0")
    settings = tmp_path / "settings" / place
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"disabledExtensions": said}))
    found = find_front_ends([tmp_path], [tmp_path / "settings", tmp_path / "none"])
    assert {one.name: one.enabled for one in found} == {MANAGER: True, "bqplot": False}


def test_settings_that_are_no_settings(tmp_path):
    put(tmp_path, "bqplot", "1.0.0")
    (tmp_path / "page_config.json").write_bytes(b"\xff\xfe[")
    assert find_front_ends([tmp_path], [tmp_path])[0].enabled


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"sys/fs/cgroup/memory.max": "536870912\n"}, 536870912),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576"}, 1048576),
        ({"proc/self/cgroup": "0::/pod/one\n", "sys/fs/cgroup/pod/one/memory.max": "2097152"}, 2097152),
        ({"sys/fs/cgroup/memory.max": "4194304", "sys/fs/cgroup/memory/memory.limit_in_bytes": "2097152"}, 2097152),
    ],
)
def test_memory_is_what_the_container_may_use(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory_limit(tmp_path) == expected


@pytest.mark.parametrize("text", ["max", "9223372036854771712", ""])
def test_without_a_limit_memory_is_the_machine_s(tmp_path, text):
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(text)
    assert memory_limit(tmp_path) == memory_limit(tmp_path / "nowhere")


def test_memory_that_cannot_be_known(tmp_path, monkeypatch):
    monkeypatch.delattr("os.sysconf")
    assert memory_limit(tmp_path) is None


def test_this_installation():
    seen = take()
    assert seen.packages["xai-widgets"] == xw.__version__
    assert {"torch", "ipywidgets", "bqplot", "anywidget"} <= set(seen.packages)
    assert not seen.broken
    assert seen.threads >= 1
    assert (seen.python, seen.prefix) == (sys.version.split()[0], sys.prefix)
    json.loads(Report(seen, []).to_json())


BREAK = """
import importlib.abc, json, sys, types

sys.modules.update((name, types.ModuleType(name)) for name in EMPTY)

class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GONE:
            raise GONE[name.partition(".")[0]]

sys.meta_path.insert(0, Broken())
from xai_widgets.cli.main import main
sys.exit(main(["doctor", "--json", "-"]))
"""


def broken_doctor(errors, empty=()):
    """Exit status and report of the command in a Python where importing some packages fails, and some are empty."""
    code = f"GONE = {{{errors}}}\nEMPTY = {empty}\n{BREAK}"
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=300)
    assert run.stderr == ""
    return run.returncode, json.loads(run.stdout)


def test_where_nothing_can_be_imported():
    names = ("torch", "torchvision", "ipywidgets", "bqplot", "anywidget", "numpy", "PIL", "IPython", "jupyter_core")
    errors = ", ".join(f"{name!r}: ImportError('no {name}')" for name in (*names, "packaging"))
    status, found = broken_doctor(errors)
    assert status == 1
    assert set(found["snapshot"]["broken"]) == set(snapshots.IMPORTED)
    assert "torch" in found["problems"][0]["what"]
    assert not found["ok"]


def test_a_torchvision_built_for_another_torch():
    status, found = broken_doctor(
        "'torchvision': RuntimeError('operator torchvision::nms does not exist')",
        empty=("torch", "ipywidgets", "bqplot", "anywidget"),
    )
    assert status == 1
    assert [problem["command"] for problem in found["problems"]] == [
        "pip install --upgrade --force-reinstall torch torchvision"
    ]


def test_a_damaged_description_of_a_package(monkeypatch):
    def damaged(name):
        raise KeyError("Version")

    monkeypatch.setattr(snapshots.metadata, "version", damaged)
    assert snapshots.installed("torch") == ""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["numpy", "torch==2.9.0", "pillow!=8.3.*"], "==2.9.0"),
        (["torch (>=2.14.0)"], ">=2.14.0"),
        (["torch"], ""),
        (["torch-tools>=1"], ""),
        (["torch==2.9.0 ; extra == 'all'"], "==2.9.0"),
        (None, ""),
    ],
)
def test_what_torchvision_says_of_torch(monkeypatch, said, expected):
    monkeypatch.setattr(snapshots.metadata, "requires", lambda name: said)
    assert snapshots._needs_torch() == expected


def test_a_gpu_whose_driver_does_not_answer(monkeypatch):
    def fail():
        raise RuntimeError("CUDA driver\n initialization failed")

    fake = SimpleNamespace(get_num_threads=lambda: 2, cuda=SimpleNamespace(is_available=fail))
    monkeypatch.setitem(sys.modules, "torch", fake)
    assert snapshots._gpu() == "cannot be used: CUDA driver initialization failed"


def test_a_server_in_another_python(tmp_path, monkeypatch):
    put(tmp_path / "hub/share/jupyter", "bqplot", "0.5.46")
    python = str(tmp_path / "hub/bin/python")
    monkeypatch.setattr(hosts, "in_notebook", lambda: True)
    monkeypatch.setattr(hosts, "server_command", lambda: [python, "/hub/bin/jupyter-lab"])
    monkeypatch.setenv("HOME", str(tmp_path))
    seen = take()
    assert seen.server == str(tmp_path / "hub")
    assert seen.front_end("bqplot").version == "0.5.46"
    assert any(f"{python} -m pip install jupyterlab-widgets" in problem.command for problem in problems(seen))


def test_a_server_in_the_same_python():
    assert snapshots._server_prefix([f"{sys.prefix}/bin/python3", "-m", "jupyterlab"]) == ""
    assert snapshots._server_prefix(["python3", "-m", "jupyterlab"]) == ""
    assert snapshots._server_prefix([]) == ""


# --- the report ----------------------------------------------------------------------------------------------------


def test_a_report_in_a_terminal():
    text = str(Report(sick({"ipywidgets": "7.8.1"}), [Problem("ipywidgets is 7.8.1.", "pip install ipywidgets")]))
    assert "1 problem found:" in text
    assert "* ipywidgets is 7.8.1.\n    pip install ipywidgets" in text
    assert f"{MANAGER} 5.0.13, bqplot 0.6.1" in text
    assert "8.0 GB of memory" in text
    assert str(Report(HEALTHY, [])).endswith("No problem was found.")


def test_a_report_of_next_to_nothing():
    text = str(Report(Snapshot(), []))
    assert "memory unknown" in text
    assert "no front end is installed here" in text


def test_a_report_in_a_notebook_is_escaped():
    wrong = replace(HEALTHY, host=NASTY, packages={NASTY: NASTY}, gpu=NASTY, front_ends=(FrontEnd(NASTY, NASTY, ""),))
    page = Report(wrong, [Problem(NASTY, NASTY)])._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_it_is_displayed_with_a_line_from_the_browser_where_there_is_one(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(hosts, "in_notebook", lambda: True)
    found = doctor()
    found._ipython_display_()
    report, live = shown
    assert report["text/plain"] == str(found)
    assert report["text/html"] == found._repr_html_()
    assert "application/vnd.jupyter.widget-view+json" in live
    assert live["text/plain"] == module.SILENT
    before = found.host
    found._live.host = "JupyterLab 4.2.0"
    assert found._live.heard == "JupyterLab 4.2.0"
    assert found.host == "JupyterLab 4.2.0" != before
    found._live.close()


@pytest.mark.parametrize("seen", [sick(without=("anywidget",)), sick(broken={"ipywidgets": "ImportError: no"})])
def test_without_widgets_there_is_no_such_line(monkeypatch, seen):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(hosts, "in_notebook", lambda: True)
    monkeypatch.setattr(module, "take", lambda: seen)
    doctor()._ipython_display_()
    assert len(shown) == 1


def test_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(module, "take", lambda: HEALTHY)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("No problem was found.\n")
    monkeypatch.setattr(module, "take", lambda: sick({"ipywidgets": "7.8.1"}))
    assert main(["doctor", "--json", str(tmp_path / "found.json")]) == 1
    assert "ipywidgets is 7.8.1" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["ok"] is False
    assert [file.name for file in tmp_path.iterdir()] == ["found.json"]
    assert main(["doctor", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["what"].startswith("ipywidgets is 7.8.1")


def test_json_that_cannot_be_written(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(module, "take", lambda: HEALTHY)
    assert main(["doctor", "--json", str(tmp_path / "none" / "found.json")]) == 2
    assert "xai-widgets doctor: " in capsys.readouterr().err


def test_the_name_is_the_function_whatever_was_imported_before():
    assert callable(xw.doctor)
    assert not isinstance(xw.doctor, ModuleType)
