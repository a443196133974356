"""What Python sends to the two views, and what they may not do."""

from __future__ import annotations

import pytest

from xai_widgets.widgets.views.elements import HERE, NetworkStrip, PictureGrid

SOURCES = [
    "atlas.js", "cards.js", "doctor.js", "grid.js", "map.js", "page_model.js", "strip.js", "tabs.js",
    "concepts_page.html", "gallery_page.html", "inversion_page.html", "layers_page.html", "manifold_page.html",
    "page.html", "summaries_page.html", "workbench_page.html",
]  # fmt: skip


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


def test_every_script_and_page_is_looked_at() -> None:
    assert {path.name for path in HERE.iterdir() if path.suffix in (".js", ".html")} == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_text_is_never_parsed_as_html_and_nothing_is_fetched(name: str) -> None:
    source = (HERE / name).read_text(encoding="utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "http:", "https:", "fetch("):
        assert word not in source


def test_the_browser_moves_python() -> None:
    strip, grid = NetworkStrip(), PictureGrid()
    strip.set_state({"value": "layer2"})
    grid.set_state({"selected": 3})
    assert (strip.value, grid.selected) == ("layer2", 3)
    strip.close()
    grid.close()
