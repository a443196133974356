"""What is saved loads bit by bit, and every unusable file says why."""

from __future__ import annotations

import json
import math
import os
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from xai_widgets import artifact
from xai_widgets._version import __version__
from xai_widgets.digest import require_signed, signed
from xai_widgets.errors import ArtifactError

DETAILS = {"model": "abc", "layer": "fc1"}


@pytest.fixture
def saved(tmp_path):
    return artifact.save(tmp_path / "decoder", "cladec", {"w": torch.arange(6.0).view(2, 3)}, DETAILS)


def described(path, **changes):
    """Write a file whose description differs from a right one by `changes`."""
    text, tensors = {"kind": "cladec", "format_version": 1, "details": {}, **changes}, {"w": torch.zeros(1)}
    save_file(tensors, path, metadata={"xai_widgets": json.dumps(signed(text, tensors))})


def test_tensors_of_every_kind_come_back(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    tensors = {
        "turned": whole.T,
        "shared": whole,
        "part": whole[:, 1:3],
        "scalar": torch.tensor(7, dtype=torch.int64),
        "empty": torch.zeros(0, 5),
        "half": torch.tensor([1.5], dtype=torch.bfloat16),
        "flags": torch.tensor([True, False]),
        "trained": torch.nn.Parameter(torch.ones(2)),
    }
    artifact.save(tmp_path / "all", "test", tensors, {})
    loaded, _ = artifact.load(tmp_path / "all", "test")
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_a_file_without_tensors_is_possible(tmp_path):
    artifact.save(tmp_path / "none", "test", {}, {"a": 1})
    tensors, details = artifact.load(tmp_path / "none", "test")
    assert tensors == {}
    assert details["a"] == 1


def test_details_come_back_as_strict_json(tmp_path):
    details = {"shape": (3, 4), "lr": 0.1, "deep": [{"loss": math.nan, "best": math.inf}], "none": None}
    path = artifact.save(tmp_path / "d", "test", {}, details)
    _, loaded = artifact.load(path, "test")
    provenance = loaded.pop("provenance")
    assert loaded == {"shape": [3, 4], "lr": 0.1, "deep": [{"loss": None, "best": None}], "none": None}
    assert provenance["xai_widgets"] == __version__
    assert provenance["torch"] == torch.__version__


def test_provenance_of_the_caller_is_kept(tmp_path):
    path = artifact.save(tmp_path / "d", "test", {}, {"provenance": artifact.provenance(seed=3)})
    assert artifact.load(path, "test")[1]["provenance"]["seed"] == 3


def test_the_suffix_is_added_never_replaced_and_folders_are_made(tmp_path):
    path = artifact.save(tmp_path / "new" / "folder" / "layer3.0", "test", {}, {})
    assert path == tmp_path / "new" / "folder" / "layer3.0.safetensors"
    artifact.load(tmp_path / "new" / "folder" / "layer3.0", "test")
    assert artifact.save(path, "test", {}, {}) == path


def test_a_saved_file_is_alone_and_as_readable_as_any_other(saved):
    (saved.parent / "plain").touch()
    assert sorted(path.name for path in saved.parent.iterdir()) == ["decoder.safetensors", "plain"]
    assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE((saved.parent / "plain").stat().st_mode)
    with safe_open(saved, framework="pt") as file:
        assert list(file.metadata()) == ["xai_widgets"]


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(saved, monkeypatch, name):
    def fail(*args):
        raise OSError("disk full")

    target = os if name == "fsync" else Path
    monkeypatch.setattr(target, name, fail)
    with pytest.raises(ArtifactError, match=r"decoder.safetensors cannot be written \(disk full\)"):
        artifact.save(saved, "cladec", {"w": torch.zeros(9)}, DETAILS)
    monkeypatch.undo()
    assert [path.name for path in saved.parent.iterdir()] == ["decoder.safetensors"]
    assert artifact.load(saved, "cladec")[0]["w"].shape == (2, 3)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="cannot be written"):
        artifact.save(tmp_path / "file" / "x", "test", {}, {})


def test_details_that_json_cannot_hold_write_nothing(tmp_path):
    with pytest.raises(TypeError):
        artifact.save(tmp_path / "x", "test", {}, {"model": object()})
    assert list(tmp_path.iterdir()) == []


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ArtifactError, match=r"nothing.safetensors does not exist"):
        artifact.load(tmp_path / "nothing", "cladec")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(ArtifactError, match="no file"):
        artifact.load(tmp_path / "folder", "cladec")


def test_every_truncation_is_refused(saved):
    whole = saved.read_bytes()
    for length in range(len(whole)):
        saved.write_bytes(whole[:length])
        with pytest.raises(ArtifactError, match=r"decoder.safetensors.*(truncated|empty)"):
            artifact.load(saved, "cladec")


@pytest.mark.parametrize("content", [b"PK\x03\x04 this is a torch.save archive", b"\x80\x04\x95" + bytes(50)])
def test_another_format(saved, content):
    saved.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a safetensors file"):
        artifact.load(saved, "cladec")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_foreign_safetensors(saved, metadata):
    save_file({"w": torch.zeros(1)}, saved, metadata=metadata)
    with pytest.raises(ArtifactError, match="was not written by xai_widgets"):
        artifact.load(saved, "cladec")


def test_wrong_kind_and_newer_version(saved):
    with pytest.raises(ArtifactError, match="holds 'cladec', not 'srae'"):
        artifact.load(saved, "srae")
    described(saved, format_version=2)
    with pytest.raises(ArtifactError, match=r"format version 2.*upgrade"):
        artifact.load(saved, "cladec")


@pytest.mark.parametrize("changes", [{"format_version": "1"}, {"details": []}, {"kind": None}])
def test_damaged_description(saved, changes):
    described(saved, **changes)
    with pytest.raises(ArtifactError, match="damaged description"):
        artifact.load(saved, "cladec")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": NaN}', '{"details": {"x": Infinity}}'])
def test_description_that_is_not_json(saved, text):
    save_file({"w": torch.zeros(1)}, saved, metadata={"xai_widgets": text})
    with pytest.raises(ArtifactError, match="damaged description"):
        artifact.load(saved, "cladec")


def test_loaded_tensors_do_not_depend_on_the_file(saved):
    tensors, _ = artifact.load(saved, "cladec")
    saved.write_bytes(bytes(saved.stat().st_size))
    assert torch.equal(tensors["w"], torch.arange(6.0).view(2, 3))


def test_remove_takes_what_killed_writers_left(saved):
    gone = subprocess.Popen(["true"])
    gone.wait()
    mine = temporary_of(saved)
    left = mine.with_name(mine.name.replace(f".{os.getpid()}.", f".{gone.pid}."))
    elsewhere = mine.with_name(mine.name.replace(mine.name.split(".")[-4], "0" * 8))
    old, other = (
        elsewhere.with_name(elsewhere.name.replace("0" * 8, "1" * 8)),
        saved.with_name(".other.safetensors.0.tmp"),
    )
    for path in (mine, left, elsewhere, old, other):
        path.touch()
    os.utime(old, (0, 0))
    artifact.remove(saved.with_suffix(""))
    assert set(saved.parent.iterdir()) == {mine, elsewhere, other}  # whose writers may still be at work
    artifact.remove(saved)
    artifact.remove(saved.parent / "no" / "folder")


def temporary_of(saved):
    """The name under which this process writes a file."""
    names = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifact, "_write", lambda path, content: names.append(path))
        with pytest.raises(ArtifactError):  # nothing is there to be renamed
            artifact.save(saved, "cladec", {}, {})
    return names[0]


def test_a_folder_that_another_process_takes_away_is_made_again(tmp_path, monkeypatch):
    write, left = artifact._write, [True]

    def late(path, content):
        if left:
            left.pop()
            path.parent.rmdir()
        write(path, content)

    monkeypatch.setattr(artifact, "_write", late)
    path = artifact.save(tmp_path / "new" / "x", "test", {}, {})
    assert artifact.load(path, "test")[0] == {}


def test_no_flipped_bit_goes_unnoticed(saved):
    whole, (tensors, details) = saved.read_bytes(), artifact.load(saved, "cladec")
    for at in range(8 * len(whole)):
        saved.write_bytes(whole[: at // 8] + bytes([whole[at // 8] ^ 1 << at % 8]) + whole[at // 8 + 1 :])
        with suppress(ArtifactError):
            again, said = artifact.load(saved, "cladec")
            assert said == details
            assert torch.equal(again["w"], tensors["w"])


def test_a_file_without_a_digest_is_refused(saved):
    text = {"kind": "cladec", "format_version": 1, "details": {}}
    save_file({"w": torch.zeros(1)}, saved, metadata={"xai_widgets": json.dumps(text)})
    with pytest.raises(ArtifactError, match="it has no digest"):
        artifact.load(saved, "cladec")


@pytest.mark.parametrize(
    "other", [{"v": torch.zeros(4)}, {"w": torch.zeros(2, 2)}, {"w": torch.zeros(4).int()}, {"w": -torch.zeros(4)}, {}]
)
def test_a_digest_is_over_names_shapes_types_and_bits(other):
    made = signed({"kind": "x"}, {"w": torch.zeros(4)})
    require_signed(Path("x"), made, {"w": torch.zeros(8)[::2]})
    with pytest.raises(ArtifactError, match="digest differs"):
        require_signed(Path("x"), made, other)
    with pytest.raises(ArtifactError, match="digest differs"):
        require_signed(Path("x"), made | {"kind": "y"}, {"w": torch.zeros(4)})


def test_a_digest_is_of_what_json_makes_of_a_description():
    made = signed({"pair": (1, 2), "numbers": {10: "a", 9: "b"}})
    require_signed(Path("x"), json.loads(json.dumps(made)))


def test_tensors_that_were_saved_together():
    tensors = {"a/x": torch.zeros(1), "a/b/y": torch.ones(1), "ab/x": torch.ones(2), "x": torch.ones(3)}
    assert {name: len(tensor) for name, tensor in artifact.group(tensors, "a").items()} == {"x": 1, "b/y": 1}
    assert artifact.group(tensors, "a")["b/y"] is tensors["a/b/y"]
    assert artifact.group(tensors, "c") == {}


def test_the_model_must_be_the_same(saved):
    artifact.require_same_model(DETAILS, "abc", saved)
    with pytest.raises(ArtifactError, match=r"decoder.safetensors was made from another model.*abc.*xyz"):
        artifact.require_same_model(DETAILS, "xyz", saved)
    with pytest.raises(ArtifactError, match="another model"):
        artifact.require_same_model({}, "xyz", saved)


def test_modules_that_ask_for_their_version_get_it():
    class Versioned(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            if local_metadata.get("version") != 2:
                raise ValueError("version should be 2")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    one, other = nn.Sequential(Versioned(2, 2)), nn.Sequential(Versioned(2, 2))
    assert artifact.put_into(other, dict(one.state_dict())) == ([], [])
    assert torch.equal(one[0].weight, other[0].weight)
    assert artifact.put_into(other, {"0.weight": one[0].weight}, strict=False) == (["0.bias"], [])
