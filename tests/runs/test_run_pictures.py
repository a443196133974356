"""The pictures of a run are found again, and no others are taken for them."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

import xai_widgets as xw
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


def test_pictures_of_a_folder_are_found_again(begun, net):
    opened = open_run(begun, model=net(classes=2))
    assert opened.class_names == ("<script>", "b")
    assert opened.shape == (3, 33, 47)
    assert opened.explainers["cladec"].layers == ("fc",)


def test_they_may_move_together_with_the_run(begun, net, tmp_path):
    (tmp_path / "all").rename(tmp_path / "moved")
    assert len(open_run(tmp_path / "moved" / "run", model=net(classes=2)).sources.images) == 12


def test_pictures_that_are_gone_are_asked_for(begun, pictures, net, tmp_path):
    pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match="the folder of the pictures is gone"):
        open_run(begun, model=net(classes=2))
    assert open_run(begun, model=net(classes=2), images=xw.folder(tmp_path / "elsewhere")).shape == (3, 33, 47)


def test_other_pictures_are_refused(begun, pictures, net):
    (pictures / "b" / "5.png").rename(pictures / "b" / "9.png")
    with pytest.raises(ArtifactError, match="these are other pictures"):
        open_run(begun, model=net(classes=2))
    (pictures / "b" / "9.png").unlink()
    with pytest.raises(ArtifactError, match="these are 11 pictures, and there were 12"):
        open_run(begun, model=net(classes=2))


def test_pictures_of_another_size_are_refused(begun, pictures, net):
    with pytest.raises(ArtifactError, match=r"of pictures \(3, 33, 47\), and these are \(3, 20, 20\)"):
        open_run(begun, model=net(classes=2), images=xw.folder(pictures, 20))


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


def test_the_public_name():
    assert xw.open is open_run
