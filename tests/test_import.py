"""Importing the package is light, and its public names are all there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import xai_widgets

HEAVY = {"torch", "torchvision", "ipywidgets", "bqplot", "anywidget", "matplotlib", "sklearn", "numpy", "PIL"}


def loaded_by(statement):
    """Names of the modules that are loaded after a statement in a fresh interpreter."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_the_package_alone_loads_nothing_heavy():
    assert not loaded_by("import xai_widgets") & HEAVY


def test_methods_load_no_widgets_and_no_figures():
    shown = {"ipywidgets", "bqplot", "anywidget", "ipyplot", "matplotlib", "xai_widgets.widgets", "xai_widgets.show"}
    assert not loaded_by("import xai_widgets; xai_widgets.ClaDec; xai_widgets.Study") & shown


@pytest.mark.parametrize("name", xai_widgets.__all__)
def test_public_names_exist(name):
    assert getattr(xai_widgets, name) is not None
    assert name in dir(xai_widgets)


def test_other_names_do_not():
    with pytest.raises(AttributeError, match="module 'xai_widgets' has no attribute 'nothing'"):
        xai_widgets.nothing  # noqa: B018
