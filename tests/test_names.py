"""A class is found by number or by name, and a wrong one is answered with what was probably meant."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.names import class_name, closest, find_class, hint, listed

NAMES = ("moss tanager", "cliff finch", "2")


@pytest.mark.parametrize("target", [1, np.int64(1), torch.tensor(1), "cliff finch"])
def test_a_class_by_number_or_name(target):
    assert find_class(NAMES, target) == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (3, "target is 3, and the classes are numbered 0 to 2"),
        (-1, "target is -1, and the classes"),
        (True, "target is True"),
        (1.0, "give the number or the name of a class"),
        (None, "give the number or the name of a class"),
        ("clif finch", "there is no class 'clif finch'; known are 'moss tanager', 'cliff finch', '2'"),
    ],
)
def test_a_wrong_class(target, message):
    with pytest.raises(XaiWidgetsError, match=message):
        find_class(NAMES, target)


def test_a_name_of_digits_is_no_number_and_a_label_has_a_name():
    assert find_class(NAMES, "2") == 2
    with pytest.raises(XaiWidgetsError, match="no class '1'"):
        find_class(NAMES, "1")
    assert [class_name(NAMES, label) for label in (0, 3, -1)] == ["moss tanager", "label 3", ""]


def test_closest_names():
    many = [f"layer{i}" for i in range(9)]
    assert closest("layer3", many, "layer") == "layer3"
    assert hint("layr3", many).startswith("; closest: 'layer3', ")
    assert hint("layer3", ["", "a"], few=0) == ""
    assert hint("x", ["", "a", "b"]) == "; known are 'a', 'b'"
    assert hint("x", []) == ""


@pytest.mark.parametrize(("words", "said"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_an_enumeration(words, said):
    assert listed(words) == said
