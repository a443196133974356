"""Half precision moves no point of the map, and a file for pictures of another side is refused."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import ArtifactError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.study import Study


def test_half_precision_is_smaller_and_almost_the_same(brief, unseen, tmp_path):
    whole, half = brief.save(tmp_path / "whole"), brief.save(tmp_path / "half", dtype=torch.float16)
    assert half.stat().st_size < 0.8 * whole.stat().st_size
    loaded = CAE.load(half, brief.study)
    assert {tensor.dtype for tensor in loaded._fitted.networks.state_dict().values()} <= {torch.float32, torch.int64}
    assert torch.equal(loaded.codes, brief.codes)
    assert torch.equal(loaded.weight, brief.weight)
    pictures = torch.stack([picture for picture, _ in unseen(brief, 4)])
    ours, theirs = brief.encode(pictures), loaded.encode(pictures)
    assert torch.equal(ours.z, theirs.z)  # no point of the map moves
    assert torch.allclose(ours.reconstructions, theirs.reconstructions, atol=0.01)


def test_pictures_of_another_side_are_refused(brief, squares, tmp_path):
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        CAE.load(brief.save(tmp_path / "cae"), Study(brief.study.model, squares(10, (3, 33, 47))))


def test_half_precision_moves_no_point_of_the_published_map_either(published, unseen, tmp_path):
    loaded = CAE.load(published.save(tmp_path / "half", dtype=torch.float16), published.study)
    pictures = torch.stack([picture for picture, _ in unseen(published, 4)])
    assert torch.equal(published.encode(pictures).z, loaded.encode(pictures).z)
