"""The page of what each method makes of photos is made of the committed numbers."""

from __future__ import annotations

from pathlib import Path

from tests.loading import module_at

PATH = Path(__file__).parents[1] / "benchmarks" / "photos" / "page.py"


def test_the_page_equals_its_numbers():
    module = module_at(PATH)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run python benchmarks/photos/page.py"
