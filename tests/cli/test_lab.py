"""The lessons reach the working folder, nothing of anybody's is lost, and JupyterLab serves them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from xai_widgets.cli import lab
from xai_widgets.errors import XaiWidgetsError

REPOSITORY = Path(__file__).parents[2]
TOKEN = "only-for-this-test"  # noqa: S105


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A package folder with two lessons, in place of the real one."""
    package = tmp_path / "site-packages" / "xai_widgets"
    folder = package / "notebooks"
    folder.mkdir(parents=True)
    (folder / lab.FIRST).write_text("start")
    (folder / "01_next.ipynb").write_text("next")
    (folder / "notes.txt").write_text("no lesson")
    monkeypatch.setattr(lab, "__file__", str(package / "cli" / "lab.py"))
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_lessons_are_found_inside_an_installed_package_or_beside_it(shipped):
    assert lab.lessons() == shipped
    beside = shipped.parent.parent / "notebooks"
    shipped.rename(beside)
    assert lab.lessons() == beside
    (beside / lab.FIRST).unlink()
    with pytest.raises(XaiWidgetsError, match=r"lessons are missing.*reinstall xai-widgets"):
        lab.lessons()


def test_real_lessons_are_found():
    assert (lab.lessons() / lab.FIRST).is_file()


def test_new_folder_gets_every_lesson_and_nothing_else(shipped, tmp_path):
    target = tmp_path / "work" / "notebooks"
    copied = lab.copy_lessons(target)
    assert copied == lab.Copied(added=(lab.FIRST, "01_next.ipynb"), kept=())
    assert names(target) == [lab.FIRST, "01_next.ipynb"]
    assert (target / lab.FIRST).read_text() == "start"


def test_identical_lessons_are_not_touched_and_missing_ones_added(shipped, tmp_path):
    lab.copy_lessons(tmp_path)
    os.utime(tmp_path / lab.FIRST, (1, 1))
    assert lab.copy_lessons(tmp_path) == lab.Copied(added=(), kept=())
    assert (tmp_path / lab.FIRST).stat().st_mtime == 1
    lab.copy_lessons(tmp_path)
    (tmp_path / "01_next.ipynb").unlink()
    (tmp_path / "own.ipynb").write_text("own")
    assert lab.copy_lessons(tmp_path) == lab.Copied(added=("01_next.ipynb",), kept=())
    assert (tmp_path / "own.ipynb").read_text() == "own"


@pytest.mark.parametrize("theirs", ["START", "", "start and more"])
def test_changed_lesson_is_kept_and_told(shipped, tmp_path, theirs):
    (tmp_path / lab.FIRST).write_text(theirs)
    assert lab.copy_lessons(tmp_path) == lab.Copied(added=("01_next.ipynb",), kept=(lab.FIRST,))
    assert (tmp_path / lab.FIRST).read_text() == theirs


def test_lessons_copied_onto_themselves_stay(shipped):
    """What happens in a checkout, whose lessons are where the copies would go."""
    assert lab.copy_lessons(shipped) == lab.Copied(added=(), kept=())
    assert (shipped / lab.FIRST).read_text() == "start"


def test_remains_of_an_interrupted_copy_are_no_lesson(shipped, tmp_path):
    (tmp_path / f".{lab.FIRST}.0.tmp").write_text("sta")
    lab.copy_lessons(tmp_path)
    assert (tmp_path / lab.FIRST).read_text() == "start"


def test_folder_with_a_lessons_name_is_kept(shipped, tmp_path):
    (tmp_path / lab.FIRST).mkdir()
    assert lab.copy_lessons(tmp_path).kept == (lab.FIRST,)


def test_target_that_is_a_file_is_explained(shipped, tmp_path):
    target = tmp_path / "notebooks"
    target.write_text("a file")
    with pytest.raises(XaiWidgetsError, match=r"cannot be copied.*choose another --dir"):
        lab.copy_lessons(target)


def test_missing_jupyterlab_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    with pytest.raises(XaiWidgetsError, match=r'pip install "xai-widgets\[lab\]"'):
        lab.lab_application()


def test_arguments_are_only_those_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "_is_root", lambda: False)
    plain = lab.lab_arguments(tmp_path, browser=True, port=None)
    assert plain == [
        f"--ServerApp.root_dir={tmp_path}",
        "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb",
    ]
    more = lab.lab_arguments(tmp_path, browser=False, port=8123)
    assert more[2:] == ["--no-browser", "--ServerApp.port=8123", "--ServerApp.port_retries=0"]
    monkeypatch.setattr(lab, "_is_root", lambda: True)
    assert "--allow-root" in lab.lab_arguments(tmp_path, browser=True, port=None)


# --- the real thing ------------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    """``xai-widgets lab`` in an empty folder, with Jupyter settings of its own; its address, and its log."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    jupyter = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "xai_widgets.cli.main", "lab", "--no-browser", "--port", str(port)]
    work, log = tmp_path / "work", tmp_path / "log"
    work.mkdir()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=work,
            env={**os.environ, **jupyter, "JUPYTER_TOKEN": TOKEN, "PYTHONPATH": search},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
        try:
            yield process, f"http://127.0.0.1:{port}", log
        finally:
            process.kill()
            process.wait()


def fetch(address):
    request = urllib.request.Request(address, headers={"Authorization": f"token {TOKEN}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return answer.status, answer.read()


def wait_until_it_answers(process, address, log):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            fetch(f"{address}/api")
        except (urllib.error.URLError, ConnectionError):
            try:
                process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        else:
            return
    pytest.fail(f"xai-widgets lab does not answer:\n{log.read_text()}")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal")
def test_lab_serves_the_first_lesson_and_ends_with_ctrl_c(server):
    process, address, log = server
    wait_until_it_answers(process, address, log)
    assert fetch(f"{address}/lab/tree/notebooks/{lab.FIRST}")[0] == 200
    served = json.loads(fetch(f"{address}/api/contents/notebooks/{lab.FIRST}")[1])["content"]
    assert len(served["cells"]) == len(json.loads((lab.lessons() / lab.FIRST).read_text())["cells"])
    assert fetch(address)[0] == 200
    kernels = json.loads(fetch(f"{address}/api/kernelspecs")[1])
    assert kernels["default"] == "python3"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0, log.read_text()
    assert "Traceback" not in log.read_text()
    assert f"Copied to notebooks: {lab.FIRST}" in log.read_text()
