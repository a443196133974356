"""Which host it is, and that Google Colab's custom widgets are switched on once."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from xai_widgets import hosts
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.views.layer_picker import LayerPicker


class Nothing(App):
    def make_page(self, progress):
        raise NotImplementedError


@pytest.fixture
def shell(monkeypatch):
    """A kernel's shell in place of none."""
    found = SimpleNamespace(kernel=object(), user_ns={})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: found))
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    monkeypatch.setattr(hosts, "server_command", list)
    return found


@pytest.fixture
def colab(monkeypatch):
    """A fake google.colab; gives what was called."""
    called = []
    output = ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: called.append("on")
    package = ModuleType("google.colab")
    package.output = output
    for name, module in (("google.colab", package), ("google.colab.output", output)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "google", sys.modules.get("google", ModuleType("google")))
    monkeypatch.setattr("anywidget.widget.in_colab", lambda: False)  # it does the same for its own widgets
    hosts.prepare.cache_clear()
    yield called
    hosts.prepare.cache_clear()


def test_without_ipython(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert hosts.host() == hosts.PYTHON
    assert "IPython" not in sys.modules
    assert not hosts.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert hosts.host() == hosts.PYTHON


def test_what_shows_a_kernel(shell, monkeypatch):
    assert hosts.host() == hosts.KERNEL
    assert hosts.in_notebook()
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    assert hosts.host() == hosts.VOILA
    shell.user_ns["__vsc_ipynb_file__"] = "a.ipynb"
    assert hosts.host() == hosts.VS_CODE
    del shell.kernel
    assert hosts.host() == hosts.IPYTHON
    assert not hosts.in_notebook()


def test_colab(shell, colab):
    assert hosts.host() == hosts.COLAB
    assert colab == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["/opt/python", "/opt/bin/jupyter-lab", "--no-browser"], hosts.LAB),
        (["/opt/python", "-m", "jupyterlab"], hosts.LAB),
        (["/opt/python", "/opt/bin/jupyter-notebook"], hosts.NOTEBOOK),
        (["/opt/python", "/opt/bin/voila", "lab.ipynb"], hosts.VOILA),
        (["/opt/python", "/home/lab/bin/jupyter-server"], hosts.KERNEL),
        (["/sbin/init"], hosts.KERNEL),
    ],
)
def test_the_server_s_command_tells_what_was_asked_for(shell, monkeypatch, command, expected):
    monkeypatch.setattr(hosts, "server_command", lambda: command)
    assert hosts.host() == expected


def test_the_command_of_the_program_that_started_this_one():
    assert all(isinstance(word, str) and word for word in hosts.server_command())


@pytest.mark.parametrize("process", [2**22 + 1, -1])
def test_a_program_that_is_gone_has_no_command(monkeypatch, process):
    monkeypatch.setattr("os.getppid", lambda: process)
    assert hosts.server_command() == []


def test_colab_is_switched_on_once(colab, new_study):
    for app in (Nothing("one"), Nothing("two")):
        app.close()
    LayerPicker(new_study()).close()
    assert colab == ["on"]


def test_the_picker_alone_switches_colab_on(colab, new_study):
    LayerPicker(new_study()).close()
    assert colab == ["on"]


def test_elsewhere_nothing_is_switched_on(monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    hosts.prepare.cache_clear()
    hosts.prepare()
    assert "google.colab" not in sys.modules
