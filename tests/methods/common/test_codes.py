"""One pass reads all layers, and what does not fit into memory is read again."""

from __future__ import annotations

from collections import deque

import pytest
import torch
from torch import nn

from xai_widgets.errors import CancelledError, PictureError
from xai_widgets.methods.common import codes
from xai_widgets.methods.common.codes import cached_pass, read_codes
from xai_widgets.progress import Progress
from xai_widgets.study import Study

LAYERS = ["conv1", "conv2", "fc"]


def cached(study, layers=LAYERS, indices=range(10), progress=None):
    return cached_pass(study, study.train, indices, layers, progress or Progress())


def test_what_is_kept(new_study):
    study = new_study(batch_size=4, mean=[0.4], std=[0.2])
    seen = cached(study, indices=[7, 2, 30, 2, 11])
    pixels, labels = study.load(study.train, [7, 2, 30, 2, 11])
    assert len(seen) == 5
    assert torch.equal(seen.labels, labels)
    assert (seen.picture(slice(None)) - pixels).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.allclose(seen.logits, study.logits(pixels))
    for layer in LAYERS:
        assert torch.allclose(seen.code(layer, slice(None)), study.activations(pixels, layer), atol=1e-2)
        assert seen.code(layer, torch.tensor([3, 1])).dtype == torch.float32
        assert torch.equal(seen.code(layer, torch.tensor([3]))[0], seen.code(layer, slice(1, 2))[0])


@pytest.mark.parametrize("layers", [["fc"], LAYERS])
def test_all_layers_share_the_passes(new_study, net, layers):
    model, passes = net(), deque()  # a list would be copied when the model is borrowed
    study = new_study(model, batch_size=4)
    study.layers()  # has passes of its own, once
    handle = model.conv1.register_forward_hook(lambda *_: passes.append(1))
    cached(study, layers)
    handle.remove()
    assert len(passes) == 3  # for layers and for logits at once, in three batches


def test_codes_that_do_not_fit_are_read_when_asked_for(new_study, monkeypatch):
    study = new_study(batch_size=4)
    whole = cached(study)
    # 12 of fc and 8 x 4 x 4 of conv2 in half precision for three batches of four, but not 6 x 8 x 8 of conv1 too.
    monkeypatch.setattr(codes, "MOST_BYTES", 2 * 12 * (12 + 128) + 1)
    lean = cached(study)
    assert set(lean.codes) == {"conv2", "fc"}
    some = torch.tensor([9, 0, 4])
    assert torch.allclose(lean.code("conv1", some), whole.code("conv1", some), atol=2e-2)
    monkeypatch.setattr(codes, "MOST_BYTES", 0)
    assert cached(study).codes == {}


def test_progress_counts_batches_and_can_stop(new_study):
    study, seen = new_study(batch_size=4), []
    cached(study, progress=Progress(seen.append))
    assert (seen[0].task, seen[-1].done, seen[-1].total) == ("reading the layers", 3, 3)
    stopped = Progress()
    stopped.cancel()
    with pytest.raises(CancelledError):
        cached(study, progress=stopped)


def test_pictures_of_a_wrong_range_are_refused(new_study, squares):
    pictures = squares(6)
    pictures.pictures *= 255
    with pytest.raises(PictureError, match="must lie in"):
        cached(new_study(pictures=pictures), indices=range(4))


def test_codes_of_tokens_are_maps(squares):
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Identity()

        def forward(self, pictures):
            return self.tokens(pictures[:, :, ::4, ::4].flatten(2).transpose(1, 2)).mean(1)

    study = Study(Tokens(), squares(4, classes=3))
    pictures, _ = study.load(study.train, range(2))
    with study.borrowed():
        assert torch.equal(read_codes(study, pictures, ["tokens"])["tokens"], pictures[:, :, ::4, ::4])
