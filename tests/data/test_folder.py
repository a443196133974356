from __future__ import annotations

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from xai_widgets.data.folder import folder
from xai_widgets.errors import PictureError

GREY = 0.5019608  # 128 / 255


def save(path: Path, image: Image.Image, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def plain(width: int = 8, height: int = 6, colour: object = (255, 0, 0), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height), colour)  # type: ignore[arg-type]


def noisy(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def one(root: Path) -> torch.Tensor:
    """The only picture of a folder, which must not have been skipped."""
    pictures = folder(root)
    assert not pictures.skipped
    assert len(pictures) == 1
    return pictures[0][0]


def test_classes_are_sorted_sub_folders(tmp_path: Path) -> None:
    for name, colour in (("wren", (0, 255, 0)), ("finch", (255, 0, 0)), ("owl", (0, 0, 255))):
        save(tmp_path / name / "b.png", plain(colour=colour))
        save(tmp_path / name / "deeper" / "a.PNG", plain(colour=colour))
    pictures = folder(tmp_path)
    assert pictures.class_names == ["finch", "owl", "wren"]
    assert pictures.labels == [0, 0, 1, 1, 2, 2]
    assert [path.parent.name for path in pictures.paths[:2]] == ["finch", "deeper"]
    assert pictures.size == (6, 8)
    for i, channel in enumerate((0, 0, 2, 2, 1, 1)):
        picture, label = pictures[i]
        assert (picture.shape, picture.dtype) == ((3, 6, 8), torch.float32)
        assert picture.mean((1, 2)).tolist() == [float(c == channel) for c in range(3)]
        assert label == i // 2


def test_hidden_and_foreign_files_are_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", plain())
    save(tmp_path / "a" / ".x.png", plain())
    save(tmp_path / "a" / ".cache" / "x.png", plain())
    save(tmp_path / ".hidden" / "x.png", plain())
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / "a" / "folder.png").mkdir()
    pictures = folder(tmp_path)
    assert (pictures.class_names, len(pictures), pictures.skipped) == (["a"], 1, [])


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff"])
def test_kinds_of_files(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "a" / f"x.{suffix}", plain(colour=(128, 128, 128)))
    torch.testing.assert_close(one(tmp_path), torch.full((3, 6, 8), GREY), atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("grey.png", plain(colour=128, mode="L"), (GREY,) * 3),
        ("bits.png", plain(colour=1, mode="1"), (1, 1, 1)),
        ("cmyk.jpg", plain(colour=(255, 0, 0, 0), mode="CMYK"), (0, 1, 1)),
        ("cmyk.tif", plain(colour=(255, 0, 0, 0), mode="CMYK"), (0, 1, 1)),
        ("palette.png", plain(colour=(0, 0, 255)).convert("P"), (0, 0, 1)),
        ("half.png", plain(colour=(255, 0, 0, 128), mode="RGBA"), (1, 1 - GREY, 1 - GREY)),
        ("clear.png", plain(colour=(0, 0, 0, 0), mode="RGBA"), (1, 1, 1)),
        ("clear-grey.png", plain(colour=(0, 0), mode="LA"), (1, 1, 1)),
        ("deep.png", Image.fromarray(np.full((6, 8), 32896, np.uint16)), (GREY,) * 3),
        ("deep.tif", Image.fromarray(np.full((6, 8), 65535, np.uint16)), (1, 1, 1)),
    ],
)
def test_every_mode_becomes_rgb(
    tmp_path: Path, name: str, image: Image.Image, expected: tuple[float, float, float]
) -> None:
    save(tmp_path / "a" / name, image)
    wanted = torch.tensor(expected, dtype=torch.float32)[:, None, None].expand(3, 6, 8)
    torch.testing.assert_close(one(tmp_path), wanted, atol=0.012, rtol=0)


def test_a_transparent_palette_colour_is_white(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.gif", plain(colour=3, mode="P"), transparency=3)
    assert one(tmp_path).min() == 1


def test_sixteen_bit_greys_keep_more_than_256_steps(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    save(tmp_path / "a" / "x.png", Image.fromarray(ramp))
    torch.testing.assert_close(one(tmp_path)[1], torch.from_numpy(ramp.astype(np.float32) / 65535))


def test_exif_turns_a_picture(tmp_path: Path) -> None:
    image = plain(8, 6, (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 8, 3))  # white above: to the right once turned clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a" / "x.png", image, exif=exif)
    picture = one(tmp_path)
    assert picture.shape == (3, 8, 6)
    assert picture[:, :, 3:].min() == 1
    assert picture[:, :, :3].max() == 0


@pytest.mark.parametrize(("size", "shape"), [(5, (5, 5)), ((33, 47), (33, 47)), (None, (6, 8))])
def test_size(tmp_path: Path, size: int | tuple[int, int] | None, shape: tuple[int, int]) -> None:
    save(tmp_path / "a" / "x.png", plain())
    save(tmp_path / "a" / "y.png", plain())
    pictures = folder(tmp_path, size)
    assert pictures.size == shape
    assert {tuple(pictures[i][0].shape[1:]) for i in range(2)} == {shape}


def test_resizing_keeps_middle_and_proportions_and_is_antialiased(tmp_path: Path) -> None:
    image = plain(40, 20, (255, 0, 0))
    image.paste((0, 255, 0), (10, 0, 30, 20))
    save(tmp_path / "a" / "x.png", image)
    picture = folder(tmp_path, 10)[0][0]
    assert picture[1].mean() > 0.98
    assert picture[0].mean() < 0.02
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    save(tmp_path / "a" / "x.png", Image.fromarray(stripes))
    torch.testing.assert_close(folder(tmp_path, 8)[0][0], torch.full((3, 8, 8), 0.5), atol=0.03, rtol=0)


def test_mixed_sizes_are_made_that_of_the_first_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "a" / "x.png", plain(8, 6))
    save(tmp_path / "b" / "y.png", plain(30, 10))
    pictures = folder(tmp_path)
    assert pictures[1][0].shape == (3, 6, 8)
    assert "2 sizes" in caplog.text


def test_unreadable_files_are_skipped_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path / "a" / "good.png", plain())
    (tmp_path / "a" / "empty.png").touch()
    (tmp_path / "a" / "text.jpg").write_text("not a picture")
    for name in ("cut.jpg", "cut.png", "cut.webp", "cut.tif"):
        path = save(tmp_path / "a" / name, noisy(64, 64))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    save(tmp_path / "a" / "float.tif", Image.fromarray(np.full((6, 8), 1.5, np.float32)))
    pictures = folder(tmp_path)
    assert [path.name for path in pictures.paths] == ["good.png"]
    names = {path.name for path, reason in pictures.skipped if reason}
    assert names == {"empty.png", "text.jpg", "cut.jpg", "cut.png", "cut.webp", "cut.tif", "float.tif"}
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


@pytest.mark.parametrize("name", ["x.jpg", "x.png"])
def test_a_large_file_that_was_cut_off_is_found(tmp_path: Path, name: str) -> None:
    save(tmp_path / "a" / name, noisy(300, 300), quality=95)
    path = save(tmp_path / "b" / name, noisy(300, 300), quality=95)
    assert path.stat().st_size > 2**16
    path.write_bytes(path.read_bytes()[:-2000])
    pictures = folder(tmp_path)
    assert [path for path, _ in pictures.skipped] == [path]
    assert pictures.labels == [0]
    assert pictures.class_names == ["a", "b"]  # labels stay those of the sub-folders


@pytest.mark.parametrize("limit", [30, 40])
def test_a_decompression_bomb_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    save(tmp_path / "a" / "good.png", plain(5, 5))
    save(tmp_path / "a" / "large.png", plain(10, 7))  # more than the limit, or more than twice it
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert [path.name for path, _ in folder(tmp_path).skipped] == ["large.png"]


def test_a_file_that_breaks_later_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a" / "x.png", plain())
    pictures = folder(tmp_path)
    path.write_bytes(b"gone")
    with pytest.raises(PictureError, match=r"x\.png can no longer be read"):
        pictures[0]
    path.unlink()
    with pytest.raises(PictureError, match=r"x\.png can no longer be read"):
        pictures[0]


def test_what_is_no_folder_of_classes(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"there is no folder .*nowhere"):
        folder(tmp_path / "nowhere")
    with pytest.raises(PictureError, match=r"x\.png is a file"):
        folder(save(tmp_path / "x.png", plain()))


def test_a_folder_without_readable_pictures(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PictureError, match="no readable picture"):
        folder(tmp_path)
    (tmp_path / "a" / "x.png").write_text("text")
    with pytest.raises(PictureError, match=r"no readable picture.*x\.png"):
        folder(tmp_path)


@pytest.mark.parametrize("size", [0, (4, -1)])
def test_a_wrong_size(tmp_path: Path, size: int | tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="size is"):
        folder(tmp_path, size)


def test_data_loader_workers_can_have_a_copy(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", plain())
    copy = pickle.loads(pickle.dumps(folder(str(tmp_path))))  # noqa: S301 - what a worker process receives
    assert copy[0][0].shape == (3, 6, 8)


def test_real_pictures(real_pictures: Path) -> None:
    pictures = folder(real_pictures / "cifar10" / "test")
    assert len(pictures.class_names) == 10
    assert not pictures.skipped
    assert pictures.size == (32, 32)
    batch = torch.stack([pictures[i][0] for i in range(0, len(pictures), len(pictures) // 20)])
    assert batch.min() >= 0
    assert batch.max() <= 1
    assert batch.std() > 0.1
