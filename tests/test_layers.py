"""Other people's networks: every layer is read as it was, and none of them notices."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from contextlib import ExitStack

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, get_model

from xai_widgets import layers
from xai_widgets.errors import LayerError

PICTURE = torch.rand(2, 3, 8, 8)


def shapes_of(architecture, side=224, **options):
    """Shapes by layer, and the blocks, of a network that has no weights: only shapes are computed."""
    with torch.device("meta"):
        model = get_model(architecture, weights=None, **options).eval()
        found = layers.trace(model, lambda: model(torch.zeros(1, 3, side, side)))
    return {layer.name: layer for layer in found}, [block.name for block in layers.blocks(model, found)]


class Model(nn.Module):
    """Calls `run(model, pictures)` with the given modules as attributes."""

    def __init__(self, run, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.run = run

    def forward(self, pictures):
        return self.run(self, pictures)


class Gives(nn.Module):
    """Gives whatever `wrap` makes of its input."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(x)


def record(model, *names, pictures=PICTURE):
    return layers.record(model, lambda: model(pictures), names)


# --- reading -----------------------------------------------------------------------------------------------------


def test_an_in_place_relu_does_not_change_what_is_recorded_before_it():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten()).eval()
    with torch.no_grad():
        kept = record(model, "0", "1", "2")
        before = model[0](PICTURE)
    assert before.min() < 0
    assert torch.equal(kept["0"], before)
    assert torch.equal(kept["1"], before.relu())


def test_a_module_used_again_gives_entries_of_its_own():
    model = Model(lambda m, x: m.act(m.scale(m.act(x))), act=nn.ReLU(), scale=Gives(lambda x: x - 0.5))
    kept = record(model, "act", "act#2")
    assert torch.equal(kept["act"], PICTURE)
    assert torch.equal(kept["act#2"], (PICTURE - 0.5).relu())
    assert torch.equal(record(model, "act#2")["act#2"], kept["act#2"])
    assert [layer.name for layer in layers.trace(model, lambda: model(PICTURE))] == ["act", "scale", "act#2"]


def test_a_use_that_does_not_happen():
    model = Model(lambda m, x: m.act(x), act=nn.ReLU())
    with pytest.raises(LayerError, match="'act#2' exists, but was not run"):
        record(model, "act#2")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: (x, x + 1),
        lambda x: [None, (x, 3)],
        lambda x: {"size": 8, "out": x},
        lambda x: {"deep": [{"out": x}], "other": x + 1},
    ],
)
def test_the_first_tensor_of_tuples_lists_and_dicts(wrap):
    model = Model(lambda m, x: m.odd(x), odd=Gives(wrap))
    assert torch.equal(record(model, "odd")["odd"], PICTURE)
    assert [layer.shape for layer in layers.trace(model, lambda: model(PICTURE))] == [(3, 8, 8)]


def test_what_gives_no_tensor_is_no_layer():
    model = Model(lambda m, x: (m.name(x), m.act(x)), name=Gives(lambda x: "a word"), act=nn.ReLU())
    assert [layer.name for layer in layers.trace(model, lambda: model(PICTURE))] == ["act"]
    with pytest.raises(LayerError, match="gave no tensor"):
        record(model, "name")


def test_a_wrong_name_is_answered_with_the_closest():
    model = nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 4, 3), conv2=nn.Conv2d(4, 4, 3), head=nn.Flatten()))
    with pytest.raises(LayerError, match=r"no layer is named 'con2'; closest: 'conv2', 'conv1'"):
        record(model, "con2")
    with pytest.raises(LayerError, match="no layer is named ''"):
        record(model, "")


def test_a_layer_that_is_there_and_not_run():
    model = Model(lambda m, x: m.used(x), used=nn.ReLU(), unused=nn.ReLU())
    with pytest.raises(LayerError, match="'unused' exists, but was not run"):
        record(model, "used", "unused")


def test_the_run_ends_with_the_last_layer_asked_for():
    def fail(x):
        raise AssertionError("not to be reached")

    model = Model(lambda m, x: m.late(m.early(x)), early=nn.ReLU(), late=Gives(fail))
    assert torch.equal(record(model, "early")["early"], PICTURE)


def test_a_model_that_catches_exceptions_does_not_catch_the_end():
    def run(model, x):
        try:
            return model.act(x)
        except Exception as error:
            raise AssertionError("not to be reached") from error

    assert torch.equal(record(Model(run, act=nn.ReLU()), "act")["act"], PICTURE)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_hooks_are_gone_whatever_happens(error):
    def fail(x):
        raise error

    model = Model(lambda m, x: m.late(m.early(x)), early=nn.ReLU(), late=Gives(fail))
    for names in (["early"], ["early", "late"], ["early", "nothing"]):
        with ExitStack() as stack:
            if names != ["early"]:
                stack.enter_context(pytest.raises(LayerError if "nothing" in names else error))
            record(model, *names)
        assert not any(module._forward_hooks for module in model.modules())


def test_recorded_activations_pass_gradients():
    pictures = PICTURE.clone().requires_grad_()
    record(nn.Sequential(nn.Flatten(), nn.ReLU()), "1", pictures=pictures)["1"].sum().backward()
    assert torch.equal(pictures.grad, torch.ones_like(pictures))


def record_all(model, *names, pictures=PICTURE):
    return layers.run_and_record(model, lambda: model(pictures), names)


def test_output_and_layers_of_one_run():
    runs = []
    count = Gives(lambda x: (runs.append(1), x)[1])
    model = Model(lambda m, x: m.late(m.act(m.act(m.count(x)) - 0.5)), count=count, act=nn.ReLU(True), late=nn.Tanh())
    output, kept = record_all(model, "act", "act#2")
    assert len(runs) == 1
    assert torch.equal(output, model(PICTURE))  # not stopped at the last layer asked for
    assert torch.equal(kept["act"], PICTURE)  # a copy: the next use is in place
    assert torch.equal(kept["act#2"], (PICTURE - 0.5).relu())
    assert record_all(model)[1] == {}


def test_output_and_layers_pass_gradients():
    model, pictures = nn.Sequential(nn.Flatten(), nn.Tanh()), PICTURE.clone().requires_grad_()
    output, kept = record_all(model, "0", pictures=pictures)
    (output.sum() + 3 * kept["0"].sum()).backward()
    assert torch.allclose(pictures.grad, 4 - PICTURE.tanh().square())


def test_a_run_that_cannot_be_recorded_leaves_no_hooks():
    def fail(x):
        raise KeyboardInterrupt

    model = Model(lambda m, x: m.used(x), used=nn.ReLU(), unused=nn.ReLU(), name=Gives(lambda x: "a word"))
    with pytest.raises(LayerError, match="'unused' exists, but was not run"):
        record_all(model, "used", "unused")
    with pytest.raises(LayerError, match="no layer is named 'usd'; closest: 'used', 'unused'"):
        record_all(model, "usd")
    model.run = lambda m, x: fail(m.used(x))
    with pytest.raises(KeyboardInterrupt):
        record_all(model, "used")
    assert not any(module._forward_hooks for module in model.modules())


def replaced(model, name, replace, pictures=PICTURE):
    return layers.run_replacing(model, lambda: model(pictures), name, replace)


def test_the_rest_of_the_network_sees_what_is_put_in_place():
    model = nn.Sequential(OrderedDict(one=nn.Conv2d(3, 3, 1), two=nn.ReLU(inplace=True), three=nn.Flatten()))
    given = torch.rand(2, 3, 8, 8)
    kept = given.clone()
    assert torch.equal(replaced(model, "one", lambda _: given.clone()), kept.flatten(1))
    assert torch.equal(replaced(model, "one", lambda tensor: tensor), model(PICTURE))
    assert not model.one._forward_hooks


def test_only_the_use_that_is_named_is_replaced():
    model = Model(lambda model, x: model.twice(model.twice(x)), twice=Gives(lambda x: x + 1))
    assert torch.equal(replaced(model, "twice#2", lambda x: 10 * x), 10 * (PICTURE + 2))
    assert torch.equal(replaced(model, "twice", lambda x: 10 * x), 10 * (PICTURE + 1) + 1)


def test_what_is_put_in_place_passes_gradients():
    model = nn.Sequential(OrderedDict(one=nn.Conv2d(3, 3, 1), two=nn.Flatten()))
    leaf = torch.rand(2, 3, 8, 8, requires_grad=True)
    replaced(model, "one", lambda _: leaf * 2).sum().backward()
    assert torch.equal(leaf.grad, torch.full_like(leaf, 2))


def test_what_cannot_be_replaced():
    model = Model(lambda model, x: model.pair(x)[0], pair=Gives(lambda x: (x, x)), unused=nn.ReLU())
    with pytest.raises(LayerError, match="'pair' gives a tuple, in which nothing can be replaced"):
        replaced(model, "pair", lambda x: x)
    with pytest.raises(LayerError, match="'unused' exists, but was not run"):
        replaced(model, "unused", lambda x: x)
    with pytest.raises(LayerError, match="no layer is named 'pear'; closest: 'pair'"):
        replaced(model, "pear", lambda x: x)
    assert not model.pair._forward_hooks


def test_another_thread_s_run_is_not_recorded():
    entered, leave = threading.Event(), threading.Event()
    model = Model(lambda m, x: m.late(m.early(x)), early=nn.ReLU(), late=nn.Identity())

    def slow():
        entered.set()
        assert leave.wait(10)
        model(PICTURE)

    kept = {}
    thread = threading.Thread(target=lambda: kept.update(layers.record(model, slow, ["early", "late"])))
    thread.start()
    assert entered.wait(10)
    other = record(model, "late", pictures=1 + PICTURE)
    leave.set()
    thread.join()
    assert torch.equal(other["late"], 1 + PICTURE)
    assert torch.equal(kept["early"], PICTURE)


def test_a_copy_made_meanwhile_is_not_hooked():
    model, copies = nn.Sequential(OrderedDict(early=nn.ReLU(), late=nn.Identity())), []
    layers.record(model, lambda: (copies.append(copy.deepcopy(model)), model(PICTURE)), ["early"])
    assert torch.equal(record(copies[0], "late")["late"], PICTURE)


# --- borrowing ---------------------------------------------------------------------------------------------------


def mixed():
    """A model whose flags differ from module to module and from parameter to parameter."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Sequential(nn.ReLU()))
    model[1].eval()
    model[0].bias.requires_grad_(False)
    return model


def flags(model):
    return [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]


def quiet(model):
    return not any(flags(model)[0]) and not any(flags(model)[1])


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_borrowing_restores_every_flag(error):
    model = mixed()
    before = flags(model)
    assert True in before[0]
    assert False in before[0]
    with ExitStack() as stack:
        if error:
            stack.enter_context(pytest.raises(error))
        with layers.borrowed(model):
            assert quiet(model)
            if error:
                raise error
    assert flags(model) == before


def test_nested_borrowing_lasts_until_the_outermost_ends():
    model = mixed()
    before = flags(model)
    with layers.borrowed(model):
        with layers.borrowed(model):
            assert quiet(model)
        assert quiet(model)
    assert flags(model) == before


@pytest.mark.parametrize("first_out", [0, 1])
def test_borrowings_of_two_threads_overlap(first_out):
    model = mixed()
    before = flags(model)
    entered, leave, left = ([threading.Event(), threading.Event()] for _ in range(3))

    def borrow(who):
        with layers.borrowed(model):
            entered[who].set()
            assert leave[who].wait(10)
        left[who].set()

    threads = [threading.Thread(target=borrow, args=(who,)) for who in range(2)]
    for who in range(2):
        threads[who].start()
        assert entered[who].wait(10)
        assert quiet(model)
    for who in (first_out, 1 - first_out):
        assert quiet(model)
        leave[who].set()
        assert left[who].wait(10)
    for thread in threads:
        thread.join()
    assert flags(model) == before


def test_what_was_borrowed_is_not_kept_alive():
    model = mixed()
    with layers.borrowed(model):
        assert model in layers._LOANS
    assert model not in layers._LOANS


# --- known networks ----------------------------------------------------------------------------------------------


def test_resnet18():
    found, blocks = shapes_of("resnet18")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["conv1"] == (64, 112, 112)
    assert shapes["maxpool"] == shapes["layer1"] == shapes["layer1.0.relu#2"] == (64, 56, 56)
    assert [shapes[f"layer{i}"] for i in (2, 3, 4)] == [(128, 28, 28), (256, 14, 14), (512, 7, 7)]
    assert shapes["avgpool"] == (512, 1, 1)
    assert shapes["fc"] == (1000,)
    assert found["fc"].parameters == 513_000
    assert found["layer1.0"].kind == "BasicBlock"
    stages = [f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)]
    assert blocks == ["conv1", "bn1", "relu", "maxpool", *stages, "avgpool", "fc"]


def test_vgg11():
    found, blocks = shapes_of("vgg11")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert [shapes[f"features.{i}"] for i in (0, 2, 5, 10, 15, 20)] == [
        (64, 224, 224), (64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7),
    ]  # fmt: skip
    assert shapes["classifier.0"] == (4096,)
    assert found["classifier.0"].parameters == 102_764_544
    assert blocks == [*(f"features.{i}" for i in range(21)), "avgpool", *(f"classifier.{i}" for i in range(7))]


def test_squeezenet():
    found, blocks = shapes_of("squeezenet1_1")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["features.0"] == (64, 111, 111)
    assert [shapes[f"features.{i}"] for i in (2, 3, 12)] == [(64, 55, 55), (128, 55, 55), (512, 13, 13)]
    assert shapes["classifier.1"] == (1000, 13, 13)
    assert shapes["classifier"] == (1000, 1, 1)
    assert blocks[:4] == [f"features.{i}" for i in range(4)]
    assert not [name for name in blocks if "squeeze" in name or "expand" in name]  # a Fire is one block


def test_googlenet():
    found, blocks = shapes_of("googlenet", init_weights=False)
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["conv1"] == (64, 112, 112)
    assert [shapes[f"inception{name}"] for name in ("3a", "3b", "4e", "5b")] == [
        (256, 28, 28), (480, 28, 28), (832, 14, 14), (1024, 7, 7),
    ]  # fmt: skip
    assert shapes["fc"] == (1000,)
    assert [name for name in blocks if name.startswith("inception")] == [
        f"inception{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    ]
    assert not [name for name in blocks if name.startswith("aux")]  # not run in evaluation mode


def test_vision_transformer_tokens():
    found, blocks = shapes_of("vit_b_16")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["conv_proj"] == (768, 14, 14)
    assert shapes["encoder.layers.encoder_layer_11"] == (197, 768)
    assert shapes["heads.head"] == (1000,)
    members = [f"encoder.layers.encoder_layer_{i}" for i in range(12)]
    assert blocks == ["conv_proj", "encoder.dropout", *members, "encoder.ln", "heads.head"]
    tokens = torch.zeros(1, 197, 768, device="meta")
    assert layers.as_code(tokens, (224, 224)).shape == (1, 1536, 14, 14)


def test_tokens_lie_where_their_patches_do():
    model = VisionTransformer(32, 8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3).eval()
    patches = record(model, "conv_proj", pictures=torch.rand(1, 3, 32, 32))["conv_proj"]
    tokens = patches.flatten(2).transpose(1, 2)
    assert torch.equal(layers.as_code(tokens, (32, 32)), patches)
    class_token = torch.full((1, 1, 8), 7.0)
    code = layers.as_code(torch.cat([class_token, tokens], 1), (32, 32))
    assert torch.equal(code[:, :8], patches)
    assert torch.equal(code[:, 8:], torch.full((1, 8, 4, 4), 7.0))


def test_blocks_of_networks_without_any():
    linear = nn.Linear(4, 2)
    assert layers.blocks(linear, layers.trace(linear, lambda: linear(torch.rand(1, 4)))) == ()
    two = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    found = layers.trace(two, lambda: two(torch.rand(1, 2, 2)))
    assert [block.name for block in layers.blocks(two, found)] == ["0", "1"]


# --- forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "picture", "code"),
    [
        ((2, 5, 7, 3), (33, 47), (2, 5, 7, 3)),  # maps stay
        ((2, 5, 1, 1), (33, 47), (2, 5)),  # maps of one pixel are vectors
        ((2, 5, 1, 2), (33, 47), (2, 5, 1, 2)),
        ((2, 9), (33, 47), (2, 9)),
        ((2, 16, 5), (32, 32), (2, 5, 4, 4)),  # tokens ...
        ((2, 17, 5), (32, 32), (2, 10, 4, 4)),  # ... and one more
        ((2, 8, 5), (16, 32), (2, 5, 2, 4)),  # of a rectangle
        ((2, 9, 5), (16, 32), (2, 10, 2, 4)),
        ((2, 24, 5), (48, 32), (2, 5, 6, 4)),
    ],
)
def test_a_code_is_maps_or_a_vector(caplog, activation, picture, code):
    assert layers.as_code(torch.rand(activation), picture).shape == code
    assert not caplog.records


@pytest.mark.parametrize("shape", [(2, 7, 5), (2, 3, 2, 2, 2), (2, 2, 4)])
def test_anything_else_is_flattened_with_a_warning(caplog, shape):
    activation = torch.rand(shape)
    assert torch.equal(layers.as_code(activation, (32, 32)), activation.flatten(1))
    assert "one flat vector" in caplog.text
