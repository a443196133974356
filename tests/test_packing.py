"""Tensors of every kind come back from the bytes they were packed into."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.packing import packed, unpacked


def test_all_kinds_come_back() -> None:
    given = {
        "bits": torch.rand(3, 4) > 0.5,
        "numbers": torch.arange(5),
        "halves": torch.rand(2, 2).half(),
        "none": torch.zeros(0, 4, 4),
        "one": torch.tensor(0.25),
    }
    found = unpacked(packed(given))
    assert found.keys() == given.keys()
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in given.items())


def test_the_same_tensors_give_the_same_bytes() -> None:
    given = {"a": torch.rand(100)}
    assert torch.equal(packed(given), packed(given))


@pytest.mark.parametrize("damage", [slice(0, 10), slice(None, None, 2), slice(0, 0)])
def test_other_bytes_are_refused(damage: slice) -> None:
    with pytest.raises(ValueError, match="packed"):
        unpacked(packed({"a": torch.rand(100)})[damage])
