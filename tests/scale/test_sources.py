"""Where pictures come from: folders, tables, archives, and Hugging Face data sets on disk."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

import xai_widgets as xw
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scale import listing, sources
from xai_widgets.scale.listing import ListedFolder
from xai_widgets.scale.reading import Reading, described, id_of
from xai_widgets.scale.sources import source
from xai_widgets.scale.table import Stream

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def png(value, size=(16, 12)):
    file = io.BytesIO()
    Image.new("RGB", size, (value, 40, 30)).save(file, "png")
    return file.getvalue()


@pytest.fixture
def study(small):
    return small.explainer().study  # pictures of 12 x 16; classes left, right


@pytest.fixture
def folder(tmp_path):
    """Pictures of odd sizes in two class folders whose order is not the model's, and a broken one."""
    for i in range(6):
        place = tmp_path / "pictures" / ("right", "left")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i}.png").write_bytes(png(40 * i, (16 + i, 12 + 3 * i)))
    (tmp_path / "pictures" / "right" / "9.jpg").write_bytes(b"no picture")
    return tmp_path / "pictures"


def seen(pictures):
    """Names, labels, and the mean red of the pictures, in 255ths."""
    return [
        (id_of(pictures, i), pictures[i][1], round(float(pictures[i][0][0].mean()) * 255)) for i in range(len(pictures))
    ]


EXPECTED = [
    ("left/1.png", 0, 40), ("left/3.png", 0, 120), ("left/5.png", 0, 200),
    ("right/0.png", 1, 0), ("right/2.png", 1, 80), ("right/4.png", 1, 160),
]  # fmt: skip


def test_a_folder(folder, study):
    pictures = source(folder, study)
    assert len(pictures) == 7
    assert pictures[0][0].shape == study.shape
    entries = [Reading.of(pictures, study)[i] for i in range(7)]
    assert [entry.id for entry in entries if entry.failed] == ["right/9.jpg"]
    assert "it is not a picture" in entries[6].failed
    assert [(e.id, e.label, round(float(e.picture[0].mean()) * 255)) for e in entries[:6]] == EXPECTED


def test_a_folder_is_listed_once(folder, tmp_path, monkeypatch):
    first = ListedFolder(folder, (12, 16), cache=tmp_path / "out")
    listed = listing.tree_of
    monkeypatch.setattr(listing, "tree_of", lambda root: pytest.fail("listed again"))
    again = ListedFolder(folder, (12, 16), cache=tmp_path / "out")
    assert (again.ids, again.labels, again.class_names) == (first.ids, first.labels, first.class_names)
    assert described(again) == described(first)
    monkeypatch.setattr(listing, "tree_of", listed)
    (folder / "left" / "7.png").write_bytes(png(1))
    assert len(ListedFolder(folder, (12, 16), cache=tmp_path / "out")) == len(first) + 1


def test_an_empty_or_missing_folder(tmp_path, study):
    with pytest.raises(PictureError, match="there is no folder"):
        source(tmp_path / "nowhere", study)
    with pytest.raises(PictureError, match="there is no picture"):
        source(tmp_path, study)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_of_paths(kind, folder, study):
    rows = {"path": [name for name, _, _ in EXPECTED], "label": ["left"] * 3 + ["right"] * 3}
    table = datasets.Dataset.from_dict(rows)
    getattr(table, f"to_{kind}")(folder / f"list.{kind}")
    pictures = source(folder / f"list.{kind}", study)
    assert seen(pictures) == EXPECTED


def test_a_saved_data_set_with_splits(tmp_path, study):
    features = datasets.Features({"image": datasets.Image(), "what": datasets.ClassLabel(names=["right", "left"])})
    rows = {"image": [{"bytes": png(v), "path": None} for v in (10, 20)], "what": [0, 1]}
    table = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": table, "test": table.select([1])}).save_to_disk(tmp_path / "saved")
    assert seen(source(f"hf:{tmp_path / 'saved'}@test", study)) == [("0", 0, 20)]
    assert seen(source(f"hf:{tmp_path / 'saved'}@train", study)) == [("0", 1, 10), ("1", 0, 20)]
    with pytest.raises(PictureError, match=r"has the splits train, test; give one"):
        source(f"hf:{tmp_path / 'saved'}", study)


def test_a_stream_is_read_in_order_and_again(tmp_path, study, monkeypatch):
    features = datasets.Features({"image": datasets.Image(), "what": datasets.ClassLabel(names=["right", "left"])})
    rows = {"image": [{"bytes": png(v), "path": None} for v in (10, 20, 30)], "what": [0, 1, None]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "data" / "train.parquet")
    with pytest.raises(PictureError, match="use hf: instead"):  # a folder of files does not tell
        source(f"stream:{tmp_path / 'data'}", study)
    monkeypatch.setattr(sources, "_stream", lambda stream: Stream(stream, 3))
    pictures = source(f"stream:{tmp_path / 'data'}", study)
    assert seen(pictures) == [("0", 1, 10), ("1", 0, 20), ("2", -1, 30)]
    assert [round(float(pictures[i][0][0].mean()) * 255) for i in (2, 0, 2)] == [30, 10, 30]
    assert described(pictures)["count"] == 3


def test_archives(tmp_path, study):
    for number in range(2):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as archive:
            for i in range(2):
                for end, content in (("png", png(50 * i + number)), ("cls", str(i).encode())):
                    entry = tarfile.TarInfo(f"{number}{i}.{end}")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
    pictures = source(tmp_path / "*.tar", study)
    assert seen(pictures) == [("00", 0, 0), ("01", 1, 50), ("10", 0, 1), ("11", 1, 51)]


def test_grey_pictures_for_a_study_of_grey_ones(folder, new_study, squares, net):
    study = new_study(net(channels=1), squares(shape=(1, 12, 16)), class_names=["left", "right", "c", "d"])
    assert source(folder, study)[0][0].shape == (1, 12, 16)


def test_a_table_without_pictures_or_that_is_none(tmp_path, study):
    datasets.Dataset.from_dict({"number": [1, 2]}).to_csv(tmp_path / "numbers.csv")
    with pytest.raises(PictureError, match=r"no column of the table holds pictures or paths \(it has number\)"):
        source(tmp_path / "numbers.csv", study)
    with pytest.raises(XaiWidgetsError, match="cannot be opened with datasets"):
        source(tmp_path / "missing.csv", study)


def test_a_folder_is_explained_and_continued_by_its_name(folder, small, tmp_path):
    for _ in range(2):
        found = xw.explain_all(small.explainer(), folder, tmp_path / "out", shard=4, batch=2, progress=Progress())
    table = found.table(["id", "label"]).to_pylist()
    assert [(row["id"], row["label"]) for row in table[:6]] == [(name, label) for name, label, _ in EXPECTED]
    assert [name for name, _ in found.failures] == ["right/9.jpg"]


def test_ids_of_a_subset_are_those_of_the_whole(folder, study):
    subset = torch.utils.data.Subset(source(folder, study), [4, 1])
    assert [id_of(subset, i) for i in range(2)] == ["right/2.png", "left/3.png"]
    assert np.array_equal([subset[0][1], subset[1][1]], [1, 0])
