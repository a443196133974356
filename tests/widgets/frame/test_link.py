"""Widgets that look at the same picture, layer and class."""

from __future__ import annotations

import pytest

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.widgets.frame.app import App, Focus
from xai_widgets.widgets.frame.link import link
from xai_widgets.widgets.inversion.explorer import InversionExplorer
from xai_widgets.widgets.views.layer_picker import LayerPicker


class Plain(App):
    """Follows what it is told to follow; refuses the class 3."""

    def __init__(self, *names, offered=("a", "b")):
        super().__init__("Plain")
        self.told = []
        self._values = {"picture": 0, "layer": offered[0], "class_index": 0}
        self._offered = offered
        self.follows = {name: f"my {name}" for name in names}
        for name in names:
            self.state.bind(f"my {name}", self, name)

    def __getattr__(self, name):
        if name in ("picture", "layer", "class_index"):
            return self._values[name]
        raise AttributeError(name)

    def __setattr__(self, name, value):
        if name not in ("picture", "layer", "class_index"):
            super().__setattr__(name, value)
            return
        if value == 3 or (name == "layer" and value not in self._offered):
            raise XaiWidgetsError(f"no {name} {value}")
        self._values[name] = value
        self.told.append((name, value))

    @property
    def focus(self):
        return Focus(**{name: self._values[name] for name in self.follows})

    def choose(self, **values):
        """As a person would, by controls."""
        self.guarded(lambda: [setattr(self, name, value) for name, value in values.items()])()

    def to_html(self, path, *, progress=None):
        raise NotImplementedError


def test_what_is_chosen_in_either_is_chosen_in_the_other():
    one, other = Plain("picture", "class_index"), Plain("class_index", "picture")
    link(one, other)
    one.choose(picture=5)
    assert other.focus == Focus(picture=5, class_index=0)
    other.choose(picture=6, class_index=2)
    assert one.focus == other.focus == Focus(picture=6, class_index=2)


def test_the_first_one_is_followed_at_once():
    one, other = Plain("picture"), Plain("picture")
    one.choose(picture=4)
    link(one, other)
    assert other.focus.picture == 4


def test_nothing_is_told_twice():
    one, other = Plain("picture", "layer"), Plain("layer", "picture")
    link(one, other)
    one.told.clear()
    one.choose(picture=5)
    assert one.told == other.told == [("picture", 5)]
    one.choose(picture=5)
    assert other.told == [("picture", 5)]


def test_only_what_both_have_is_shared():
    one, other = Plain("picture", "layer"), Plain("layer", "class_index")
    link(one, other)
    one.choose(picture=7, layer="b")
    assert other.focus == Focus(layer="b", class_index=0)
    other.choose(class_index=2)
    assert one.focus == Focus(picture=7, layer="b")


def test_what_cannot_be_shown_stays_and_the_rest_follows():
    one, other = Plain("layer", "picture", offered=("a", "b", "c")), Plain("layer", "picture")
    link(one, other)
    one.choose(layer="c", picture=8)
    assert other.focus == Focus(picture=8, layer="a")
    assert other.follow(one.focus) == ["layer c cannot be chosen here, so it is still a"]
    other.choose(picture=9)  # and is not forced upon the first one
    assert one.focus == Focus(picture=9, layer="a")


def test_three_in_a_row():
    one, two, three = (Plain("picture") for _ in range(3))
    link(one, two)
    link(two, three)
    one.choose(picture=2)
    assert three.focus.picture == 2
    three.choose(picture=4)
    assert one.focus.picture == 4


def test_a_link_can_be_ended():
    one, other = Plain("picture"), Plain("picture")
    unlink = link(one, other)
    unlink()
    unlink()
    one.choose(picture=5)
    other.choose(picture=6)
    assert (one.focus.picture, other.focus.picture) == (5, 6)


@pytest.mark.parametrize("pair", [("picture", "layer"), ("picture", None)])
def test_nothing_to_share(pair):
    one = Plain("picture")
    other = one if pair[1] is None else Plain("layer")
    with pytest.raises(XaiWidgetsError, match="no picture, layer or class to share"):
        link(one, other)


def test_real_ones_of_one_study(explore, conceive, srae, squares_read):
    concepts = conceive(srae)
    inversion = InversionExplorer(
        GuidedFeatureInversion(squares_read, settings=GuidedSettings(steps=4), background="mean")
    )
    try:
        link(concepts, inversion)
        inversion.task.wait(60)
        assert inversion.focus == concepts.focus._replace(layer=inversion.focus.layer)
        far = squares_read.pool.indices[-1]  # not one of those that inversion begins with
        concepts.picture = far
        concepts.task.wait(60)
        inversion.task.wait(60)
        assert inversion.picture == far
        assert inversion.shown.pictures[0].equal(squares_read.load(squares_read.test, [far])[0][0])
        inversion.controls.first.value = 2
        inversion.task.wait(60)
        concepts.task.wait(60)
        assert concepts.controls.classes.value == 2
        # Looking at another class shows other pictures; the one that is shared stays.
        assert concepts.picture == inversion.picture == far
    finally:
        inversion.close()


def test_a_picker_is_no_widget_to_link(squares_read, conceive, srae):
    with pytest.raises(AttributeError):
        link(conceive(srae), LayerPicker(squares_read))
