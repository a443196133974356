"""What FiftyOne and Embedding Atlas find in what is written; by their formats, without them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import xai_widgets as xw
from xai_widgets.errors import ArtifactError


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def written(whole, tmp_path_factory):
    """A data set of FiftyOne of the small run, with the folder that it is in."""
    folder = tmp_path_factory.mktemp("fiftyone") / "set"
    assert xw.to_fiftyone(whole, folder) == 21  # one is broken
    return folder, json.loads((folder / "samples.json").read_text())["samples"]


def test_every_picture_has_an_entry_with_its_heat_map(written, whole, small):
    folder, samples = written
    assert [sample["picture"] for sample in samples] == [str(i) for i in range(small.COUNT) if i != 3]
    for sample in samples:
        row = whole.rows([int(sample["picture"])])[0]
        assert sample["_media_type"] == "image"
        assert pixels_of(folder / sample["filepath"]).shape == (12, 16, 3)
        heat = sample["evidence"]
        assert (heat["_cls"], heat["range"]) == ("Heatmap", [0, 255])
        mask = pixels_of(folder / heat["map_path"])
        assert mask.shape == (12, 16)
        assert mask.mean() / 255 == pytest.approx(row["area"], abs=0.01)
        assert (sample["trust"], sample["kept"]) == (row["trust"], row["kept"])
        assert sample["prediction"] == {
            "_cls": "Classification", "tags": [], "label": row["prediction_name"], "confidence": row["probability"],
        }  # fmt: skip
        assert sample["ground_truth"]["label"] == ("left", "right")[int(sample["picture"]) % 2]


def test_paths_are_relative_to_the_folder_as_its_importer_expects(written):
    folder, _ = written
    about = json.loads((folder / "metadata.json").read_text())
    assert about["media_type"] == "image"
    assert "version" not in about  # with one, FiftyOne would expect its database's own description of the fields
    assert [path.name for path in (folder / "fields").iterdir()] == ["evidence"]


def test_pictures_of_a_folder_are_shown_themselves(whole, tmp_path):
    (tmp_path / "pictures").mkdir()
    xw.to_fiftyone(whole.folder, tmp_path / "set", tmp_path / "pictures")
    samples = json.loads((tmp_path / "set" / "samples.json").read_text())["samples"]
    assert samples[0]["filepath"] == str(tmp_path / "pictures" / "0")
    assert not list((tmp_path / "set" / "data").iterdir())


def test_a_folder_of_something_else_is_refused(whole, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="exists already; give the name of a new folder"):
        xw.to_fiftyone(whole, tmp_path)
    with pytest.raises(ArtifactError, match="there is no folder"):
        xw.to_fiftyone(whole, tmp_path / "set", tmp_path / "nowhere")
    assert not (tmp_path / "set").exists()


def test_the_files_have_what_embedding_atlas_takes(whole):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(whole.path(1), partitioning=None).to_pylist()
    assert {len(row["evidence"]) for row in table} == {64}  # --vector
    assert all(row["thumbnail"]["bytes"].startswith(b"\x89PNG") for row in table)  # shown as pictures
