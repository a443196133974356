"""What the tests of whole data sets share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loading import module_at

for name in ("pyarrow", "datasets", "accelerate"):
    pytest.importorskip(name, reason='pip install -e ".[scale]"')


@pytest.fixture(scope="session")
def small():
    """The script of a small run, as a module."""
    return module_at(Path(__file__).with_name("small.py"))


@pytest.fixture(scope="session")
def whole(small, tmp_path_factory):
    """The small run in one process, finished."""
    return small.run(tmp_path_factory.mktemp("whole") / "out")
