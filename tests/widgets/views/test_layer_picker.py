"""Choosing a layer from Python and from the controls."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ipywidgets.widgets.widget import _instances
from torch import nn
from torchvision.models import resnet18

from xai_widgets.errors import LayerError
from xai_widgets.layers import Layer
from xai_widgets.study import Study
from xai_widgets.widgets.views.layer_picker import SURVEYED, LayerPicker, describe


@pytest.fixture
def study() -> Study:
    """Four pictures of 8x8 and a network of three blocks, the first of which has an inside."""
    model = nn.Sequential()
    model.add_module("stem", nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU()))
    model.add_module("flat", nn.Flatten())
    model.add_module("head", nn.Linear(64, 2))
    return Study(model, [(torch.rand(3, 8, 8), index % 2) for index in range(4)])


@pytest.fixture
def picker(study: Study, opened: Any) -> Any:
    return opened(LayerPicker, study, "stem", {"stem": "ready"}, wait=False)


def drawn(picker: LayerPicker) -> list[str]:
    return [layer["name"] for layer in picker.strip.layers]


def test_the_first_choice(study: Study, picker: LayerPicker) -> None:
    assert picker.value == picker.strip.value == picker._list.value == "stem"
    assert {block.name for block in study.blocks()} | {"stem"} == set(drawn(picker))
    other = LayerPicker(study)
    assert other.value in [block.name for block in study.blocks()]
    other.close()


def test_setting_a_value_moves_everything_and_calls_back_once(picker: LayerPicker) -> None:
    heard: list[str] = []
    picker.on_change(heard.append)
    picker.value = "head"
    picker.value = "head"
    assert heard == ["head"]
    assert picker.strip.value == picker._list.value == "head"
    assert "head: 2 numbers; the picture has 192" in picker._about.value


@pytest.mark.parametrize("control", ["strip", "_list"])
def test_controls_choose(picker: LayerPicker, control: str) -> None:
    heard: list[str] = []
    picker.on_change(heard.append)
    getattr(picker, control).value = "head"
    assert (picker.value, heard) == ("head", ["head"])


def test_every_layer_can_be_reached_and_joins_the_strip_in_its_place(study: Study, picker: LayerPicker) -> None:
    order = [layer.name for layer in study.layers()]
    assert list(picker._list.options) == order
    for name in order:
        picker.value = name
        assert name in drawn(picker)
        assert drawn(picker) == sorted(drawn(picker), key=order.index)


def test_a_wrong_name_lists_the_closest_and_changes_nothing(study: Study, picker: LayerPicker) -> None:
    with pytest.raises(LayerError, match="closest: 'head'"):
        picker.value = "haed"
    assert picker.value == "stem"
    before = set(_instances)
    with pytest.raises(LayerError, match="stemm"):
        LayerPicker(study, "stemm")
    assert set(_instances) == before


def test_status_can_change(picker: LayerPicker) -> None:
    picker.status = {"head": "fitting"}
    assert picker.status == {"head": "fitting"}
    shown = {layer["name"]: layer["status"] for layer in picker.strip_state()["layers"]}
    assert (shown["stem"], shown["head"]) == ("", "fitting")


def test_names_are_escaped_in_the_sentence(picker: LayerPicker, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = Layer("<script>", "<b>", (4,), 0)
    monkeypatch.setattr(picker._study, "layer", lambda _: strange)
    picker._show()
    assert "&lt;script&gt;: 4 numbers" in picker._about.value


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((32, 8, 8), "a: 32 channels of 8×8 = 2,048 numbers; the picture has 12,288"),
        ((6,), "a: 6 numbers; the picture has 12,288"),
        ((197, 768), "a: 197 tokens of 768 numbers = 151,296 numbers; the picture has 12,288"),
        ((4, 2, 3, 5), "a: 4 channels of 2×3×5 = 120 numbers; the picture has 12,288"),
    ],
)
def test_the_sentence(shape: tuple[int, ...], text: str) -> None:
    assert describe(Layer("a", "Conv2d", shape, 0), (3, 64, 64)) == text


def test_nothing_is_left_behind_and_use_makes_nothing_new(study: Study) -> None:
    before = set(_instances)
    picker = LayerPicker(study)
    made = len(_instances)
    for name in [layer.name for layer in study.layers()] * 20:
        picker.value = name
    assert len(_instances) == made
    assert picker._repr_mimebundle_()["text/plain"] == repr(picker)
    picker.close()
    assert set(_instances) == before


def test_of_many_layers_only_the_chosen_block_is_unfolded() -> None:
    study = Study(resnet18(weights=None, num_classes=2), [(torch.rand(3, 32, 32), index % 2) for index in range(4)])
    picker, heard = LayerPicker(study, "fc"), []
    picker.on_change(heard.append)
    folded = picker._list.options
    assert len(study.layers()) > SURVEYED
    assert {block.name for block in study.blocks()} <= set(folded)
    assert "layer3.1.conv2" not in folded
    for name in ("layer3.1", "layer3.1.conv2"):
        picker._list.value = name
        assert set(picker._list.options) - set(folded) == {
            layer.name for layer in study.layers() if layer.name.startswith("layer3.1.")
        }
    picker.value = "fc"
    assert picker._list.options == folded
    assert heard == ["layer3.1", "layer3.1.conv2", "fc"]
