"""The pictures of a run are found again, and no others are taken for them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import xai_widgets as xw
from xai_widgets.digest import ENTRY, signed
from xai_widgets.errors import ArtifactError
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.runs.keeping import keep, keep_in, open_run, run_of
from xai_widgets.study import Study


@pytest.fixture
def pictures(tmp_path):
    """A folder of odd pictures, of two classes."""
    for k, name in enumerate(("<script>", "b")):
        (tmp_path / "all" / "pictures" / name).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (47, 33), 40 * i + k).save(tmp_path / "all" / "pictures" / name / f"{i}.png")
    return tmp_path / "all" / "pictures"


@pytest.fixture
def begun(pictures, net, fitted):
    """The run of a study of them, beside them."""
    study = keep_in(Study(net(classes=2), xw.folder(pictures)), pictures.parent / "run")
    keep(fitted(ClaDec, study, "fc", width=4, reference=None))
    return run_of(study).folder


def test_pictures_of_a_folder_are_found_again_wherever_they_move_with_the_run(begun, net, tmp_path):
    assert xw.open is open_run
    opened = open_run(begun, model=net(classes=2))
    assert opened.class_names == ("<script>", "b")
    assert opened.shape == (3, 33, 47)
    assert opened.explainers["cladec"].layers == ("fc",)
    (tmp_path / "all").rename(tmp_path / "moved")
    assert len(open_run(tmp_path / "moved" / "run", model=net(classes=2)).sources.images) == 12


def test_pictures_that_are_gone_are_asked_for(begun, pictures, net, tmp_path):
    pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match="the folder of the pictures is gone"):
        open_run(begun, model=net(classes=2))
    assert open_run(begun, model=net(classes=2), images=xw.folder(tmp_path / "elsewhere")).shape == (3, 33, 47)


def test_other_pictures_or_of_another_size_are_refused(begun, pictures, net):
    with pytest.raises(ArtifactError, match=r"of pictures \(3, 33, 47\), but these are \(3, 20, 20\)"):
        open_run(begun, model=net(classes=2), images=xw.folder(pictures, 20))
    (pictures / "b" / "5.png").rename(pictures / "b" / "9.png")
    with pytest.raises(ArtifactError, match="these are other pictures"):
        open_run(begun, model=net(classes=2))
    (pictures / "b" / "9.png").unlink()
    with pytest.raises(ArtifactError, match="these are 11 pictures, and there were 12"):
        open_run(begun, model=net(classes=2))


def test_pictures_that_only_the_user_has_are_asked_for(everything, folder, decided, squares):
    with pytest.raises(ArtifactError, match=r"they were a .*Squares; give them: images="):
        open_run(folder, model=decided())
    with pytest.raises(ArtifactError, match="these are 50 pictures, and there were 60"):
        open_run(folder, model=decided(), images=squares(50))
    with pytest.raises(ArtifactError, match="in another order"):
        open_run(folder, model=decided(), images=squares(60, seed=1))


@pytest.mark.parametrize(
    ("images", "test", "channels"),
    [
        (xw.BirdPictures(12, species=4, size=(16, 20), cheat=0.5), xw.BirdPictures(5, species=4, size=(16, 20)), 3),
        (xw.digits(9), None, 1),
    ],
)
def test_built_in_pictures_are_made_again(images, test, channels, net, tmp_path):
    model = net(channels, classes=len(images.class_names))
    study = keep_in(Study(model, images, test=test, seed=3, batch_size=7), tmp_path)
    opened = open_run(tmp_path, model=model)
    assert (opened.batch_size, opened.sources.seed) == (7, 3)
    for old, new in ((study.train, opened.train), (study.test, opened.test)):
        assert len(old) == len(new)
        assert torch.equal(study.load(old, range(4))[0], opened.load(new, range(4))[0])


def test_unseen_pictures_that_were_given_apart_are_asked_for(net, squares, tmp_path):
    keep_in(Study(net(), squares(20), test=squares(9, seed=2)), tmp_path)
    assert len(open_run(tmp_path, model=net(), images=squares(20), test=squares(9, seed=2)).test) == 9
    with pytest.raises(ArtifactError, match="give them"):
        open_run(tmp_path, model=net(), images=squares(20))


@pytest.mark.parametrize("options", [{"seed": 1}, {"test": True}])
def test_other_unseen_pictures_are_refused(net, squares, tmp_path, options):
    keep_in(Study(net(), squares(20)), tmp_path)
    given = {"test": squares(9)} if "test" in options else options
    with pytest.raises(ArtifactError, match="other unseen pictures"):
        keep_in(Study(net(), squares(20), **given), tmp_path)


def test_how_pictures_are_fitted_to_their_size_is_kept(pictures, net, tmp_path):
    model = net(classes=2)
    keep_in(Study(model, xw.folder(pictures, 16, fit="contain")), tmp_path / "bars")
    opened = open_run(tmp_path / "bars", model=model)
    assert opened.sources.images.fit == "contain"
    assert opened.sources.images[0][0][0, 0, 0] == 0.5
    with pytest.raises(ArtifactError, match="these pictures have fit='crop', and there it was 'contain'"):
        open_run(tmp_path / "bars", model=model, images=xw.folder(pictures, 16))


def test_a_run_that_does_not_say_how_pictures_were_fitted_has_their_middle(pictures, net, tmp_path):
    model = net(classes=2)
    keep_in(Study(model, xw.folder(pictures, 16)), tmp_path / "old")
    description = json.loads((tmp_path / "old" / "run.json").read_text())
    description["images"]["options"] = {"size": [16, 16]}
    (tmp_path / "old" / "run.json").write_text(json.dumps(signed({k: v for k, v in description.items() if k != ENTRY})))
    opened = open_run(tmp_path / "old", model=model)
    assert (opened.sources.images.fit, len(opened.sources.images)) == ("crop", 12)


@pytest.mark.parametrize("wrong", [{"fit": "pad"}, {"fit": None}, {"split": "train"}, {"split": [1]}])
def test_a_run_that_asks_for_what_there_is_not(pictures, net, tmp_path, wrong):
    keep_in(Study(net(classes=2), xw.folder(pictures, 16)), tmp_path / "run")
    description = json.loads((tmp_path / "run" / "run.json").read_text())
    description["images"]["options"] |= wrong
    (tmp_path / "run" / "run.json").write_text(json.dumps(signed({k: v for k, v in description.items() if k != ENTRY})))
    with pytest.raises(ArtifactError, match=r"run\.json is damaged"):
        open_run(tmp_path / "run", model=net(classes=2))


def test_splits_are_found_again(pictures, net, tmp_path):
    pictures.rename(tmp_path / "train")
    shutil.copytree(tmp_path / "train", tmp_path / "set" / "val")
    (tmp_path / "train").rename(tmp_path / "set" / "train")
    model = net(classes=2)
    keep_in(Study(model, xw.folder(tmp_path / "set", 16)), tmp_path / "run")
    opened = open_run(tmp_path / "run", model=model)
    assert (len(opened.train), len(opened.test), opened.test.split) == (12, 12, ("val",))
    keep_in(Study(model, xw.folder(tmp_path / "set", 16, split="train")), tmp_path / "train-only")
    alone = open_run(tmp_path / "train-only", model=model)
    assert (len(alone.train), len(alone.test)) == (10, 2)
    (tmp_path / "set" / "val" / "b" / "0.png").rename(tmp_path / "set" / "val" / "b" / "9.png")
    with pytest.raises(ArtifactError, match="other pictures"):
        open_run(tmp_path / "run", model=model)


def test_pictures_without_labels_and_names_that_are_no_text(net, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        odd.mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    for i in range(6):
        Image.new("RGB", (16, 16), (40 * i, 0, 0)).save(odd / os.fsdecode(b"%d\xff.png" % i))
    model = net(classes=2)
    keep_in(Study(model, xw.folder(odd)), tmp_path / "run")
    opened = open_run(tmp_path / "run", model=model)
    assert opened.sources.images.labels == [-1] * 6
    keep_in(opened, odd / "run")
    assert len(open_run(odd / "run", model=model).sources.images) == 6
