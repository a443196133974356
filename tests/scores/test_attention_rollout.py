"""Attention rollout: by hand where attention is known, on transformers of three libraries, and where there is none."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import SwinTransformer, VisionTransformer

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores import rows
from xai_widgets.scores.attention_rollout import ROLLOUT, attention_rollout, has_rollout, rolled
from xai_widgets.scores.inversion_baselines import baseline_masks
from xai_widgets.scores.maps import Question
from xai_widgets.scores.saliency_baselines import baseline_maps
from xai_widgets.study import Study

SIDE, CELLS = 8, 4
"""Pictures of 8 x 8 pixels in 2 x 2 patches."""


def study_of(model, side=SIDE):
    torch.manual_seed(0)
    return Study(model.eval(), [(torch.rand(3, side, side), i % 3) for i in range(6)])


def vit(layers=3, side=SIDE):
    torch.manual_seed(0)
    return VisionTransformer(side, side // 2, layers, 2, 8, 16, num_classes=3)


class Handmade(nn.Module):
    """Two layers of one head: the class token looks at patch 2, which has looked at patch 1 before."""

    def __init__(self, way):
        super().__init__()
        self.patches, self.token, self.way = nn.Conv2d(3, 5, 4, stride=4), nn.Parameter(torch.zeros(1, 1, 5)), way
        self.first, self.second, self.head = nn.Identity(), nn.Identity(), nn.Linear(5, 3)

    def forward(self, x):
        cells = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), cells], 1)
        tokens = self.first(tokens + self.attended(tokens, {3: 2}))
        return self.head(self.second(tokens + self.attended(tokens, {0: 3}))[:, 0])

    def attended(self, values, looks):
        own = torch.eye(5) * 100
        wanted = own.clone()
        for token, at in looks.items():
            wanted[token] = own[at]
        query, key = (one.expand(len(values), 1, -1, -1) for one in (wanted, own))
        if self.way == "bool mask":
            seen = torch.eye(5, dtype=torch.bool)[wanted.argmax(1)]
            return F.scaled_dot_product_attention(0 * query, key, values[:, None], attn_mask=seen)[:, 0]
        if self.way == "float mask":
            return F.scaled_dot_product_attention(0 * query, key, values[:, None], attn_mask=wanted)[:, 0]
        return F.scaled_dot_product_attention(query, key, values[:, None], scale=1.0)[:, 0]


@pytest.mark.parametrize("way", ["scores", "bool mask", "float mask"])
def test_the_rollout_of_known_attention(way):
    study = study_of(Handmade(way))
    found = attention_rollout(study, torch.rand(2, 3, SIDE, SIDE))
    # Half of the class token is patch 2, and half of that, before, patch 1; the other half is itself.
    cells = torch.tensor([[0.0, 0.25], [0.25, 0.0]]).expand(2, 1, -1, -1)
    torch.testing.assert_close(found, F.interpolate(cells, (SIDE, SIDE), mode="bilinear")[:, 0])


def test_layers_are_multiplied_in_their_order():
    first, second = torch.rand(2, 3, 3).softmax(2), torch.rand(2, 3, 3).softmax(2)
    wanted = (second + torch.eye(3)) @ (first + torch.eye(3)) / 4
    torch.testing.assert_close(rolled([first, second]), wanted)
    torch.testing.assert_close(rolled([first, second]).sum(2), torch.ones(2, 3))


def test_torchvision_gives_the_attention_that_its_layers_would():
    study, picture = study_of(vit()), torch.rand(1, 3, SIDE, SIDE)
    weights = []

    def note(module, given, _output):
        asked = dict(zip(("query", "key", "value"), given, strict=True))
        weights.append(nn.MultiheadAttention.forward(module, **asked, need_weights=True)[1])

    hooks = [one.self_attention.register_forward_hook(note) for one in study.model.encoder.layers]
    with torch.no_grad():
        study.model(study.normalise(picture))
    for hook in hooks:
        hook.remove()
    wanted = rolled(weights)[:, 0, 1:].unflatten(1, (2, 2))[:, None]
    found = attention_rollout(study, picture)
    torch.testing.assert_close(found, F.interpolate(wanted, (SIDE, SIDE), mode="bilinear")[:, 0])


@pytest.mark.parametrize(("library", "name"), [("timm", "vit"), ("timm", "deit"), ("transformers", "DINOv2")])
def test_other_libraries(library, name):
    made = pytest.importorskip(library, reason=f"needs {library}, which the extra [test] brings")
    if library == "timm":
        small = {"embed_dim": 8, "depth": 2, "num_heads": 2, "img_size": 32, "num_classes": 3}
        names = {"vit": "vit_tiny_patch16_224", "deit": "deit_tiny_distilled_patch16_224"}
        model = made.create_model(names[name], **small)
    else:
        small = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 16, "image_size": 32}
        model = made.Dinov2ForImageClassification(made.Dinov2Config(num_labels=3, **small))
    found = attention_rollout(study_of(model, 32), torch.rand(2, 3, 32, 32))
    assert found.shape == (2, 32, 32)
    assert 0 < found.min() <= found.max() < 1


def test_networks_without_a_class_token_have_none(net):
    swin = SwinTransformer([2, 2], 8, [1, 1], [1, 1], [2, 2], num_classes=3)
    for study in (study_of(swin, 16), study_of(net(3), 16)):
        assert not has_rollout(study)
        assert not rows.applies(ROLLOUT, study)
        with pytest.raises(XaiWidgetsError, match="and this classifier has no class token"):
            attention_rollout(study, torch.rand(1, 3, 16, 16))


def test_attention_among_a_part_of_the_tokens_is_refused(monkeypatch):
    study = study_of(vit())
    whole = study.forward

    def few(pictures):
        some = torch.rand(len(pictures), 1, 3, 4)
        F.scaled_dot_product_attention(some, some, some)
        return whole(pictures)

    monkeypatch.setattr(study, "forward", few)
    with pytest.raises(XaiWidgetsError, match="has attention of 3x3, 5x5 and 5 tokens"):
        attention_rollout(study, torch.rand(1, 3, SIDE, SIDE))


def test_the_network_is_left_as_it_was():
    study, picture = study_of(vit()), torch.rand(1, 3, SIDE, SIDE)
    before = study.logits(picture)
    attention_rollout(study, picture)
    assert not any(module._forward_hooks for module in study.model.modules())
    assert torch.equal(study.logits(picture), before)


def test_it_is_a_row_of_transformers_wherever_saliency_is_listed():
    pytest.importorskip("captum", reason="needs captum, which the extra [compare] brings")
    study, pictures = study_of(vit(side=16), 16), torch.rand(2, 3, 16, 16)
    wanted = attention_rollout(study, pictures)
    classes = torch.tensor([0, 1])
    assert rows.applies(ROLLOUT, study)
    assert torch.equal(rows.ROWS[ROLLOUT](Question(study, pictures, classes, 0, Progress())), wanted)
    masks = baseline_masks(study, pictures, classes, 0, Progress(), [""])[ROLLOUT]
    torch.testing.assert_close(masks, wanted / wanted.amax((1, 2), keepdim=True))
    assert torch.equal(baseline_maps(study, pictures, classes, 1 - classes, 0, Progress())[ROLLOUT], wanted)
