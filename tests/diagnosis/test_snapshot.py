"""What there is, however broken it is."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

import xai_widgets as xw
from xai_widgets import hosts
from xai_widgets.diagnosis import snapshot as snapshots
from xai_widgets.diagnosis.checks import problems
from xai_widgets.diagnosis.report import Report
from xai_widgets.diagnosis.snapshot import MANAGER, find_front_ends, memory_limit, take


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
