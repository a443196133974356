"""Widgets that share a selection look at the same picture, layer and class."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from traitlets import TraitError

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.link import link
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.views.elements import PictureGrid
from xai_widgets.widgets.views.layer_picker import LayerPicker

NAMES = ("zero", "one", "two", "three")


class Plain(Explorer):
    """Looks at whatever it is told; refuses class 3, and layers that it does not offer."""

    key, label = "cladec", "Plain"

    def __init__(self, *names: str, offered: tuple[str, ...] = ("a", "b"), selection: Selection | None = None) -> None:
        self.follows, self.offered, self.told = names, offered, []  # type: ignore[misc]
        self.values = {"picture": 0, "layer": offered[0], "target": 0}
        study: Any = SimpleNamespace(name="study", class_names=NAMES)
        study.explainers = {"cladec": SimpleNamespace(study=study)}
        super().__init__(study, selection=selection)
        self.told.clear()

    def _make_views(self) -> list[Any]:
        return [PictureGrid()]

    def _bind(self) -> None: ...

    def _refresh(self) -> None: ...

    def draft(self) -> Any: ...

    explanation = None
    picture = property(lambda self: self.values["picture"], lambda self, value: self.take("picture", value))
    layer = property(lambda self: self.values["layer"], lambda self, value: self.take("layer", value))
    target = property(lambda self: self.values["target"], lambda self, value: self.take("target", value))

    def take(self, name: str, value: Any) -> None:
        if name == "target" and value == 3:
            raise XaiWidgetsError("no class 3")
        if name == "layer" and value not in self.offered:
            raise TraitError(f"no layer {value}")
        self.values[name] = value
        self.told.append((name, value))

    def choose(self, **values: Any) -> None:
        """As a person would, by controls."""
        self.guarded(lambda: [setattr(self, name, value) for name, value in values.items()])()


@pytest.fixture
def plain(opened: Any) -> Any:
    return partial(opened, Plain)


def looks_at(explorer: Plain) -> dict[str, Any]:
    return {name: explorer.values[name] for name in sorted(explorer.follows)}


def test_a_selection_holds_what_an_explorer_looks_at(plain: Any) -> None:
    one = plain("picture", "layer")
    assert repr(one.selection) == "Selection(layer='a', picture=0)"
    one.choose(picture=5)
    assert one.selection.picture == 5
    one.selection.layer = "b"
    assert one.layer == "b"


def test_an_explorer_begins_with_the_selection_that_it_is_given(plain: Any) -> None:
    one = plain("picture", "layer", selection=Selection(picture=7))
    assert (one.picture, one.selection.picture, one.selection.layer) == (7, 7, "a")


def test_what_is_chosen_in_either_is_chosen_in_the_other(plain: Any) -> None:
    one, other = plain("picture", "target"), plain("target", "picture")
    link(one, other)
    one.choose(picture=5)
    assert looks_at(other) == {"picture": 5, "target": 0}
    other.choose(picture=6, target=2)
    assert looks_at(one) == looks_at(other) == {"picture": 6, "target": 2}


def test_the_first_one_is_followed_at_once_and_nothing_is_told_twice(plain: Any) -> None:
    one, other = plain("picture", "layer"), plain("layer", "picture")
    one.choose(picture=4)
    link(one, other)
    one.choose(picture=5)
    one.choose(picture=5)
    assert other.told == [("picture", 4), ("picture", 5)]


def test_only_what_both_have_is_shared(plain: Any) -> None:
    one, other = plain("picture", "layer"), plain("layer", "target")
    link(one, other)
    one.choose(picture=7, layer="b")
    other.choose(target=2)
    assert (looks_at(one), looks_at(other)) == ({"layer": "b", "picture": 7}, {"layer": "b", "target": 2})


def test_what_cannot_be_shown_stays_and_the_rest_follows(plain: Any) -> None:
    one, other = plain("layer", "picture", offered=("a", "b", "c")), plain("layer", "picture")
    link(one, other)
    one.choose(layer="c", picture=8)
    assert looks_at(other) == {"layer": "a", "picture": 8}
    assert other.left_behind == {"layer": "layer c cannot be chosen here, so it is still a"}
    other.choose(picture=9)  # and its layer is not forced upon the first one
    assert looks_at(one) == {"layer": "c", "picture": 9}
    one.choose(layer="b")
    assert (other.left_behind, other.layer) == ({}, "b")


def test_a_class_that_cannot_be_shown_is_named(plain: Any) -> None:
    one = plain("target")
    one.selection.target = 3
    assert one.left_behind == {"target": "class three cannot be chosen here, so it is still zero"}


def test_three_in_a_row_and_the_end_of_a_link(plain: Any) -> None:
    one, two, three = (plain("picture") for _ in range(3))
    unlink = link(one, two)
    link(three, two)
    three.choose(picture=4)
    assert one.picture == 4
    unlink()
    unlink()
    three.choose(picture=5)
    assert (one.picture, two.picture) == (4, 5)


def test_a_closed_explorer_hears_nothing(plain: Any) -> None:
    one, other = plain("picture"), plain("picture")
    link(one, other)
    other.close()
    one.choose(picture=3)
    assert other.picture == 0


def test_nothing_to_share(plain: Any) -> None:
    one = plain("picture")
    for other in (one, plain("layer"), LayerPicker):
        with pytest.raises(XaiWidgetsError, match="no picture, layer or class to share"):
            link(one, other)
