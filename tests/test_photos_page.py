"""The page of what each method makes of photos is made of the committed numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PATH = Path(__file__).parents[1] / "benchmarks" / "photos" / "page.py"


def test_the_page_equals_its_numbers():
    spec = importlib.util.spec_from_file_location("photos_page", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run python benchmarks/photos/page.py"
