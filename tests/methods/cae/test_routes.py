"""The ways to another class, on a model whose log-odds are exact, and among codes that are laid out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.path import LIKELY
from xai_widgets.methods.cae.plane import pair_chart
from xai_widgets.methods.cae.routes import DIAL_STEPS, end_of, route_to
from xai_widgets.methods.cae.walk import Walk

ROUTES = ["straight", "closest", "graph", "reference"]
START = (-3.0, 1.0)
CODES = [
    [-4.0, 0.0],
    [-3.5, 1.0],
    [-3.0, -1.0],
    [-1.0, 3.0],
    [0.5, 3.0],
    [2.0, 3.5],
    [4.0, 0.5],
    [5.0, -0.5],
    [9.0, -9.0],
]


class OnMap:
    """That model with codes of its own: log-odds of class 1 against class 0 are the first number of the code."""

    def __init__(self, model, codes=CODES):
        self.model, self.codes = model, torch.tensor(codes)
        self.weight, self.bias = model.weight, model.bias
        self.code_probabilities = model.head(self.codes)

    def __getattr__(self, name):
        return getattr(self.model, name)

    @property
    def code_classes(self):
        return self.code_probabilities.argmax(1)

    @property
    def centres(self):
        return torch.stack([self.codes[self.code_classes == k].mean(0) for k in range(len(self.bias))])

    def pair_chart(self, source, target):
        return pair_chart(self.weight, self.bias, self.codes, self.code_classes, source, target, "abcdefg")


@pytest.fixture
def on_map(exact):
    return OnMap(exact())


def way(on_map, route, confidence=None, start=START):
    return route_to(on_map, on_map.encode(start), 0, 1, route, confidence)


def end(on_map, route, confidence):
    """The share of a route that a confidence ends it at, and the code there."""
    walk = Walk(on_map, on_map.encode(START), way(on_map, route, confidence))
    share = end_of(walk, 0, 1, confidence)
    return share, walk.codes(torch.tensor([share]))[0]


def test_straight_to_the_target_s_centre_on_the_chart(on_map):
    route = way(on_map, "straight")
    assert len(route) == 2
    chart = on_map.pair_chart(0, 1)
    assert torch.allclose(chart.project(route[1:]), chart.project(on_map.centres[1:]), atol=1e-5)
    assert torch.allclose(route[1], on_map.centres[1], atol=1e-5)  # two numbers: nothing else is left


def test_what_the_chart_does_not_show_is_kept():
    codes = torch.tensor([[-3.0, 0, 0], [-3, 1, 0], [3, 0, 0], [3, 1, 0]])
    weight, bias = torch.tensor([[0.0, 0, 0], [1, 0, 0]]), torch.zeros(2)
    chart, centres = (
        pair_chart(weight, bias, codes, codes[:, 0] > 0, 0, 1, "ab"),
        codes[::2] + torch.tensor([0, 0.5, 0]),
    )
    three = SimpleNamespace(centres=centres, pair_chart=lambda source, target: chart)
    encoded = SimpleNamespace(z=torch.tensor([[-2.0, 4.0, 7.0]]))
    route = route_to(three, encoded, 0, 1, "straight", None)
    assert torch.allclose(route[1], torch.tensor([3.0, 0.5, 7.0]), atol=1e-5)


def test_closest_is_the_shortest_move_to_what_is_asked_for(on_map):
    last = way(on_map, "closest")[-1]
    assert float(on_map.head(last[None])[0, 1]) == pytest.approx(LIKELY, abs=1e-5)
    assert last[1] == START[1]  # straight across the border
    _, cut = end(on_map, "closest", 0.7)
    assert float(on_map.head(cut[None])[0, 1]) == pytest.approx(0.7, abs=2e-3)
    assert cut[1] == START[1]


def test_along_real_codes(on_map):
    route = way(on_map, "graph")
    assert torch.allclose(route[-1], on_map.centres[1])
    direct = torch.linalg.vector_norm(route[-1] - route[0])
    assert (route[1:] - route[:-1]).norm(dim=1).sum() >= direct - 1e-4


def test_the_reference_is_the_nearest_sure_case(on_map):
    route = way(on_map, "reference")
    assert len(route) == 6
    assert torch.equal(route[-1], on_map.codes[6])  # (2, 3.5) is nearer, but not sure
    steps = route[1:] - route[:-1]
    assert torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-5)  # as published, a fifth of the way each


def test_a_reference_that_the_map_is_wrong_about_is_none(on_map):
    on_map.code_probabilities = on_map.code_probabilities.clone()
    on_map.code_probabilities[6] = torch.tensor([0.4, 0.6])  # the classifier doubts, the map does not
    assert torch.equal(way(on_map, "reference")[-1], on_map.codes[7])
    on_map.code_probabilities[:, 1] = on_map.code_probabilities[:, 1].clamp(max=0.7)  # no case is sure
    on_map.code_probabilities[5, 1] = 0.8
    assert torch.equal(way(on_map, "reference")[-1], on_map.codes[5])


@pytest.mark.parametrize("confidence", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("route", ROUTES)
def test_a_confidence_is_met_by_the_classifier_itself(on_map, route, confidence):
    _, code = end(on_map, route, confidence)
    obtained = float(on_map.predict(on_map.draw(code[None]))[0, 1])
    assert confidence <= obtained + 1e-5 <= confidence + 0.3 * 20 * 2.0**-DIAL_STEPS + 1e-4


@pytest.mark.parametrize("route", ROUTES)
def test_the_border_is_where_both_are_as_probable(on_map, route):
    _, code = end(on_map, route, "border")
    assert float(code[0]) == pytest.approx(0, abs=0.01)


def test_more_than_the_route_has_is_the_whole_route_and_less_than_there_is_none(on_map):
    assert end(on_map, "straight", 0.99999)[0] == end(on_map, "straight", None)[0] == 1.0
    assert end(on_map, "straight", 0.01)[0] == 0.0


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("confidence", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_confidences_that_there_are_not(on_map, route, confidence):
    with pytest.raises(XaiWidgetsError, match=r"confidence is .*, but must lie between 0 and 1, both excluded"):
        way(on_map, route, confidence)


def test_a_route_that_there_is_not(on_map):
    with pytest.raises(
        XaiWidgetsError, match=r"route is 'graf', but must be one of straight, closest, graph, reference"
    ):
        way(on_map, "graf")
    with pytest.raises(XaiWidgetsError, match=r"confidence is 'boarder'; give a number between 0 and 1, or 'border'"):
        way(on_map, "graph", "boarder")
