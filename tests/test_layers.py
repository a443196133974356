"""Other people's networks: every layer is read as it was, and no network notices."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from contextlib import ExitStack
from typing import NamedTuple

import pytest
import torch
from torch import nn

from xai_widgets import layers
from xai_widgets.errors import LayerError

PICTURE = torch.rand(2, 3, 8, 8)


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
    with pytest.raises(LayerError, match="'act#2' exists, but does not run"):
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
    with pytest.raises(LayerError, match="gives no tensor"):
        record(model, "name")


def test_a_wrong_name_is_answered_with_the_closest():
    model = nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 4, 3), conv2=nn.Conv2d(4, 4, 3), head=nn.Flatten()))
    with pytest.raises(LayerError, match=r"no layer is named 'con2'; closest: 'conv2', 'conv1'"):
        record(model, "con2")
    with pytest.raises(LayerError, match="no layer is named ''"):
        record(model, "")


def test_a_layer_that_is_there_and_not_run():
    model = Model(lambda m, x: m.used(x), used=nn.ReLU(), unused=nn.ReLU())
    with pytest.raises(LayerError, match="'unused' exists, but does not run"):
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
    with pytest.raises(LayerError, match="'unused' exists, but does not run"):
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


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


@pytest.mark.parametrize(
    ("wrap", "read"),
    [
        (lambda x: (None, (x, x + 1), 3), lambda y: y[1][0]),
        (lambda x: [x, x + 1], lambda y: y[0]),
        (lambda x: Pair(x, x + 1), lambda y: y.first),
        (lambda x: OrderedDict(size=8, out=x), lambda y: y["out"]),
    ],
)
def test_the_first_tensor_of_what_a_layer_gives_is_replaced(wrap, read):
    kept = []
    model = Model(lambda m, x: read(kept.append(m.odd(x)) or kept[-1]), odd=Gives(wrap))
    assert torch.equal(replaced(model, "odd", lambda x: 10 * x), 10 * PICTURE)
    assert type(kept[0]) is type(wrap(PICTURE))
    model(PICTURE)
    assert torch.equal(read(kept[1]), PICTURE)


def test_names_with_the_sign_of_a_further_use():
    model = Model(lambda m, x: m.get_submodule("a#2")(m.a(m.a(x))), a=Gives(lambda x: x + 1))
    model.add_module("a#2", Gives(lambda x: 2 * x))
    assert [layer.name for layer in layers.trace(model, lambda: model(PICTURE))] == ["a", "a##2", "a#2"]
    kept = record(model, "a##2", "a#2")
    assert torch.equal(kept["a##2"], PICTURE + 1 + 1)
    assert torch.equal(kept["a#2"], 2 * kept["a##2"])
    assert torch.equal(replaced(model, "a##2", lambda x: 3 * x), 2 * (3 * kept["a##2"]))


def test_what_cannot_be_replaced():
    model = Model(lambda model, x: model.pair(x)[0], pair=Gives(lambda x: (x, x)), unused=nn.ReLU())
    with pytest.raises(LayerError, match="'unused' exists, but does not run"):
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
