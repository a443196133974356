"""A whole data set: its table, what is wrong with some pictures, and how a run is continued."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch

import xai_widgets as xw
from xai_widgets.errors import ArtifactError, CancelledError, NotFittedError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scale import extra
from xai_widgets.scale.registry import METHODS
from xai_widgets.scale.rows import GRID, centres, kept_and_removed, pixels


def shards(found):
    return {path.name: path.read_bytes() for path in sorted(found.folder.glob("*.parquet"))}


# --- the table -----------------------------------------------------------------------------------------------------


def test_every_picture_has_one_row_in_order(whole, small):
    table = whole.table()
    assert table["index"].to_pylist() == list(range(small.COUNT))
    assert len(whole) == small.COUNT
    assert not whole.missing
    assert len(shards(whole)) == 4
    labels = [None if i == 3 else i % 2 for i in range(small.COUNT)]
    assert table["label"].to_pylist() == labels
    assert table["label_name"].to_pylist() == [None if k is None else ("left", "right")[k] for k in labels]


def test_rows_are_what_the_explainer_gives(whole, small):
    entry = whole.rows([4])[0]
    batch = torch.stack([small.Blobs()[i][0] for i in (4, 5)])  # the rest of the first shard
    found = small.explainer().explain(batch)
    assert entry["kept"] == pytest.approx(float(found.kept[0]), abs=1e-6)
    assert entry["area"] == pytest.approx(float(found.area[0]), abs=1e-6)
    mask = pixels(entry["mask"])
    assert mask.shape == (12, 16)
    assert np.abs(mask / 255 - found.masks[0].numpy()).max() <= 0.5 / 255 + 1e-6
    assert pixels(entry["thumbnail"]).shape == (12, 16, 3)
    assert len(entry["evidence"]) == GRID**2
    assert 0 <= entry["trust"] <= 1


def test_what_is_broken_is_listed_and_stops_nothing(whole):
    assert whole.failures == [("3", "broken PNG file")]
    row = whole.rows([3])[0]
    assert row["prediction"] is None
    assert row["mask"] is None
    assert row["trust"] is None


def test_rows_of_several_shards_come_as_they_are_asked_for(whole):
    assert [row["index"] for row in whole.rows([20, 1, 13], ["index"])] == [20, 1, 13]


def test_other_tools_read_the_table(whole):
    datasets = pytest.importorskip("datasets")
    files = sorted(str(path) for path in whole.folder.glob("shard-*.parquet"))
    table = datasets.Dataset.from_parquet(files, cache_dir=str(whole.folder.parent / "cache"))
    assert table[0]["thumbnail"].size == (16, 12)
    assert table[0]["mask"].mode == "L"


def test_a_wrong_shape_is_a_failure_of_that_picture(small, tmp_path):
    class Odd(small.Blobs):
        def __getitem__(self, index):
            picture, label = super().__getitem__(index)
            return (picture[:, :, 1:], label) if index == 2 else (picture * 3 if index == 4 else picture, label)

    found = small.run(tmp_path / "out", pictures=Odd(7))
    assert [name for name, _ in found.failures] == ["2", "3", "4"]
    assert "shape (3, 12, 15)" in found.failures[0][1]
    assert "must lie in [0, 1]" in found.failures[2][1]


def test_no_picture_depends_on_a_broken_neighbour_in_another_batch(whole, small, tmp_path):
    found = small.run(tmp_path / "out", pictures=small.Blobs(broken=()))
    assert not found.failures
    ours, theirs = shards(whole), shards(found)
    assert {name: ours[name] == theirs[name] for name in ours} == {
        "shard-00000.parquet": False, **{f"shard-0000{n}.parquet": True for n in (1, 2, 3)},
    }  # fmt: skip


def test_processes_that_read_ahead_change_nothing(whole, small, tmp_path):
    assert shards(small.run(tmp_path / "out", workers=2)) == shards(whole)


# --- continuing ----------------------------------------------------------------------------------------------------


def test_a_cancelled_run_is_continued(whole, small, tmp_path):
    progress = small.After(10, None)
    progress.call = progress.cancel
    with pytest.raises(CancelledError):
        small.run(tmp_path / "out", progress=progress)
    begun = xw.Explanations.open(tmp_path / "out")
    assert begun.missing == [1, 2, 3]
    assert begun.table().num_rows == 6
    before = begun.path(0).stat().st_mtime_ns
    found = small.run(tmp_path / "out")
    assert shards(found) == shards(whole)
    assert begun.path(0).stat().st_mtime_ns == before


def test_another_run_in_the_folder_is_refused(whole, small):
    with pytest.raises(ArtifactError, match=r"of other pictures .* choose another folder, or delete this one"):
        small.run(whole.folder, pictures=small.Blobs(21))
    with pytest.raises(ArtifactError, match="in shards of another size"):
        small.run(whole.folder, shard=5)
    other = small.explainer().altered(steps=4)
    with pytest.raises(ArtifactError, match="by an explainer with other settings"):
        xw.explain_all(other, small.Blobs(), whole.folder, shard=6, batch=4, progress=Progress())


def test_a_folder_of_something_else_is_refused(small, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=r"something else \(such as notes.txt\)"):
        small.run(tmp_path)
    with pytest.raises(ArtifactError, match="holds no explanations"):
        xw.Explanations.open(tmp_path)
    with pytest.raises(ArtifactError, match="is a file"):
        small.run(tmp_path / "notes.txt")


def test_a_damaged_manifest_or_shard_says_what_to_do(small, tmp_path):
    found = small.run(tmp_path / "out", pictures=small.Blobs(5))
    found.path(0).write_bytes(b"PAR1 and nothing")
    with pytest.raises(ArtifactError, match="delete it and run again"):
        found.table()
    manifest = tmp_path / "out" / "explanations.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"shard": 3}))
    with pytest.raises(ArtifactError, match="damaged"):
        xw.Explanations.open(tmp_path / "out")


# --- what cannot be explained --------------------------------------------------------------------------------------


def test_pictures_that_fail_in_the_method_are_tried_alone(small, tmp_path):
    explainer, picky = small.explainer(), 5

    def explain(pictures, original=explainer.explain):
        if any(torch.equal(picture, small.Blobs()[picky][0]) for picture in pictures):
            raise XaiWidgetsError("not this one")
        return original(pictures)

    explainer.explain = explain
    found = xw.explain_all(explainer, small.Blobs(8), tmp_path / "out", shard=4, batch=4, progress=Progress())
    assert found.failures == [("3", "broken PNG file"), ("5", "not this one")]


def test_a_method_that_always_fails_stops(small, tmp_path):
    explainer = small.explainer()

    def explain(pictures):
        raise XaiWidgetsError("no gradients")

    explainer.explain = explain
    with pytest.raises(XaiWidgetsError, match="none of 3 pictures can be explained: no gradients"):
        xw.explain_all(explainer, small.Blobs(8), tmp_path / "out", shard=4, batch=4, progress=Progress())


def test_what_is_not_fitted_is_refused(small, tmp_path):
    with pytest.raises(NotFittedError):
        xw.explain_all(xw.SRAE(small.explainer().study), small.Blobs(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_library_names_the_command(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(extra, "import_module", missing)
    with pytest.raises(XaiWidgetsError, match=r'pyarrow is not installed .* pip install "xai-widgets\[scale\]"'):
        extra.needed("pyarrow.parquet")


# --- numbers -------------------------------------------------------------------------------------------------------


def test_centres_of_maps():
    maps = torch.zeros(2, 4, 8)
    maps[0, 0, 7] = 3.0
    assert centres(maps).tolist() == [[0.125, 0.9375], [0.5, 0.5]]


def test_trust_in_masks():
    before, kept, removed = torch.tensor([0.8, 0.8, 0.8]), torch.tensor([0.8, 0.2, 0.8]), torch.tensor([0.0, 0.0, 0.0])
    sound = torch.tensor([True, True, False])
    assert kept_and_removed(before, kept, removed, sound).tolist() == pytest.approx([1.0, 0.25, 0.0])


@pytest.mark.parametrize("key", list(METHODS))
def test_every_method_explains_pictures_of_any_shape(key, tmp_path, new_study, squares, sure):
    make = {
        "cladec": lambda study: xw.ClaDec(study, "conv2", epochs=1, width=4),
        "summaries": lambda study: xw.VisualSummaries(study, masks=xw.CrispMasks(study, count=2)),
        "srae": lambda study: xw.SRAE(study, "conv2", features=3, epochs=1),
        "inversion": xw.GuidedFeatureInversion,
        "cae": lambda study: xw.CAE(study, epochs=1, width=2),
    }
    pictures = squares(shape=(3, 21, 16))
    with torch.no_grad():  # so that it predicts several classes
        sure.logits.bias -= sure.eval()(pictures.pictures).mean(0)
    study = new_study(sure, pictures)
    explainer = make[key](study)
    if METHODS[key].trained:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that the fit is short
            explainer.fit(progress=Progress())
    found = xw.explain_all(explainer, study.test, tmp_path / "out", shard=3, batch=2, progress=Progress())
    table = found.table()
    assert table.num_rows == len(study.test)
    assert set(METHODS[key].numbers) <= set(table.column_names)
    good = [row for row in found.rows(range(len(found))) if row["failed"] is None]
    assert good
    assert all(0 <= row["trust"] <= 1 and pixels(row["mask"]).shape == (21, 16) for row in good)
    assert all((row["code"] is not None) == (key != "inversion") for row in good)
