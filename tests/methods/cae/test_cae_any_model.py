"""Pictures of any shape and models of any kind, and the published preset."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

from xai_widgets.errors import PictureError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.progress import Progress
from xai_widgets.study import Study


@pytest.mark.parametrize(
    ("shape", "classes"), [((1, 28, 28), 2), ((1, 33, 47), 4), ((3, 64, 64), 3), ((3, 8, 8), 2), ((1, 5, 6), 2)]
)
def test_pictures_of_any_shape(fit, reader, squares, check, shape, classes):
    pictures = squares(16, shape, classes=classes)
    check(fit(Study(reader(shape[0], classes), pictures), epochs=1, width=2))


class Looks(nn.Module):
    """Any number of classes: a fixed random look at the picture."""

    def __init__(self, classes):
        super().__init__()
        self.fc = nn.Linear(48, classes)
        with torch.no_grad():
            self.fc.weight.normal_(std=30, generator=torch.Generator().manual_seed(0))

    def forward(self, pictures):
        cells = nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1)
        return self.fc(cells - cells.mean(1, keepdim=True))


@pytest.mark.parametrize("classes", [10, 130])
def test_many_classes_and_a_model_of_one_layer(fit, squares, check, classes):
    made = fit(Study(Looks(classes), squares(40)), epochs=1)
    assert made.study.classes == classes
    assert len(made.code_classes.unique()) < classes  # some are never seen
    assert made._fitted.networks.class_encoder.linear.in_features == classes  # the logits are the evidence
    check(made)


def told_apart(model, pictures):
    """The classifier with its logits centred, so that all classes are seen."""
    model.eval()
    with torch.no_grad():
        last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        last.bias -= model(pictures.pictures).mean(0)
    return model


def test_a_model_of_tokens(fit, squares, check):
    pictures = squares(30)
    model = told_apart(VisionTransformer(16, 4, 1, 2, 12, 16, num_classes=4), pictures)
    nn.init.normal_(model.heads.head.weight)
    check(fit(Study(told_apart(model, pictures), pictures), epochs=1))


def test_a_model_whose_layers_give_tuples(fit, squares, check):
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

    pictures = squares(30)
    made = fit(Study(told_apart(Odd(), pictures), pictures), epochs=1)
    assert made._layer == "attention"
    check(made)


def test_a_model_in_half_precision(fit, net, squares, check):
    pictures = squares(30)
    shown = check(fit(Study(told_apart(net(), pictures).half(), pictures), epochs=1))
    assert shown.picture.dtype == torch.float32


def test_very_few_pictures(fit, reader, squares, check):
    pictures = squares(2)
    pictures.pictures[0], pictures.pictures[1] = squares(40).pictures[:2]
    study = Study(reader(), pictures, test=squares(4))
    assert len(set(study.predict(pictures.pictures).argmax(1).tolist())) == 2
    check(fit(study, epochs=1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_on_a_gpu(fit, reader, squares, check, unseen, tmp_path):
    before = torch.cuda.get_rng_state()
    made = fit(Study(reader().cuda(), squares(40)))
    assert torch.equal(torch.cuda.get_rng_state(), before)
    shown = check(made)
    assert shown.picture.device.type == made.codes.device.type == made.centres.device.type == "cpu"
    loaded = CAE.load(made.save(tmp_path / "x"), Study(reader(), squares(40)))  # and on a CPU again
    (picture, source), *_ = unseen(made)
    ours, theirs = (one.explain(picture, (source + 1) % 4) for one in (made, loaded))
    assert torch.allclose(ours.picture, theirs.picture, atol=2e-2)


# --- as published -------------------------------------------------------------------------------------------------


def test_the_published_one_explains_too(published, check, tmp_path, assert_same_bits):
    shown = check(published)
    assert shown.origin["paper"] is True
    assert not shown.pasted
    assert repr(published) == "CAE('Sequential', 8-D code, as published)"
    assert published.codes.mean(0).abs().max() < 1e-4
    assert torch.allclose(published.codes.std(0), torch.ones(8), atol=1e-3)
    loaded = CAE.load(published.save(tmp_path / "x"), published.study)
    assert_same_bits(loaded, published)
    assert torch.equal(check(loaded).strip.pictures, shown.strip.pictures)


def test_the_published_recipe(published):
    recipe = CAE.paper(published.study, epochs=50).settings.recipe
    assert recipe.milestones == (5, 10, 15, 20, 25, 30, 35, 40, 45)
    assert (recipe.optimizer, recipe.schedule, recipe.step_decay, recipe.clip) == ("adam", "step", 0.5, None)
    assert (recipe.lr, recipe.betas, recipe.weight_decay, recipe.batch_size) == (1e-4, (0.5, 0.999), 1e-4, 8)
    assert CAE.paper(published.study, epochs=1).settings.width == 64


def test_the_published_one_needs_two_labels(reader, squares):
    pictures = squares(24)
    pictures.labels[:] = 1
    with pytest.raises(PictureError, match="these all have one label"):
        CAE.paper(Study(reader(), pictures), epochs=1, width=4).fit(progress=Progress())
