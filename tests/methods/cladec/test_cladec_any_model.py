"""Pictures of any shape and models of any kind are decoded, from the data set to the explanation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.data.digits import digits
from xai_widgets.data.folder import folder
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.study import Study

PICTURES = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(1, 33, 47), (3, 8, 8), (1, 28, 28)])
@pytest.mark.parametrize("layer", ["conv1", "fc"])
def test_odd_shapes(fit, new_study, net, squares, shape, layer):
    made = fit(new_study(net(shape[0]), squares(12, shape)), layer)
    shown = made.explain(torch.rand(1, *shape))
    assert shown.cladec.shape == (1, *shape)
    assert shown.bits_lost.shape == (1, *shape[1:])
    assert ("colour" in made.report().kept["cladec"]) == (shape[0] == 3)


def test_digits(fit, net):
    study = Study(net(1, 10), Subset(digits(size=16), 90))
    made = fit(study, ["relu", "logits"], epochs=2)
    assert made.report("relu").error["cladec"] < made.report("relu").error["mean"]
    assert study.class_names == tuple("0123456789")
    assert made.report().sentence().startswith("This layer ")


def test_real_pictures(fit, real_pictures, net):
    study = Study(net(3, 10), Subset(folder(real_pictures / "cifar10" / "test", size=32), 80), mean=[0.5], std=[0.25])
    made = fit(study, "conv1", epochs=2)
    shown = made.explain(study.load(study.test, range(3))[0])
    assert shown.cladec.shape == (3, 3, 32, 32)
    assert torch.isfinite(shown.bits_lost).all()
    assert shown.verdict()


class Subset(torch.utils.data.Subset):
    """Every so-manieth picture, with its class names."""

    def __init__(self, pictures, count):
        step = len(pictures) // count
        super().__init__(pictures, range(0, step * count, step))
        self.class_names = pictures.class_names


def test_layers_of_all_kinds(fit, new_study):
    """A tuple, a module used twice, tokens."""

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 4, stride=4)
            self.act = nn.ReLU(inplace=True)
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
            self.fc = nn.Linear(4, 4)

        def forward(self, pictures):
            tokens = self.act(self.act(self.conv(pictures)) - 0.1).flatten(2).transpose(1, 2)
            return self.fc(self.attention(tokens, tokens, tokens)[0].mean(1))

    made = fit(new_study(Odd()), ["act", "act#2", "attention"])
    for layer in made.layers:
        assert made.explain(PICTURES, layer).cladec.shape == PICTURES.shape


def test_a_model_in_half_precision(fit, new_study, net):
    made = fit(new_study(net().half()), ["conv2", "fc"])
    shown = made.explain(PICTURES, "fc", alpha=0.5)
    assert shown.cladec.dtype == shown.reference.dtype == torch.float32
    assert torch.isfinite(shown.cladec).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_on_a_gpu(fit, new_study, net, tmp_path, assert_same_pictures):
    made = fit(new_study(net().cuda()), ["conv2", "fc"])
    shown = made.explain(PICTURES, alpha=0.5, units=[0, 1])
    assert shown.cladec.device.type == shown.deviation.device.type == "cpu"
    loaded = ClaDec.load(made.save(tmp_path / "x"), new_study())  # and on a CPU again
    assert_same_pictures(loaded.explain(PICTURES), made.explain(PICTURES), atol=2e-2)
    assert made.neighbours(PICTURES).shape == (5, 3)


@pytest.mark.parametrize("count", [2, 3])
def test_studies_of_very_few_pictures(fit, new_study, squares, count):
    study = new_study(pictures=squares(count))
    assert fit(study, ["conv2", "fc"]).layers == ("conv2", "fc")


@pytest.mark.parametrize("scale", [1e7, 1e-3])
def test_the_scale_of_activations_does_not_matter(fit, new_study, net, squares, scale):
    model = net()
    with torch.no_grad():
        model.fc.weight *= scale
        model.fc.bias *= scale
    usual, scaled = (
        fit(new_study(one, squares(120)), "fc", epochs=6, reference=None).report().error for one in (net(), model)
    )
    assert scaled["cladec"] == pytest.approx(usual["cladec"], rel=0.2)
