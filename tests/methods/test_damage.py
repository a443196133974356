"""No damage of a saved file goes unnoticed: it is refused, or what it holds is the same to the last bit."""

from __future__ import annotations

import random

import pytest
import torch

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError

FLIPS = 500


@pytest.fixture(scope="module")
def saved(make, readable, fit_quietly, tmp_path_factory):
    """A fitted explainer, and its file."""
    explainer = fit_quietly(make(readable()))
    return explainer, explainer.save(tmp_path_factory.mktemp("damage") / explainer.key)


def flipped(whole, dice):
    """The bytes with one bit flipped; half of the flips fall on the header, which is small."""
    header = 8 + int.from_bytes(whole[:8], "little")
    at = dice.randrange(header if dice.random() < 0.5 else len(whole))
    return whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1 :]


def test_no_flipped_bit_goes_unnoticed(saved):
    explainer, path = saved
    whole, (tensors, details) = path.read_bytes(), artifact.load(path, explainer.key)
    dice = random.Random(7)  # noqa: S311  (no secrets)
    refused = 0
    for _ in range(FLIPS):
        path.write_bytes(flipped(whole, dice))
        try:
            again, said = artifact.load(path, explainer.key)
        except ArtifactError:
            refused += 1
            continue
        assert said == details
        assert again.keys() == tensors.keys()
        assert all(again[name].dtype == one.dtype and torch.equal(again[name], one) for name, one in tensors.items())
    path.write_bytes(whole)
    assert refused > 0.95 * FLIPS  # the rest is white space


def test_a_damaged_file_is_refused_by_name(saved):
    explainer, path = saved
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=rf"{path.name} is damaged \(its digest differs\).*copy it again"):
        type(explainer).load(path, explainer.study)
    path.write_bytes(whole)
