"""What Python sends to the views, and what scripts and pages may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from xai_widgets.widgets.views import elements
from xai_widgets.widgets.views.elements import NetworkStrip, PictureGrid

WIDGETS = Path(elements.__file__).parent.parent
SOURCES = sorted(path.relative_to(WIDGETS).as_posix() for kind in ("js", "html") for path in WIDGETS.rglob(f"*.{kind}"))


@pytest.mark.parametrize("view", [NetworkStrip, PictureGrid])
def test_views_carry_their_script_and_style(view: type[NetworkStrip] | type[PictureGrid]) -> None:
    made = view()
    assert "export default { render };" in made._esm
    assert ".xw-strip" in made._css
    made.close()


@pytest.mark.parametrize(("view", "names"), [(NetworkStrip, ["layers"]), (PictureGrid, ["columns", "rows"])])
def test_bulky_traits_are_not_echoed(view: type[NetworkStrip] | type[PictureGrid], names: list[str]) -> None:
    for name in names:
        assert view.class_traits()[name].metadata["echo_update"] is False


def test_scripts_and_pages_are_found() -> None:
    assert {"views/kernel.js", "pages/page.html", "cae/page.js"} <= set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_text_is_never_parsed_as_html_and_nothing_is_fetched(name: str) -> None:
    source = (WIDGETS / name).read_text(encoding="utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "http:", "https:", "fetch("):
        assert word not in source


def test_the_browser_moves_python() -> None:
    strip, grid = NetworkStrip(), PictureGrid()
    strip.set_state({"value": "layer2"})
    grid.set_state({"selected": 3})
    assert (strip.value, grid.selected) == ("layer2", 3)
    strip.close()
    grid.close()
