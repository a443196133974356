"""``xai-widgets export``: what it accepts, what it writes, and that nothing is left where it fails."""

from __future__ import annotations

import re
import warnings
from functools import partial
from html import unescape
from importlib import import_module

import pytest
from ipywidgets.widgets.widget import _instances

from xai_widgets.cli import main as cli
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.errors import LayerError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.runs.keeping import keep, keep_in
from xai_widgets.study import Study

NASTY = "<script>alert(1)</script>"
NAMES = [NASTY, "b", "c", "d"]
QUICK = "cladec,cae"


@pytest.fixture(scope="module")
def studies(squares, columns):
    """Tiny ones in place of the demo's, by whether they cheat, fitted for a moment."""

    def fitted(name):
        study = Study(columns(), squares(60), class_names=NAMES, name=name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study.explainers["cladec"] = ClaDec(study, ["pool"], epochs=1, width=4).fit(progress=Progress())
            study.explainers["cae"] = CAE(study, epochs=1, width=4).fit(progress=Progress())
        return study

    return {False: fitted(f"Honest {NASTY}"), True: fitted("Cheating")}


@pytest.fixture
def demo(studies, monkeypatch):
    monkeypatch.setattr(import_module("xai_widgets.demos"), "demo", lambda *, cheat=False: studies[cheat])


@pytest.fixture
def no_work(monkeypatch):
    """Fail where any work is begun."""
    monkeypatch.setattr(import_module("xai_widgets.demos"), "demo", lambda **_: pytest.fail("the work was begun"))


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Two pictures on every page: each takes a search, and a map for every class."""
    monkeypatch.setattr("xai_widgets.widgets.pages.pictures.PICTURES", 2)


@pytest.fixture
def export(capsys):
    """Return a function that runs the command with its expected exit status, and gives what it said to people."""

    def export(*arguments, status=0):
        assert cli.main(["export", *map(str, arguments)]) == status
        said = capsys.readouterr()
        assert said.out == ""
        return said.err.splitlines()[-1] if said.err else ""

    return export


# --- what is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [[], ["--out", "a.html", "--gallery", "b"], ["--out", "a.html", "--cheat", "--both"], ["--out", "a", "--seed", "x"],
     ["--out", "a.html", "--both", "--run", "c"]],
)  # fmt: skip
def test_wrong_arguments_end_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["export", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: xai-widgets")


def test_unusable_targets_and_views_are_found_before_the_work(no_work, export, tmp_path):
    said = export("--out", tmp_path / "page.html", "--views", "cladec,tarot", status=2)
    assert said.startswith("xai-widgets export: there is no view 'tarot'; known are 'cladec'")
    assert list(tmp_path.iterdir()) == []
    assert "is a folder; give --out" in export("--out", tmp_path, status=2)
    (tmp_path / "file").touch()
    assert "is a file; give --gallery" in export("--gallery", tmp_path / "file", status=2)
    assert "holds no run" in export("--out", tmp_path / "page.html", "--run", tmp_path, status=2)


@pytest.mark.parametrize("option", ["--model", "--weights"])
def test_a_model_belongs_to_a_run(no_work, export, tmp_path, option):
    assert "name its folder with --run" in export("--out", tmp_path / "page.html", option, "x", status=2)


# --- one page ------------------------------------------------------------------------------------------------------


def test_one_page_with_the_views_that_are_asked_for(demo, export, tmp_path):
    before = len(_instances)
    target = tmp_path / "new" / "page.html"
    said = export("--out", target, "--views", "cae, cladec")
    assert re.fullmatch(rf"Wrote {target} \(\d+\.\d MB\)", said)
    text = target.read_text(encoding="utf-8")
    assert re.findall(r'"name": "(\w+)", "label"', text) == ["cladec", "cae"]
    assert "<title>Honest &lt;script&gt;" in text
    assert NASTY not in text
    assert len(_instances) == before  # no widget is left
    assert [file.name for file in target.parent.iterdir()] == ["page.html"]


def test_the_cheating_one_or_both(demo, export, tmp_path):
    export("--out", tmp_path / "cheat.html", "--views", "cladec", "--cheat")
    assert "<title>Cheating</title>" in (tmp_path / "cheat.html").read_text(encoding="utf-8")
    export("--out", tmp_path / "both.html", "--views", "cladec", "--both")
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "and Cheating</title>" in text
    assert 'id="page-1"' in text


def test_it_says_first_how_long_all_of_it_takes(demo, tmp_path, capsys):
    assert cli.main(["export", "--out", str(tmp_path / "page.html"), "--views", "cladec,cae"]) == 0
    assert re.search(r"Writing 2 views \(about \d+ s in all\)", capsys.readouterr().err)


def test_x_features_are_fitted_for_the_page(demo, export, studies, tmp_path, monkeypatch):
    from xai_widgets.widgets.srae import explorer  # noqa: F401  (whoever imports it later must find the class)

    monkeypatch.setattr("xai_widgets.methods.srae.srae.SRAE", partial(SRAE, epochs=2, features=3))
    export("--out", tmp_path / "page.html", "--views", "srae", "--seed", "3")
    assert studies[False].explainers.pop("srae").settings.recipe.seed == 3
    assert "x-feature 3" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_one_page_of_nothing_or_after_ctrl_c_is_not_written(demo, export, studies, tmp_path, monkeypatch):
    known = studies[False].explainers.pop("cae")
    said = export("--out", tmp_path / "page.html", "--views", "cae", status=2)
    studies[False].explainers["cae"] = known
    assert "none of the views has anything to show. Manifold" in said
    assert list(tmp_path.iterdir()) == []

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("xai_widgets.widgets.cae.explorer.manifold_draft", interrupted)
    before = len(_instances)
    export("--out", tmp_path / "page.html", "--views", QUICK, status=130)
    assert list(tmp_path.iterdir()) == []
    assert len(_instances) == before


def test_a_view_that_the_classifier_does_not_allow_is_left_out_and_named(demo, export, tmp_path, monkeypatch, capsys):
    def impossible(*_, **__):
        raise LayerError("no layer has maps")

    monkeypatch.setattr("xai_widgets.widgets.inversion.explorer.GuidedFeatureInversion", impossible)
    assert cli.main(["export", "--out", str(tmp_path / "page.html"), "--views", "cladec,inversion"]) == 0
    assert "Left out inversion: no layer has maps\n" in capsys.readouterr().err
    assert re.findall(r'"name": "(\w+)", "label"', (tmp_path / "page.html").read_text("utf-8")) == ["cladec"]
    said = export("--out", tmp_path / "other.html", "--views", "inversion", status=2)
    assert "none of the views has anything to show" in said


# --- of a run ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with a ClaDec and nothing else, of a model that code in the current folder makes."""
    code = "from xai_widgets.demos import *\ndef make():\n    torch.manual_seed(0)\n    return bird_classifier(2)\n"
    (tmp_path / "own_birds.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    study = Study(import_module("own_birds").make().eval(), BirdPictures(12, species=2), name="Own birds")
    keep_in(study, "run", model="own_birds:make")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keep(ClaDec(study, ["block3"], epochs=1, width=4).fit(progress=Progress()))
    return tmp_path / "run"


def test_a_run_is_opened_with_its_model_and_not_without(run, export, tmp_path):
    assert "give --model" in export("--out", "page.html", "--run", run, status=2)
    assert not (tmp_path / "page.html").exists()
    export("--out", "page.html", "--run", run, "--model", "own_birds:make", "--views", "cladec,srae")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>Own birds</title>" in text
    assert re.findall(r'"title": "(\w+): Own birds", "nothing": "(\w*)', text) == [("ClaDec", ""), ("Concepts", "This")]


# --- a gallery -----------------------------------------------------------------------------------------------------


def seen(page):
    """Links, captions of pictures, which must be inside it, and text of a page."""
    text = page.decode()
    images = re.findall(r"<img [^>]+>", text)
    assert all('src="data:image/' in image for image in images)
    captions = [re.search('alt="([^"]*)"', image)[1] for image in images]
    return re.findall(r'<a [^>]*?href="([^"]*)"', text), captions, unescape(re.sub(r"<[^>]+>", "", text))


def pages(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_a_gallery_has_a_card_for_each_view_of_each_classifier(demo, export, tmp_path):
    said = export("--gallery", tmp_path / "site", "--views", QUICK)
    assert said.startswith(f"Wrote {tmp_path / 'site' / 'index.html'} (")
    found = pages(tmp_path / "site")
    each = [f"{study}-{view}.html" for view in ("cladec", "cae") for study in ("honest", "cheating")]
    assert set(found) == {"index.html", "honest.html", "cheating.html", *each}
    links, captions, text = seen(found["index.html"])
    assert links == ["honest.html", "cheating.html", *each]
    assert len(captions) == 3 * len(each)
    assert all(captions)
    assert text.count("What does this layer still know") == 1
    assert f"Honest {NASTY}" in text
    assert NASTY.encode() not in b"".join(found.values())


def test_every_page_leads_back_and_nowhere_else(demo, export, tmp_path):
    export("--gallery", tmp_path, "--views", QUICK, "--cheat")
    found = pages(tmp_path)
    assert set(found) == {"index.html", "cheating.html", "cheating-cladec.html", "cheating-cae.html"}
    for name in ("cheating-cladec.html", "cheating-cae.html"):
        assert seen(found[name])[0] == ["index.html"]
    assert seen(found["cheating.html"])[0] == []
    assert not any(re.search(rb"https?:|//cdn|<link|@import|url\(", page) for page in found.values())


def test_the_same_seed_gives_the_same_gallery(demo, export, tmp_path):
    for name in ("a", "b"):
        export("--gallery", tmp_path / name, "--views", "cladec,inversion,cae", "--cheat", "--seed", "5")
    assert pages(tmp_path / "a") == pages(tmp_path / "b")


def test_a_gallery_of_nothing_or_after_an_error_is_not_begun(demo, export, studies, tmp_path, monkeypatch):
    known = studies[True].explainers.pop("cae")
    said = export("--gallery", tmp_path / "site", "--views", "cae", "--cheat", status=2)
    studies[True].explainers["cae"] = known
    assert "none of the views has anything to show" in said
    assert not (tmp_path / "site").exists()

    def broken(*_, **__):
        raise XaiWidgetsError("broken")

    monkeypatch.setattr("xai_widgets.widgets.cae.explorer.manifold_draft", broken)
    said = export("--gallery", tmp_path / "site", "--views", QUICK, "--cheat", status=2)
    assert said == "xai-widgets export: broken"
    assert "index.html" not in pages(tmp_path / "site")
