"""One picture file: which are read, how they are brought to a size, and how damage is found."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features

from xai_widgets.data.decode import FITS, read, read_sent
from xai_widgets.data.folder import FolderPictures, folder
from xai_widgets.errors import PictureError


def save(path: Path, image: Image.Image, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def noisy(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


# --- to a size -----------------------------------------------------------------------------------------------------


@pytest.fixture
def thirds(tmp_path: Path) -> Path:
    """A wide picture of red, green and blue, from left to right, each a square of 4 x 4."""
    image = Image.new("RGB", (12, 4), (255, 0, 0))
    image.paste((0, 255, 0), (4, 0, 8, 4))
    image.paste((0, 0, 255), (8, 0, 12, 4))
    save(tmp_path / "a" / "x.png", image)
    return tmp_path


def test_crop_keeps_the_middle(thirds: Path) -> None:
    picture = folder(thirds, 4, fit="crop")[0][0]
    assert torch.equal(picture, torch.tensor([0.0, 1, 0])[:, None, None].expand(3, 4, 4))
    assert torch.equal(folder(thirds, 4)[0][0], picture)


def test_contain_keeps_all_between_grey_bars(thirds: Path) -> None:
    picture = folder(thirds, 12, fit="contain")[0][0]
    assert torch.equal(picture[:, 4:8], torch.eye(3).repeat_interleave(4, 1)[:, None].expand(3, 4, 12))
    assert torch.equal(picture[:, :4], torch.full((3, 4, 12), 0.5))
    assert torch.equal(picture[:, 8:], torch.full((3, 4, 12), 0.5))
    upright = folder(thirds, (4, 20), fit="contain")[0][0]
    assert torch.equal(upright[:, :, 4:16], picture[:, 4:8])
    assert upright[:, :, [0, 3, 16, 19]].unique().tolist() == [0.5]


def test_squash_keeps_all_and_loses_proportions(thirds: Path) -> None:
    picture = folder(thirds, (4, 12), fit="squash")[0][0]
    assert torch.equal(picture, torch.eye(3).repeat_interleave(4, 1)[:, None].expand(3, 4, 12))
    high = folder(thirds, (40, 12), fit="squash")[0][0]
    torch.testing.assert_close(high, torch.eye(3).repeat_interleave(4, 1)[:, None].expand(3, 40, 12))


@pytest.mark.parametrize("fit", ["crop", "contain", "squash"])
def test_thin_tiny_and_grey_pictures(tmp_path: Path, fit: str) -> None:
    save(tmp_path / "thin.png", Image.new("RGB", (1, 3000), "red"))
    save(tmp_path / "dot.png", Image.new("RGB", (1, 1), "red"))
    save(tmp_path / "deep.png", Image.fromarray(np.full((7, 30), 65535, np.uint16)))
    pictures = folder(tmp_path, (5, 9), fit)
    assert {tuple(pictures[i][0].shape) for i in range(3)} == {(3, 5, 9)}
    assert pictures[0][0][:, 2, 4].tolist() == [1, 1, 1]
    assert pictures[2][0][:, 2, 4].tolist() == [1, 0, 0]


@pytest.mark.parametrize("fit", ["pad", "", None, 1, ["crop"], b"crop", np.array("crop")])
def test_other_ways_are_refused(thirds: Path, fit: object) -> None:
    with pytest.raises(PictureError, match=r"fit is .*, but must be one of crop, contain, squash"):
        folder(thirds, 4, fit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "size", [np.int64(9), np.array(9), torch.tensor(9), [9, 9], (np.int32(9), 9), torch.tensor([9, 9])]
)
def test_sizes_of_numpy_and_torch(thirds: Path, size: object) -> None:
    assert folder(thirds, size).size == (9, 9)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 4097, 1.5, True, "32", b"8", (3, 4, 5), (32,), [], {8, 9}, float("nan"), (8, "9")])
def test_sizes_without_sense(thirds: Path, size: object) -> None:
    with pytest.raises(PictureError, match=r"size (is|has)"):
        folder(thirds, size)  # type: ignore[arg-type]


def test_a_first_picture_of_a_size_that_none_can_have(tmp_path: Path) -> None:
    save(tmp_path / "1.png", Image.new("RGB", (5000, 4)))
    with pytest.raises(PictureError, match=r"1\.png, the first picture, is 4 x 5000, .* such as size=224"):
        folder(tmp_path)
    assert folder(tmp_path, 8).size == (8, 8)


# --- kinds of files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "JPG", "apng", "ppm", "pgm", "tga", "dib", "avif"])
def test_more_kinds_of_files(tmp_path: Path, suffix: str) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    form = {"jfif": "JPEG", "jpe": "JPEG", "JPG": "JPEG", "apng": "PNG", "dib": "BMP"}.get(suffix)
    save(tmp_path / f"x.{suffix}", Image.new("RGB", (8, 6), (128, 128, 128)), format=form)
    torch.testing.assert_close(folder(tmp_path)[0][0], torch.full((3, 6, 8), 0.5), atol=0.02, rtol=0)


def test_what_pillow_cannot_read_is_said_with_what_to_do(tmp_path: Path) -> None:
    save(tmp_path / "good.heic", Image.new("RGB", (8, 6)), format="JPEG")  # telephones do that
    for name in ("x.heic", "x.heif", "x.jxl"):
        (tmp_path / name).write_bytes(b"\0\0\0 ftypheic" + bytes(100))
    (tmp_path / "x.jpg").write_bytes(b"")
    save(tmp_path / "drawing.png", Image.new("RGB", (8, 6)), format="EPS")
    pictures = folder(tmp_path)
    said = {path.name: reason for path, reason in pictures.skipped}
    assert [path.name for path in pictures.paths] == ["good.heic"]
    assert "call pillow_heif.register_heif_opener()" in said["x.heic"]
    assert said["x.heif"].endswith("or save it as JPEG or PNG")
    assert "pillow_jxl" in said["x.jxl"]
    assert said["x.jpg"] == "the file is empty"
    assert said["drawing.png"] == "EPS is a vector format; save it as PNG"


# --- damage --------------------------------------------------------------------------------------------------------


def read_all(pictures: FolderPictures) -> None:
    for i in range(len(pictures)):
        assert pictures[i][0].shape == (3, 16, 16)


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_found_when_the_set_is_made(tmp_path: Path, seed: int) -> None:
    """Whatever bytes are lost or changed: what the set has can be read."""
    dice, image = np.random.default_rng(seed), noisy(160, 150)
    for form, options in {"png": {}, "jpg": {"quality": 95}, "webp": {}, "gif": {}, "bmp": {}, "ppm": {}}.items():
        raw = save(tmp_path / f"whole.{form}", image, **options).read_bytes()
        for number in range(8):
            at, broken = int(dice.integers(len(raw))), bytearray(raw)
            broken[at : at + 50] = bytes(50) if number % 2 else dice.bytes(50)
            (tmp_path / f"{number}.{form}").write_bytes(broken if number < 5 else broken[:at])
    pictures = folder(tmp_path, 16)
    assert {path.name for path in pictures.paths} >= {f"whole.{form}" for form in ("png", "jpg", "webp", "gif")}
    assert not any(path.suffix == ".png" for path in pictures.paths if path.stem != "whole")
    read_all(pictures)


def test_zeros_in_the_middle_of_a_large_png_are_found(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", noisy(300, 300))
    save(tmp_path / "good.png", noisy(20, 20))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 50] = bytes(50)
    path.write_bytes(raw)
    assert [path.name for path, _ in folder(tmp_path).skipped] == ["x.png"]


def test_what_only_reading_shows_is_left_out_the_next_time(tmp_path: Path) -> None:
    """A PNG whose checksums are right, and whose pixels are nonsense all the same."""
    path = save(tmp_path / "x.png", noisy(300, 300))
    save(tmp_path / "a.png", noisy(20, 20))
    raw = path.read_bytes()
    begin = raw.index(b"IDAT")
    length = int.from_bytes(raw[begin - 4 : begin], "big")
    nonsense = b"IDAT" + bytes(length)
    path.write_bytes(raw[:begin] + nonsense + zlib.crc32(nonsense).to_bytes(4, "big") + raw[begin + 8 + length :])
    pictures = folder(tmp_path, 16)
    assert len(pictures) == 2
    with pytest.raises(PictureError, match=r"x\.png can no longer be read .*; make the data set again to leave"):
        pictures[1]
    again = folder(tmp_path, 16)
    assert [path.name for path, _ in again.skipped] == ["x.png"]
    read_all(again)
    save(path, noisy(300, 300))  # it was copied again
    assert len(folder(tmp_path, 16)) == 2


# --- sent, not in a file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", FITS)
def test_what_was_sent_is_read_as_the_file_is(thirds: Path, fit: str) -> None:
    file = thirds / "a" / "x.png"
    assert torch.equal(read_sent(file.read_bytes(), "any name", (20, 30), fit), read(file, (20, 30), fit))


def test_a_turned_picture_is_upright(tmp_path: Path) -> None:
    image, exif = Image.new("RGB", (4, 8), "red"), Image.Exif()
    image.paste("blue", (0, 0, 4, 4))
    exif[0x0112] = 3
    image.save(tmp_path / "a.png", exif=exif)
    assert read_sent((tmp_path / "a.png").read_bytes(), "a.png", (8, 4))[:, 0, 0].tolist() == [1, 0, 0]


def test_a_bomb_and_drawing_commands_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Image.new("L", (30, 30)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 899)
    with pytest.raises(PictureError, match=r"a\.png cannot be read: Image size \(900 pixels\) exceeds limit"):
        read_sent(content, "a.png", (8, 8))
    with pytest.raises(PictureError, match="EPS is a vector format"):
        read_sent(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "a.eps", (8, 8))
