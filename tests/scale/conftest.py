"""What the tests of whole data sets share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

for name in ("pyarrow", "datasets", "accelerate"):
    pytest.importorskip(name, reason='pip install -e ".[scale]"')


@pytest.fixture(scope="session")
def small():
    """The script of a small run, as a module."""
    spec = importlib.util.spec_from_file_location("small", Path(__file__).with_name("small.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def whole(small, tmp_path_factory):
    """The small run in one process, finished."""
    return small.run(tmp_path_factory.mktemp("whole") / "out")
