"""What is finished is found again by the same fit, and by no other; nothing is left behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.errors import ArtifactError
from xai_widgets.methods.common.resume import FinishedParts


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["ClaDec of fc", "auto-encoder of features.0#2"])
def test_what_is_kept_is_restored(tmp_path, name):
    module, other = nn.BatchNorm1d(3), nn.BatchNorm1d(3).train()
    module.running_mean += 7
    FinishedParts(tmp_path, "fit").keep(name, module, 5)
    assert FinishedParts(tmp_path, "fit").restore(name, other) == 5
    assert not other.training
    for key, tensor in module.state_dict().items():
        assert torch.equal(other.state_dict()[key], tensor)


def test_what_is_not_finished_or_damaged_is_not_restored(tmp_path):
    module = nn.Linear(2, 2)
    before = module.weight.clone()
    parts = FinishedParts(tmp_path / "not there yet", "fit")
    assert parts.restore("ClaDec of fc", module) is None
    parts.keep("ClaDec of fc", nn.Linear(2, 2), 1)
    assert parts.restore("auto-encoder of fc", module) is None
    assert torch.equal(module.weight, before)
    assert module.training
    files(tmp_path)[0].write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="ClaDec of fc-finished"):
        parts.restore("ClaDec of fc", module)


def test_fits_that_differ_share_nothing(tmp_path):
    first, second = FinishedParts(tmp_path, "fit"), FinishedParts(tmp_path, "another")
    first.keep("ClaDec of fc", nn.Linear(2, 2), 1)
    assert second.restore("ClaDec of fc", nn.Linear(2, 2)) is None
    assert first.checkpoint("x") != second.checkpoint("x")
    second.keep("ClaDec of fc", nn.Linear(2, 2), 2)
    second.clear()
    assert first.restore("ClaDec of fc", nn.Linear(2, 2)) == 1


def test_clearing_removes_what_is_its_own_and_nothing_else(tmp_path):
    FinishedParts(tmp_path, "fit").keep("one", nn.Linear(2, 2), 1)
    parts = FinishedParts(tmp_path, "fit")
    parts.restore("one", nn.Linear(2, 2))
    parts.keep("two", nn.Linear(2, 2), 1)
    assert len(files(tmp_path)) == 2
    parts.clear()
    assert list(tmp_path.iterdir()) == []
    parts.clear()
    parts = FinishedParts(tmp_path, "fit")
    running = parts.checkpoint("two")
    assert parts.checkpoint("one") != running
    parts.keep("one", nn.Linear(2, 2), 1)
    running.write_bytes(b"")
    parts.clear()
    assert files(tmp_path) == [running]
    FinishedParts(tmp_path / "never used", "fit").clear()


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = FinishedParts(None, "fit")
    parts.keep("one", nn.Linear(2, 2), 1)
    assert parts.restore("one", nn.Linear(2, 2)) is None
    assert parts.checkpoint("one") is None
    parts.clear()
    assert list(tmp_path.iterdir()) == []
