"""Several views in the tabs of one file, opened from the disk with the network off: by mouse and by keyboard alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.cae.explorer import ManifoldExplorer
from xai_widgets.widgets.cladec.explorer import ClaDecExplorer
from xai_widgets.widgets.srae.explorer import ConceptExplorer
from xai_widgets.widgets.workbench.page import workbench_page
from xai_widgets.widgets.workbench.site import Exhibit, write_gallery

pytestmark = pytest.mark.browser

SCRIPT = "<script>alert(1)</script>"
PHONE = {"width": 390, "height": 844}
LABELS = ["Layer", "Concepts", "Manifold"]


WHITE = """(canvas, share) => {
  const at = [Math.round(share * canvas.width), Math.round(0.5 * canvas.height)];
  const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, -at[0], -at[1]);
  return copy.getImageData(0, 0, 1, 1).data.slice(0, 3).every((value) => value === 255);
}"""


@pytest.fixture(scope="module")
def files(squares: Any, columns: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of one study, which has no x-features; of the same one twice, side by side; and a gallery of it."""
    study = Study(columns(), squares(60), class_names=[SCRIPT, "b", "c", "d"], name=f"Study {SCRIPT}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cladec = ClaDec(study, ["maps", "pool"], epochs=1, width=4).fit(progress=Progress())
        cae = CAE(study, epochs=2, width=4).fit(progress=Progress())
    seen = int(study.predict(study.load(study.test, study.pool.indices[:1])[0]).argmax())
    apps = {
        "cladec": [ClaDecExplorer(cladec)],
        "srae": [ConceptExplorer(study)],
        "cae": [ManifoldExplorer(cae, target=(seen + 1) % 4)],
    }
    assert apps["cae"][0].wait(60)
    folder = tmp_path_factory.mktemp("pages")
    one, two = folder / "one.html", folder / "two.html"
    one.write_text(workbench_page(SCRIPT, [study], apps, progress=Progress()).html(), encoding="utf-8")
    twice = {name: some * 2 for name, some in apps.items() if name != "srae"}
    two.write_text(workbench_page(SCRIPT, [study, study], twice, progress=Progress()).html(), encoding="utf-8")
    exhibits = [Exhibit(name, "tiny", app) for name, (app,) in apps.items()]
    names = {"tiny": f"Tiny {SCRIPT}"}
    site = write_gallery(folder / "site", SCRIPT, "Open a card.", names, exhibits, progress=Progress())
    for app in (app for some in apps.values() for app in some):
        app.close()
    return {"one": one, "two": two, "site": site}


@pytest.fixture
def opened(files: dict[str, Path], offline: Callable[[Path], Any]) -> Any:
    page = offline(files["one"])
    frame_of(page, "cladec").locator(".xw-stage img").first.wait_for()
    return page


def frame_of(page: Any, view: str, place: int = 0) -> Any:
    return page.frame_locator(f"#panel-{view} iframe >> nth={place}")


def chosen(page: Any) -> str:
    """The open tab; one panel is to be seen, and it is that tab's."""
    tab = page.locator("[role=tab][aria-selected=true]")
    panels = page.locator("[role=tabpanel]:visible")
    assert (tab.count(), panels.count()) == (1, 1)
    assert tab.get_attribute("aria-controls") == panels.get_attribute("id")
    assert panels.get_attribute("aria-labelledby") == tab.get_attribute("id")
    found: str = tab.inner_text()
    return found


def focused(page: Any) -> str:
    """Text of what has the focus."""
    found: str = page.evaluate("document.activeElement.textContent")
    return found


def until(page: Any, ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """Ask until the answer is as wanted, for a while; give the last answer."""
    for _ in range(100):
        if wanted(answer := ask()):
            return answer
        page.wait_for_timeout(50)
    return answer


# --- tabs ----------------------------------------------------------------------------------------------------------


def test_a_click_opens_a_view_and_makes_it_only_then(opened: Any) -> None:
    assert opened.locator("[role=tab]").all_inner_texts() == LABELS
    assert chosen(opened) == "Layer"
    assert opened.locator("iframe").count() == 1
    opened.get_by_role("tab", name="Manifold").click()
    assert chosen(opened) == "Manifold"
    frame_of(opened, "cae").locator("#map canvas").wait_for()
    assert opened.locator("iframe").count() == 2
    opened.get_by_role("tab", name="Layer").click()
    assert opened.locator("iframe").count() == 2


def test_what_was_chosen_in_a_tab_is_still_chosen_after_others(opened: Any) -> None:
    layers = frame_of(opened, "cladec").locator(".xw-strip [role=option]")
    layers.nth(1).click()
    height = opened.locator("iframe").bounding_box()["height"]
    opened.get_by_role("tab", name="Manifold").click()
    opened.get_by_role("tab", name="Layer").click()
    assert layers.nth(1).get_attribute("aria-selected") == "true"
    assert opened.locator("iframe").first.bounding_box()["height"] == height


def test_keys_alone_open_tabs_and_go_into_them(opened: Any) -> None:
    for _ in range(2):  # past the pictures
        opened.keyboard.press("Tab")
    assert focused(opened) == "Layer"
    for key, label in (("End", "Manifold"), ("ArrowRight", "Layer"), ("ArrowLeft", "Manifold"), ("Home", "Layer")):
        opened.keyboard.press(key)
        assert (chosen(opened), focused(opened)) == (label, label)
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.id") == "panel-cladec"
    opened.keyboard.press("Tab")
    frame = frame_of(opened, "cladec")
    assert frame.locator("[role=option]:focus").count() == 1
    opened.keyboard.press("ArrowRight")
    assert frame.locator("[role=option]:focus").get_attribute("aria-selected") == "true"
    opened.keyboard.press("Tab")
    assert frame.locator(".xw-frame:focus").count() == 1


def test_one_line_of_pictures_chooses_for_all_tabs(opened: Any) -> None:
    frame = frame_of(opened, "cladec")
    assert not frame.locator("#pictures, h1").first.is_visible()
    before = frame.locator(".xw-stage img").first.get_attribute("src")
    opened.locator("#pictures [role=option]").nth(2).click()
    assert frame.locator(".xw-stage img").first.get_attribute("src") != before
    opened.get_by_role("tab", name="Manifold").click()
    chosen_there = frame_of(opened, "cae").locator("#pictures [role=option][aria-selected=true]")
    places = chosen_there.evaluate("(one) => [...one.parentNode.children].indexOf(one)")
    assert places == 2
    assert frame_of(opened, "cae").locator("#map canvas").is_visible()


def test_a_view_without_anything_says_so(opened: Any) -> None:
    opened.get_by_role("tab", name="Concepts").click()
    said = opened.locator("#panel-srae [data-nothing]").inner_text()
    assert f"Concepts: Study {SCRIPT}" in said
    assert "was empty when the page was written" in said
    assert opened.locator("#panel-srae iframe").count() == 0


# --- in the tabs ---------------------------------------------------------------------------------------------------


def test_the_choice_of_a_layer_works(opened: Any) -> None:
    frame = frame_of(opened, "cladec")
    column = frame.locator(".xw-large-heading").nth(1)
    before = column.inner_text()
    frame.locator(".xw-strip [role=option][aria-selected=false]").first.click()
    assert until(opened, column.inner_text, lambda text: text != before) != before


def test_dragging_works(opened: Any) -> None:
    opened.get_by_role("tab", name="Manifold").click()
    frame = frame_of(opened, "cae")
    state = frame.locator("[data-state]").first
    assert until(opened, lambda: state.get_attribute("data-state"), lambda found: found == "exact") == "exact"
    canvas = frame.locator("#map canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    opened.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    opened.mouse.down()
    for share in (0.4, 0.6, 0.8):
        opened.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        assert until(opened, lambda: canvas.evaluate(WHITE, share), bool)  # the point is under the hand  # noqa: B023
        assert not canvas.evaluate(WHITE, share - 0.2)
    opened.mouse.up()
    assert state.get_attribute("data-state") == "preview"


def test_a_frame_is_as_high_as_what_it_shows(opened: Any) -> None:
    def spare() -> Any:
        return opened.evaluate(
            """() => {
              const frame = document.querySelector("iframe");
              return frame.offsetHeight - frame.contentDocument.body.offsetHeight;
            }"""
        )

    assert 0 <= until(opened, spare, lambda pixels: 0 <= pixels < 3) < 3
    opened.set_viewport_size(PHONE)
    opened.wait_for_timeout(100)
    assert 0 <= until(opened, spare, lambda pixels: 0 <= pixels < 3) < 3


# --- what is in it -------------------------------------------------------------------------------------------------


def open_all(page: Any) -> list[Any]:
    """Open every tab, and give all frames."""
    for label in LABELS:
        page.get_by_role("tab", name=label).click()
    frame_of(page, "cae").locator("[data-state=exact]").first.wait_for()
    return list(page.frames)


def test_every_picture_has_words(opened: Any) -> None:
    silent = "() => [...document.querySelectorAll('img:not([hidden]), canvas, iframe')].filter(" + (
        "(one) => !(one.alt || one.title || one.ariaLabel || one.ariaHidden || one.closest('[aria-hidden=true]'))"
        ").map((one) => one.outerHTML.slice(0, 200))"
    )
    frames = open_all(opened)
    assert len(frames) == 3
    nothing: list[list[str]] = [[]] * 3
    assert until(opened, lambda: [frame.evaluate(silent) for frame in frames], nothing.__eq__) == nothing


def test_names_are_text_and_headings_are_once(opened: Any) -> None:
    open_all(opened)
    assert opened.title() == SCRIPT
    assert opened.locator("h1").inner_text() == SCRIPT
    assert [frame.evaluate("document.querySelectorAll('script[src]').length") for frame in opened.frames] == [0] * 3
    assert opened.locator("footer:visible").count() == 1
    assert not frame_of(opened, "cladec").locator("footer").is_visible()
    assert SCRIPT in frame_of(opened, "cae").locator(".xw-legend, .xw-bars").all_inner_texts().__str__()


def test_nothing_leaves_the_file(opened: Any) -> None:
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.reload()
    open_all(opened)
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []


def test_a_frame_may_load_nothing_either(files: dict[str, Path], page: Any) -> None:
    """Not with the fixture `offline`, which fails at what the browser says of a request that it has refused."""
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(files["one"].as_uri())
    frame_of(page, "cladec").locator(".xw-stage img").first.wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.frames[1].evaluate(
        "() => { document.body.append(Object.assign(new Image(), { src: 'file:///nowhere.png' })); }"
    )
    assert until(page, lambda: refused, bool)
    assert "Content Security Policy" in refused[0]


@pytest.mark.parametrize("name", ["one", "two"])
def test_on_a_phone_nothing_sticks_out(files: dict[str, Path], offline: Callable[[Path], Any], name: str) -> None:
    page = offline(files[name])
    page.set_viewport_size(PHONE)
    for label in ("Layer", "Manifold"):
        page.get_by_role("tab", name=label).click()
    frame_of(page, "cae").locator("[data-state]").first.wait_for()
    page.get_by_role("tab", name="Layer").click()
    wide = [frame.evaluate("[document.documentElement.scrollWidth, innerWidth]") for frame in page.frames[:2]]
    assert all(width <= most for width, most in wide)


def test_two_studies_stand_side_by_side(files: dict[str, Path], offline: Callable[[Path], Any]) -> None:
    page = offline(files["two"])
    page.set_viewport_size({"width": 1500, "height": 900})
    frame_of(page, "cladec", 1).locator(".xw-stage img").first.wait_for()
    left, right = (page.locator("#panel-cladec iframe").nth(place).bounding_box() for place in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    titles = [page.locator("#panel-cladec iframe").nth(place).get_attribute("title") for place in (0, 1)]
    assert titles == [f"ClaDec: Study {SCRIPT}"] * 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_frames_follow_the_theme(files: dict[str, Path], offline: Callable[[Path], Any], scheme: str) -> None:
    page = offline(files["one"])
    page.emulate_media(color_scheme=scheme)
    frame_of(page, "cladec").locator(".xw-stage img").first.wait_for()
    ink = "getComputedStyle(document.querySelector('h1')).color"
    colours = [frame.evaluate(ink) for frame in page.frames[:2]]
    assert colours == ["rgb(31, 35, 40)" if scheme == "light" else "rgb(232, 234, 237)"] * 2


# --- a gallery -----------------------------------------------------------------------------------------------------


def test_cards_of_a_gallery_lead_to_the_views_and_back(files: dict[str, Path], offline: Callable[[Path], Any]) -> None:
    page = offline(files["site"])
    assert page.title() == SCRIPT
    cards = page.locator(".xw-exhibit")
    assert [card.get_attribute("href") for card in cards.all()] == ["tiny-cladec.html", "tiny-cae.html"]
    assert cards.first.locator("h3").inner_text() == f"Tiny {SCRIPT}"
    pictures = cards.first.locator("img")
    assert pictures.count() == 3
    assert all(picture.evaluate("(image) => image.naturalWidth > 0 && image.alt") for picture in pictures.all())
    for _ in range(2):  # past the link to the page of all views
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".xw-stage img").first.wait_for()
    assert page.url.endswith("tiny-cladec.html")
    page.get_by_role("link", name="All views").click()
    page.get_by_role("link", name=f"Tiny {SCRIPT}", exact=True).click()
    page.locator("[role=tab]").first.wait_for()
    assert page.locator("[role=tab]").all_inner_texts() == ["Layer", "Manifold"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_gallery_fits_on_a_phone(files: dict[str, Path], offline: Callable[[Path], Any], scheme: str) -> None:
    page = offline(files["site"])
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == ("rgb(253, 253, 252)" if scheme == "light" else "rgb(22, 24, 27)")
