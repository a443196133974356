"""A class by number, whether it is chosen in a menu or typed."""

from __future__ import annotations

import pytest

from xai_widgets.widgets.views.class_chooser import PREDICTED, SURVEYED, ClassChooser

FEW = ["finch", "wren"]
MANY = [f"class {k}" for k in range(SURVEYED + 1)]


@pytest.mark.parametrize("names", [FEW, MANY])
def test_value_and_widget_say_the_same(names):
    chooser = ClassChooser(names, [1])
    assert chooser.value == PREDICTED
    chooser.value = 1
    chooser.widget.value = type(chooser.widget.value)(0 if names is FEW else names[0])
    assert chooser.value == 0
    chooser.value = PREDICTED
    assert chooser.widget.value == (PREDICTED if names is FEW else "predicted class")


def test_of_many_classes_those_with_pictures_come_first():
    chooser = ClassChooser(MANY, [30, -1, 7, 30])
    assert chooser.widget.options[:4] == ("predicted class", "class 7", "class 30", "class 0")
    assert len(chooser.widget.options) == 1 + len(MANY)


def test_what_is_no_class_changes_nothing():
    chooser = ClassChooser(MANY, [])
    chooser.value = 3
    chooser.widget.value = ""
    assert chooser.value == 3


def test_it_is_disabled_with_its_widget():
    chooser = ClassChooser(FEW, [])
    chooser.disabled = True
    assert chooser.widget.disabled
