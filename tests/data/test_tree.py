"""Which folders are classes, which are splits, and what is left out."""

from __future__ import annotations

import copy
import logging
import os
import socket
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from xai_widgets.data.folder import folder
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.study import Study


def put(root: Path, *names: str) -> Path:
    """Small pictures at some places; each has a colour of its own."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (9 * number, 0, 0)).save(root / name)
    return root


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


# --- classes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["10", "2", "0", "1"], ["0", "1", "2", "10"]),
        (["010", "9"], ["9", "010"]),
        (["10", "2", "x"], ["10", "2", "x"]),
        (["b", "B", "a"], ["B", "a", "b"]),
    ],
)
def test_folders_are_sorted_and_numbers_as_numbers(tmp_path: Path, names: list[str], order: list[str]) -> None:
    pictures = folder(put(tmp_path, *(f"{name}/x.png" for name in names)))
    assert pictures.class_names == list(pictures.folders) == order
    assert [path.parent.name for path in pictures.paths] == order
    assert [pictures.folders[label] for label in pictures.labels] == order


def test_folders_of_the_system_and_empty_ones_are_no_classes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "a/x.png", "a/@eaDir/x.png", "__MACOSX/a/x.png", "@eaDir/x.png", "lost+found/x.png", ".x/x.png")
    put(tmp_path, "a/.x.png", "apple/._x.png")
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    pictures = folder(tmp_path)
    assert (pictures.class_names, len(pictures)) == (["a"], 1)
    left_out = {path.relative_to(tmp_path).as_posix(): reason for path, reason in pictures.left_out}
    nothing, system = "there is no picture in it", "a folder of the system"
    assert left_out == {
        "apple": nothing, "empty": nothing, "@eaDir": system, "__MACOSX": system, "lost+found": system,
        "a/@eaDir": system,
    }  # fmt: skip
    assert said(caplog) == [f"{tmp_path}: left out {tmp_path / 'apple'} ({nothing}); and 1 more, see .left_out"]


def test_a_folder_may_be_named_like_a_picture(tmp_path: Path) -> None:
    pictures = folder(put(tmp_path, "x.png/1.JPG", "a/y.jpg/2.png"))
    assert (pictures.class_names, pictures.labels) == (["a", "x.png"], [0, 1])


def test_one_class_folder_with_folders_in_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert folder(put(tmp_path, "all/ants/1.png", "all/bees/1.png")).class_names == ["all"]
    assert said(caplog) == [
        f"{tmp_path}: there is one class folder, all, and it has folders, ants, bees; if those are the classes or "
        f"splits, give {tmp_path / 'all'}"
    ]


# --- no labels -----------------------------------------------------------------------------------------------------


def test_loose_pictures_have_no_labels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures = folder(put(tmp_path, "2.png", "1.JPG"))
    assert (pictures.class_names, pictures.folders, pictures.labels, pictures[1][1]) == ([], (), [-1, -1], -1)
    assert [path.name for path in pictures.paths] == ["1.JPG", "2.png"]
    assert repr(pictures).endswith("2 pictures, 6 x 8, no labels)")
    assert not caplog.records


def test_loose_pictures_beside_class_folders_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures = folder(put(tmp_path, "1.png", "2.png", "a/1.png"))
    assert (pictures.class_names, len(pictures)) == (["a"], 1)
    assert said(caplog) == [f"{tmp_path}: left out {tmp_path} (2 pictures beside its folders, such as 1.png)"]


# --- splits --------------------------------------------------------------------------------------------------------


def test_splits_are_found_and_their_classes_matched_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "train/b/1.png", "train/a/1.png", "val/a/1.png", "val/c/1.png", "test/b/1.png", "more/1.png")
    pictures = folder(tmp_path)
    assert pictures.splits == ("train", "test", "val")
    assert pictures.class_names == ["a", "b", "c"]
    assert ([path.parent.name for path in pictures.paths], pictures.labels) == (["a", "b"], [0, 1])
    unseen = pictures.unseen
    assert unseen is not None
    assert (unseen.labels, unseen.split, unseen.unseen) == ([1, 0, 2], ("test", "val"), None)
    assert [path.relative_to(tmp_path).parts[0] for path in unseen.paths] == ["test", "val", "val"]
    assert (folder(tmp_path, split="val").labels, folder(tmp_path, split=["val", "train"]).labels) == (
        [0, 2],
        [0, 1, 0, 2],
    )
    assert [line.partition(": ")[2] for line in said(caplog)[:4]] == [
        f"left out {tmp_path / 'more'} (no split, beside folders that are splits)",
        "train has no c, as other splits have",
        "test has no a, c, as other splits have",
        "val has no b, as other splits have",
    ]


def test_a_study_fits_on_train_and_keeps_val_unseen(tmp_path: Path) -> None:
    put(tmp_path, *(f"train/{k}/{i}.png" for k in "ab" for i in range(3)), "val/a/9.png", "val/b/9.png")
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    study = Study(model, folder(tmp_path))
    assert (len(study.train), len(study.test)) == (6, 2)
    assert torch.equal(
        study.load(study.test, [0, 1])[0], torch.stack([folder(tmp_path, split="val")[i][0] for i in (0, 1)])
    )
    assert study.class_names == ("a", "b")
    given = Study(model, folder(tmp_path), test=folder(tmp_path, split="train"))
    assert (len(given.train), len(given.test)) == (6, 6)


@pytest.mark.parametrize(
    ("names", "classes", "labels", "unseen"),
    [
        (["train/1.png", "test/1.png"], [], [-1], [-1]),
        (["train/a/1.png", "train/b/1.png", "test/1.png"], ["a", "b"], [0, 1], [-1]),
        (["Training/a/1.png", "VALID/a/1.png"], ["a"], [0], [0]),
        (["train/a/1.png"], ["a"], [0], None),
        (["val/a/1.png", "test/b/1.png"], ["a", "b"], [1, 0], None),
        (["train/1.png", "plane/1.png"], ["plane", "train"], [0, 1], None),
        (["train/steam/1.png", "ship/1.png"], ["ship", "train"], [0, 1], None),
    ],
)
def test_what_is_a_split(
    tmp_path: Path, names: list[str], classes: list[str], labels: list[int], unseen: list[int] | None
) -> None:
    pictures = folder(put(tmp_path, *names))
    assert (pictures.class_names, pictures.labels) == (classes, labels)
    assert (pictures.unseen and pictures.unseen.labels) == unseen


def test_splits_that_are_not_there(tmp_path: Path) -> None:
    put(tmp_path, "train/a/1.png", "val/a/1.png", "cat/1.png")
    for wrong in ("dev", 3, [], ["val", 3]):
        with pytest.raises(PictureError, match="split "):
            folder(tmp_path, split=wrong)  # type: ignore[arg-type]
    with pytest.raises(PictureError, match=r"split is 'val', and .* has no splits"):
        folder(tmp_path / "train", split="val")


def test_classes_are_numbered_as_a_classifier_does(tmp_path: Path) -> None:
    pictures = folder(put(tmp_path, "train/b/1.png", "train/a/1.png", "val/a/1.png"))
    before = copy.copy(pictures)
    pictures.adopt(["x", "a", "y"], [1, -1])
    assert (pictures.class_names, pictures.labels, pictures[1][1]) == (["x", "a", "y"], [1, -1], -1)
    assert (before.class_names, before.labels, before.unseen is pictures.unseen) == (["a", "b"], [0, 1], False)
    pictures.adopt(["b", "a"], [1, 0])
    assert (pictures.labels, pictures.folders, pictures.of_folder) == ([1, 0], ("a", "b"), [0, 1])
    with pytest.raises(PictureError, match="2 class folders, but numbers has 1"):
        pictures.adopt(["a"], [0])


# --- odd files and links -------------------------------------------------------------------------------------------


def test_links_are_followed_and_end(tmp_path: Path) -> None:
    root, other = put(tmp_path / "root", "a/1.png", "b/1.png"), put(tmp_path / "other", "x/1.png", "y/2.png")
    for place, target in {"b/more": other, "a/up": root, "a/top": tmp_path, "c": other / "x", "loop": root}.items():
        (root / place).symlink_to(target)
    (other / "x" / "y").symlink_to(other / "y")
    (other / "y" / "x").symlink_to(other / "x")
    pictures = folder(root)
    assert pictures.class_names == ["a", "b", "c"]
    assert pictures.labels == [0, 1, 1, 1, 2, 2]
    assert pictures.left_out == [(root / "loop", "a link to a folder that it lies in")]


def test_links_to_nothing_are_skipped(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png")
    (tmp_path / "a" / "gone.png").symlink_to("nowhere")
    (tmp_path / "a" / "self.png").symlink_to("self.png")
    (tmp_path / "b").symlink_to("nowhere")
    pictures = folder(tmp_path)
    assert [path.name for path, _ in pictures.skipped] == ["gone.png", "self.png"]
    assert pictures.class_names == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="needs pipes and sockets")
def test_what_is_no_file_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/1.png")
    monkeypatch.chdir(tmp_path / "a")  # names of sockets are short
    os.mkfifo("pipe.png")
    Path("zero.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as open_one:
        open_one.bind("socket.png")
        pictures = folder(tmp_path)
    assert {path.name: reason for path, reason in pictures.skipped} == dict.fromkeys(
        ("pipe.png", "socket.png", "zero.png"), "a pipe, a socket or a device, not a file"
    )
    pictures.paths[0].unlink()
    os.mkfifo(pictures.paths[0])
    with pytest.raises(PictureError, match="a pipe, a socket or a device"):
        pictures[0]


def test_what_may_not_be_read_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/1.png", "b/1.png")
    scandir = os.scandir

    def refused(place: Path) -> object:
        if Path(place).name in ("b", "never"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refused)
    pictures = folder(tmp_path)
    assert pictures.class_names == ["a", "b"]  # whose pictures nobody knows, but whose number stays
    assert pictures.skipped == [(tmp_path / "b", "Permission denied")]
    (tmp_path / "never").mkdir()
    with pytest.raises(PictureError, match="never cannot be listed"):
        folder(tmp_path / "never")


def test_names_that_are_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "a/1.png")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        put(odd, os.fsdecode(b"\xff.png"))
    except OSError:
        pytest.skip("this file system has no such names")
    (odd / os.fsdecode(b"\xfe.png")).write_bytes(b"no picture")
    pictures = folder(tmp_path)
    assert pictures.class_names == ["a", "caf\\udce9"]
    assert (len(pictures), len(pictures.skipped), pictures[1][0].shape) == (2, 1, (3, 6, 8))
    (odd / os.fsdecode(b"\xff.png")).unlink()
    with pytest.raises(PictureError) as error:
        pictures[1]
    for text in (*said(caplog), *pictures.class_names, repr(folder(odd.parent)), str(error.value)):
        assert text.encode()


# --- paths ---------------------------------------------------------------------------------------------------------


def test_home_and_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "home", "pics/a/1.png")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home")
    assert folder("~/pics").paths == folder("pics").paths == [tmp_path / "home" / "pics" / "a" / "1.png"]
    pictures = folder("pics")
    monkeypatch.chdir(tmp_path)
    assert pictures[0][0].shape == (3, 6, 8)


@pytest.mark.parametrize("path", [None, 3, b"/tmp", "", "a\0b", "~nobody-of-this-name/x", "x" * 5000, "\ud800"])
def test_paths_that_are_none(path: object) -> None:
    with pytest.raises(XaiWidgetsError, match=r"must be a path|there is no folder"):
        folder(path)  # type: ignore[arg-type]


def test_a_large_set_is_said_to_take_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr("xai_widgets.data.decode._MANY", 2)
    folder(put(tmp_path, "1.png", "2.png", "3.png"))
    assert said(caplog)[0].startswith("checking 3 pictures once takes a while")
