"""Class names and labels, as they are typed and as they lie in files."""

from __future__ import annotations

import argparse
import json

import pytest

from xai_widgets.cli.main import main, parser
from xai_widgets.cli.typed import class_names, labels

FILES = {
    "lines.txt": "ant\n black widow \nbee\n",
    "marked.txt": "\ufeffant\nblack widow\nbee",
    "list.json": '["ant", "black widow", "bee"]',
    "pairs.json": '{"ants": "ant", "bees": 309}',
    "twice.json": '{"ants": 1, "ants": 2}',
    "broken.json": '["ant"',
    "empty.txt": "",
    "gap.txt": "ant\n\nbee\n",
}


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("Mücke".encode("latin-1"))


@pytest.mark.parametrize(
    "text", ["ant, black widow,bee", "lines.txt", "marked.txt", "list.json", '["ant", "black widow", "bee"]']
)
def test_names(text):
    assert class_names(text) == ["ant", "black widow", "bee"]


@pytest.mark.parametrize("text", ["ants=ant, bees=309", "pairs.json", '{"ants": "ant", "bees": 309}'])
def test_labels(text):
    assert labels(text) == {"ants": "ant", "bees": 309}


def test_a_name_that_is_a_number_and_a_number_that_is_a_name():
    assert labels("0=1,b=n=2") == {"0": 1, "b": "n=2"}
    assert labels('{"0": "1"}') == {"0": "1"}


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (class_names, "ant,ant", "'ant' is there twice"),
        (class_names, "ant,,bee", "'' is not a class name"),
        (class_names, "", "empty"),
        (class_names, "nowhere.txt", "there is no file nowhere.txt"),
        (class_names, "empty.txt", "no names are given"),
        (class_names, "gap.txt", "'' is not a class name"),
        (class_names, "latin.txt", "not UTF-8 text"),
        (class_names, "broken.json", "not JSON"),
        (class_names, "pairs.json", "these are not names"),
        (class_names, "[1, 2]", "1 is not a class name"),
        (labels, "ants", "does not say the class of each folder"),
        (labels, "ants=", "does not map a folder to the name or number"),
        (labels, "=ant", "does not map a folder to the name or number"),
        (labels, "ants=1,ants=2", "'ants' has two classes"),
        (labels, "twice.json", "'ants' has two classes"),
        (labels, "list.json", "does not say the class of each folder"),
        (labels, "{}", "does not say the class of each folder"),
        (labels, '{"ants": true}', "does not map a folder to the name or number"),
        (labels, '{"ants": 1.5}', "does not map a folder to the name or number"),
        (labels, '{"ants": -1}', "does not map a folder to the name or number"),
        (labels, "nowhere.json", "there is no file nowhere.json"),
    ],
)
def test_what_is_none(read, text, said):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        read(text)
    assert said in str(caught.value)


def test_they_reach_the_study(here, capsys, monkeypatch):
    made = {}

    def study(model, images, **options):
        made.update(options)
        raise ValueError

    monkeypatch.setattr("xai_widgets.study.Study", study)
    line = "fit cladec --model mymodels:make --images pictures --out mine --class-names up,down --labels b=up"
    with pytest.raises(ValueError):  # noqa: PT011 - our own
        main(line.split())
    assert (made["class_names"], made["labels"]) == (["up", "down"], {"b": "up"})
    assert not (here / "mine").exists()


def test_names_are_kept(here, capsys):
    line = "fit cladec --model mymodels:make --images pictures --out mine --layer maps --epochs 1"
    assert main([*line.split(), "--class-names", "up,down"]) == 0
    assert json.loads((here / "mine" / "run.json").read_text())["class_names"] == ["up", "down"]
    assert parser().parse_args(line.split()).labels is None
