"""What was saved is the same bits when it is loaded, and a file that cannot be used says why."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import ArtifactError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.progress import Progress
from xai_widgets.study import Study


def test_saved_and_loaded_it_is_the_same_bits(brief, unseen, tmp_path, assert_same_bits):
    path = brief.save(tmp_path / "cae")
    assert path == tmp_path / "cae.safetensors"
    before = torch.get_rng_state()
    loaded = CAE.load(path, brief.study)
    assert torch.equal(torch.get_rng_state(), before)
    assert_same_bits(loaded, brief)
    assert loaded.settings == brief.settings
    assert loaded.health == brief.health
    assert loaded.problems == brief.problems
    (picture, source), *_ = unseen(brief)
    ours, theirs = (cae.explain(picture, (source + 1) % 4) for cae in (brief, loaded))
    assert torch.equal(ours.strip.pictures, theirs.strip.pictures)
    assert torch.equal(ours.strip.probabilities, theirs.strip.probabilities)
    for name, map_ in ours.saliency.items():
        assert torch.equal(theirs.saliency[name], map_)
    assert loaded.fit(progress=Progress()) is loaded  # and never warns again


def test_half_precision_is_smaller_and_almost_the_same(brief, unseen, tmp_path):
    whole, half = brief.save(tmp_path / "whole"), brief.save(tmp_path / "half", dtype=torch.float16)
    assert half.stat().st_size < 0.8 * whole.stat().st_size
    loaded = CAE.load(half, brief.study)
    assert {tensor.dtype for tensor in loaded._networks.state_dict().values()} <= {torch.float32, torch.int64}
    assert torch.equal(loaded.codes, brief.codes)
    assert torch.equal(loaded.weight, brief.weight)
    pictures = torch.stack([picture for picture, _ in unseen(brief, 4)])
    ours, theirs = brief.encode(pictures), loaded.encode(pictures)
    assert torch.equal(ours.z, theirs.z)  # no point of the map moves
    assert torch.allclose(ours.reconstructions, theirs.reconstructions, atol=0.01)


def test_another_classifier_s_file_is_refused(brief, reader, squares, tmp_path):
    path = brief.save(tmp_path / "cae")
    pictures = squares(10)
    for other in (Study(reader(sharp=3.0), pictures), Study(reader(), pictures, mean=[0.5])):
        with pytest.raises(ArtifactError, match=r"cae\.safetensors was made from another model"):
            CAE.load(path, other)


def test_pictures_of_another_side_are_refused(brief, squares, tmp_path):
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        CAE.load(brief.save(tmp_path / "cae"), Study(brief.study.model, squares(10, (3, 33, 47))))


def test_a_truncated_file_is_refused(brief, tmp_path):
    path = brief.save(tmp_path / "cae")
    content = path.read_bytes()
    for length in (0, 5, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ArtifactError, match="cannot be read"):
            CAE.load(path, brief.study)
    with pytest.raises(ArtifactError, match="does not exist"):
        CAE.load(tmp_path / "nothing", brief.study)


def test_a_file_that_lacks_something_is_refused(brief, tmp_path, monkeypatch):
    for name in ("decoder.widen.bias", "class_encoder.linear.weight", "head.bias"):
        state = {key: value for key, value in brief._networks.state_dict().items() if key != name}
        with monkeypatch.context() as patched:
            patched.setattr(brief._networks, "state_dict", lambda state=state: state)
            path = brief.save(tmp_path / "cae")
        with pytest.raises(ArtifactError, match="does not hold what its description says"):
            CAE.load(path, brief.study)


def test_half_precision_moves_no_point_of_the_published_map_either(published, unseen, tmp_path):
    loaded = CAE.load(published.save(tmp_path / "half", dtype=torch.float16), published.study)
    pictures = torch.stack([picture for picture, _ in unseen(published, 4)])
    assert torch.equal(published.encode(pictures).z, loaded.encode(pictures).z)
