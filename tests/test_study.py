"""A study applies the normalisation once, takes pictures in [0, 1] only, and leaves the model as it was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torchvision.models
from PIL import Image
from torch import nn
from torchvision.models import VisionTransformer

from xai_widgets.errors import LayerError, PictureError
from xai_widgets.pictures import KnowsParts
from xai_widgets.study import Study


class Sums(nn.Module):
    """Logits are the sums of the channels of what it is given."""

    def forward(self, pictures):
        return pictures.sum((2, 3))


# --- the pictures ------------------------------------------------------------------------------------------------


def test_a_fifth_is_set_aside_without_overlap_and_always_the_same(new_study, squares):
    pictures = squares(42)
    study, again, other = (new_study(pictures=pictures, seed=seed) for seed in (0, 0, 1))
    assert (len(study.train), len(study.test)) == (34, 8)
    assert set(study.train.indices).isdisjoint(study.test.indices)
    assert sorted([*study.train.indices, *study.test.indices]) == list(range(42))
    assert (study.train.indices, study.test.indices) == (again.train.indices, again.test.indices)
    assert study.test.indices != other.test.indices


def test_what_a_layer_gives_can_be_replaced_on_its_way(new_study):
    study = new_study()
    pictures = torch.rand(2, 3, 16, 16)
    with study.borrowed(), torch.no_grad():
        assert torch.equal(study.forward_replacing(pictures, "fc", lambda x: x), study.forward(pictures))
        moved = study.forward_replacing(pictures, "fc", torch.zeros_like)
    assert torch.equal(moved, study.model.logits.bias.expand(2, -1))


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ([], "at least two pictures, but got 0"),
        ([(torch.zeros(3, 16, 16), 0)], "at least two pictures, but got 1"),
        ([(torch.zeros(4, 4), 0)] * 3, r"must have shape \(C, H, W\), but the first one has \(4, 4\)"),
        ([(Image.new("RGB", (16, 16)), 0)] * 4, "Image"),
    ],
)
def test_pictures_that_cannot_be_studied(new_study, pictures, said):
    with pytest.raises(PictureError, match=said):
        new_study(pictures=pictures)


def test_few_or_given_pictures(new_study, squares):
    study = new_study(pictures=squares(2))
    assert (len(study.train), len(study.test)) == (1, 1)
    pictures, unseen = squares(6), squares(3, seed=1)
    study = new_study(pictures=pictures, test=unseen)
    assert study.sources[:2] == (pictures, unseen)
    assert torch.equal(study.train.pictures, pictures.pictures)
    assert torch.equal(study.test.pictures, unseen.pictures)


@pytest.mark.parametrize("shape", [(1, 33, 47), (3, 33, 47), (1, 8, 8)])
def test_odd_shapes(new_study, net, squares, shape):
    study = new_study(net(shape[0]), squares(5, shape))
    pixels, _ = study.load(study.train, range(4))
    assert study.shape == shape
    assert study.predict(pixels).shape == (4, 4)
    assert study.predict(pixels[0]).shape == (1, 4)
    assert study.predict(pixels[:0]).shape == (0, 4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (torch.rand(2, 1, 8, 8), r"must have shape \(N, 3, H, W\) for this model, but these have \(2, 1, 8, 8\)"),
        (torch.rand(8, 8), r"these have \(8, 8\)"),
        (torch.rand(1, 2, 3, 8, 8), r"these have \(1, 2, 3, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"must be floats in \[0, 1\], but these are torch.uint8: divide"),
        (torch.full((1, 3, 8, 8), 1.01), r"span 1.01 to 1.01; give the normalisation to the study"),
        (torch.full((1, 3, 8, 8), -0.5), r"span -0.5 to -0.5"),
        (torch.tensor([0.0, torch.nan, torch.inf]).view(3, 1, 1, 1).expand(3, 3, 8, 8), r"pictures \[1, 2\] hold NaN"),
    ],
)
def test_wrong_pictures(new_study, wrong, said):
    study = new_study()
    for method in (study.check, study.logits, study.predict, lambda x: study.activations(x, "conv1")):
        with pytest.raises(PictureError, match=said):
            method(wrong)


def test_a_rounding_error_is_no_error(new_study):
    assert new_study().check(torch.full((3, 16, 16), 1 + 1e-6)).shape == (1, 3, 16, 16)


# --- the classes -------------------------------------------------------------------------------------------------


class Named(list):
    def __init__(self, count, names):
        super().__init__((torch.rand(3, 16, 16), i % 4) for i in range(count))
        self.class_names = names


def test_class_names(new_study):
    four = ["oak", "elm", "ash", "fir"]
    assert new_study(pictures=Named(4, four)).class_names == tuple(four)
    assert new_study(pictures=Named(4, four), class_names=list("abcd")).class_names == ("a", "b", "c", "d")
    assert new_study(pictures=Named(4, four[:3])).class_names == ("class 0", "class 1", "class 2", "class 3")
    with pytest.raises(PictureError, match="class_names must be strings, but one is 1"):
        new_study(class_names=[1, 2, 3, 4])
    with pytest.raises(PictureError, match="the model has 4 logits, but class_names has 3 names"):
        new_study(class_names=["a", "b", "c"])


# --- the classifier ----------------------------------------------------------------------------------------------


def test_the_normalisation_is_applied_once(squares):
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 2.0]
    study, pictures = Study(Sums(), squares(4), mean=mean, std=std), torch.rand(3, 3, 16, 16)
    by_hand = (pictures - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    assert torch.allclose(study.logits(pictures), by_hand.sum((2, 3)), atol=1e-4)


def test_predictions_are_probabilities_in_batches_of_any_size(new_study):
    pictures = torch.rand(7, 3, 16, 16)
    one_shot, in_parts = (new_study(batch_size=size).predict(pictures) for size in (64, 3))
    assert torch.allclose(one_shot.sum(1), torch.ones(7))
    assert torch.allclose(one_shot, in_parts, atol=1e-6)
    assert torch.allclose(one_shot, new_study().logits(pictures).softmax(1))


def test_a_model_in_train_mode_answers_as_in_evaluation_mode(new_study, net):
    pictures, model = torch.rand(5, 3, 16, 16), net()
    with torch.no_grad():
        expected = net().eval()(pictures)
    study = new_study(model.train())
    assert torch.allclose(study.logits(pictures), expected)
    assert all(module.training for module in model.modules())
    assert model.norm.num_batches_tracked == 0


def test_forward_passes_gradients_to_the_pictures_alone(new_study):
    study = new_study()
    pictures = torch.rand(2, 3, 16, 16, requires_grad=True)
    with study.borrowed():
        study.forward(pictures).sum().backward()
    assert pictures.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in study.model.parameters())


def test_a_model_that_gives_tuples_or_has_no_parameters(squares):
    class Pair(nn.Module):
        def forward(self, pictures):
            return {"logits": pictures.mean((2, 3)), "features": pictures}

    assert Study(Pair(), squares(4)).classes == 3
    study = Study(Sums(), squares(4))
    assert study.device == torch.device("cpu")
    assert study.dtype == torch.float32
    assert study.layers() == study.blocks() == ()


def test_activations_and_layers(new_study):
    study = new_study(batch_size=2)
    pictures = torch.rand(5, 3, 16, 16)
    with torch.no_grad():
        expected = study.model.conv1(pictures)
    assert torch.allclose(study.activations(pictures, "conv1"), expected, atol=1e-6)
    assert [layer.shape for layer in study.layers()] == [
        (6, 8, 8), (6, 8, 8), (6, 8, 8), (8, 4, 4), (8, 2, 2), (32,), (32,), (12,), (4,),
    ]  # fmt: skip
    assert study.layer("fc").kind == "Linear"
    assert study.layer("fc").parameters == 33 * 12
    assert [block.name for block in study.blocks()] == [name for name, _ in study.model.named_children()]


def test_logits_and_layers_of_one_pass(new_study):
    study, pictures = new_study(mean=[0.5], std=[0.25]), torch.rand(3, 3, 16, 16, requires_grad=True)
    with study.borrowed():
        logits, kept = study.forward_and_record(pictures, ["conv2", "fc"])
        (logits.sum() + kept["fc"].sum()).backward()
    assert torch.allclose(logits, study.logits(pictures), atol=1e-6)
    for layer in ("conv2", "fc"):
        assert torch.allclose(kept[layer], study.activations(pictures, layer), atol=1e-6)
    assert pictures.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in study.model.parameters())
    with study.borrowed(), pytest.raises(LayerError, match="no layer is named 'fcc'"):
        study.forward_and_record(pictures, ["fcc"])


def test_a_set_that_knows_the_parts_of_its_pictures(squares):
    class Parts(squares):
        part_names = ("ground", "square")

        def part_map(self, index):
            return self[index][0][0] > 0.2

    assert isinstance(Parts(4), KnowsParts)
    assert not isinstance(squares(4), KnowsParts)


def test_a_wrong_layer(new_study, net):
    with pytest.raises(LayerError, match=r"no layer is named 'convl'; closest: .*'conv1'"):
        new_study().layer("convl")
    with pytest.raises(LayerError, match="no layer is named 'conv1#2'"):
        new_study().activations(torch.rand(1, 3, 16, 16), "conv1#2")
    model = net()
    model.dropout.spare = nn.Linear(2, 2)
    with pytest.raises(LayerError, match=r"'dropout.spare' exists, but does not run on these pictures"):
        new_study(model).activations(torch.rand(1, 3, 16, 16), "dropout.spare")


class WithExtra(nn.Module):
    """A network whose state holds more than tensors."""

    def __init__(self, inner, extra):
        super().__init__()
        self.inner, self.extra = inner, extra

    def get_extra_state(self):
        return self.extra

    def set_extra_state(self, state):
        self.extra = state

    def forward(self, x):
        return self.inner(x)


def test_the_fingerprint_knows_what_else_a_state_holds(new_study, net):
    states = {"version": 1}, {"version": 2}, {"kept": [torch.ones(2), None]}, {"kept": [torch.zeros(2), None]}, object()
    found = {new_study(WithExtra(net(), extra)).fingerprint for extra in states}
    assert len(found) == len(states)
    assert new_study(WithExtra(net(), object())).fingerprint in found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_fingerprint_knows_quantised_weights(new_study, net):
    quantised = [torch.ao.quantization.quantize_dynamic(net(seed=seed).eval(), {nn.Linear}) for seed in (0, 0, 1)]
    first, same, other = (new_study(model).fingerprint for model in quantised)
    assert first == same != other


def test_wrappers_do_not_change_the_fingerprint(new_study, net):
    assert new_study(nn.DataParallel(net())).fingerprint == new_study(net()).fingerprint
    assert new_study(torch.compile(net())).fingerprint == new_study(net()).fingerprint
    part = nn.Sequential(torch.compile(net()), nn.Identity())
    assert new_study(part).fingerprint == new_study(nn.Sequential(net(), nn.Identity())).fingerprint


def test_the_fingerprint_knows_weights_and_normalisation(new_study, net):
    first = new_study().fingerprint
    assert len(first) == 16
    assert new_study(net().eval(), seed=3).fingerprint == first
    assert new_study(net(seed=1)).fingerprint != first
    assert new_study(mean=[0.5]).fingerprint != first
    assert new_study(net().half()).fingerprint != first


def test_a_model_in_half_precision(new_study, net):
    pictures = torch.rand(3, 3, 16, 16)
    study, whole = new_study(net().half(), mean=[0.5], std=[0.5]), new_study(mean=[0.5], std=[0.5])
    assert study.dtype == torch.float16
    assert study.predict(pictures).dtype == study.activations(pictures, "conv1").dtype == torch.float32
    assert torch.allclose(study.predict(pictures), whole.predict(pictures), atol=0.01)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_on_a_gpu(new_study, net):
    pictures = torch.rand(3, 3, 16, 16)
    study = new_study(net().cuda(), mean=[0.5], std=[0.5])
    assert study.device.type == "cuda"
    there = study.predict(pictures)
    assert there.device.type == "cpu"
    assert torch.allclose(there, new_study(mean=[0.5], std=[0.5]).predict(pictures), atol=1e-3)
    assert torch.allclose(there, study.predict(pictures.cuda()))


def test_it_says_what_it_is(new_study):
    said = repr(new_study(name="Squares"))
    assert said == "Study('Squares': 4 classes, pictures (3, 16, 16), 32 to fit on, 8 unseen)"
    assert new_study().name == "Sequential"


# --- torchvision -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["resnet18", "squeezenet1_1", "googlenet"])
def test_a_torchvision_classifier_without_weights(squares, architecture):
    study = Study.torchvision(architecture, squares(3, (3, 64, 64)), weights=None)
    assert study.classes == 1000
    assert len(study.blocks()) >= 5
    assert study.class_names[999] == "class 999"


def test_a_vision_transformer(squares):
    model = VisionTransformer(16, 4, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=4)
    study = Study(model, squares(3))
    assert study.layer("encoder.layers.encoder_layer_1").shape == (17, 8)
    assert [block.name for block in study.blocks()][2:4] == [f"encoder.layers.encoder_layer_{i}" for i in (0, 1)]


@pytest.fixture
def published(monkeypatch, net):
    """Torchvision with one classifier whose weights need no network."""
    weights = SimpleNamespace(
        transforms=lambda: SimpleNamespace(mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6]),
        meta={"categories": ["a", "b", "c", "d"]},
    )
    asked = []
    monkeypatch.setattr(torchvision.models, "get_model_weights", lambda name: {"DEFAULT": weights, "V1": weights})
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights: asked.append(weights) or net())
    return weights, asked


def test_published_weights_bring_names_and_normalisation(published, squares, new_study):
    weights, asked = published
    pictures = torch.rand(2, 3, 16, 16)
    study = Study.torchvision("tiny", squares(4))
    assert asked == [weights]
    assert (study.name, study.class_names) == ("tiny", ("a", "b", "c", "d"))
    by_hand = new_study(mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6])
    assert torch.equal(study.logits(pictures), by_hand.logits(pictures))
    study = Study.torchvision("tiny", squares(4), weights="V1", class_names=list("wxyz"), name="mine", batch_size=2)
    assert (study.name, study.class_names, study.batch_size) == ("mine", ("w", "x", "y", "z"), 2)
