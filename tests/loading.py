"""Modules that lie in no package: scripts, benchmarks, and what makes the documentation."""

from __future__ import annotations

import importlib.util


def module_at(path):
    """The module in a file, loaded anew."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
