"""`xai-widgets exam --all`: what is written where, and what is refused before the work."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
import torch

from xai_widgets.cli import main as cli
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.demos import bird_classifier
from xai_widgets.runs.keeping import keep_in
from xai_widgets.scores import all_exams
from xai_widgets.scores.rows import ROWS
from xai_widgets.study import Study

FEW = ("gradient", "random", "all_parts")


def make(*, cheat=False):
    """A study like a demo's, untrained and small."""
    with torch.random.fork_rng():
        torch.manual_seed(cheat)
        model = bird_classifier(2)
    birds = {"species": 2, "size": 32, "cheat": 0.95 if cheat else None}
    train, test = BirdPictures(70, **birds), BirdPictures(24, first=1000, **birds)
    return Study(model.eval(), train, test=test, name="cheating" if cheat else "honest")


@pytest.fixture
def quick(monkeypatch):
    """Only a few rows, on small demos."""
    monkeypatch.setattr(all_exams, "ROWS", {name: ROWS[name] for name in FEW})
    monkeypatch.setattr(import_module("xai_widgets.demos"), "demo", make)


def exam(*options):
    return cli.main(["exam", "--all", "--pictures", "8", *map(str, options)])


def test_all_is_printed_as_json_and_written_as_a_page(quick, tmp_path, capsys):
    page = tmp_path / "new" / "report.html"
    assert exam("--json", "-", "--html", page, "--keep", tmp_path / "kept") == 0
    said = capsys.readouterr()
    report = json.loads(said.out, parse_constant=pytest.fail)
    assert set(report["studies"]) == {"honest", "cheating"}
    assert set(report["studies"]["honest"]) == set(FEW)
    assert (report["pictures"], report["threshold"]) == (8, None)  # none of the five methods was examined
    assert "goes on where it stopped" in said.err
    assert page.read_text().count('<img src="data:image/png') == 2 * 2 * 3 * len(FEW)
    assert len(list((tmp_path / "kept").iterdir())) == 2 * len(FEW)
    # Again, from what was kept, as a table.
    assert exam("--keep", tmp_path / "kept") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "honest"
    assert lines[2].split()[:2] == ["deletion_blur", "deletion_mean"]


def test_a_run_is_examined_as_far_as_it_needs_no_truth(quick, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(import_module("xai_widgets.cli.models"), "model_of_run", lambda *_: make().model)
    keep_in(make(), tmp_path / "run")
    assert exam("--study", tmp_path / "run", "--keep", tmp_path / "kept", "--json", "-") == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["studies"]) == {"run"}
    assert report["studies"]["run"]["gradient"]["measures"]["deletion_blur"]["value"] is not None
    assert "cue_named" not in report


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cheat"], "leave --cheat out"),
        (["--model", "torchvision:resnet18"], "name its folder with --study"),
        (["--html", "."], "is a folder"),
        (["--json", "."], "is a folder"),
        (["--study", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(quick, monkeypatch, capsys, options, said):
    monkeypatch.setattr(all_exams, "examine_all", lambda *_, **__: pytest.fail("the work was begun"))
    assert exam(*options) == 2
    assert said in capsys.readouterr().err


def test_either_one_method_or_all(capsys):
    for command in (["exam"], ["exam", "--all", "--method", "cae"]):
        with pytest.raises(SystemExit):
            cli.main(command)
