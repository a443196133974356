"""Walks, film strips and dials on a model whose probability along a route is an exact sigmoid."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import BATCH, Encoded, show
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.path import LIKELY, SURE, border, dial, film_strip
from xai_widgets.methods.cae.walk import FIRST_LEG, Walk

START = (-4.0, 1.0)


def straight(*corners):
    return torch.tensor([START, *corners])


def walked(model, *corners):
    """A walk along corners, from the start."""
    return Walk(model, model.encode(START), straight(*corners))


@pytest.fixture
def model(exact):
    """Its log-odds of class 1 against class 0 are the first number of the code."""
    return exact()


def test_the_model_is_as_exact_as_it_claims(model):
    z = torch.randn(5, 2)
    assert torch.allclose(show(model, model.encode(START), z)[1], model.head(z), atol=1e-5)


# --- codes and batches -------------------------------------------------------------------------------------------


def test_one_of_several_encoded_pictures(model):
    some = model.encode([0.0, 0.0], [1.0, 1.0], [2.0, 2.0])
    assert len(some) == 3
    for index in (0, 2, -1):
        one = some[index]
        assert isinstance(one, Encoded)
        assert len(one) == 1
        assert torch.equal(one.z[0], some.z[index])
        assert torch.equal(one.pictures[0], some.pictures[index])
    with pytest.raises(IndexError):
        some[3]
    assert len(list(some)) == 3


@pytest.mark.parametrize("count", [1, BATCH, 2 * BATCH + 3])
def test_codes_are_decoded_in_batches_of_at_most_64(model, count):
    pictures, probabilities = show(model, model.encode(START), torch.randn(count, 2))
    assert pictures.shape == (count, 1, 3, 5)
    assert probabilities.shape == (count, 2)
    assert max(model.batches) <= BATCH
    assert sum(model.batches) == 2 * count


def test_what_cannot_be_decoded(model):
    with pytest.raises(XaiWidgetsError, match="one encoded picture is needed, but got 2"):
        show(model, model.encode(START, START), torch.zeros(1, 2))
    with pytest.raises(XaiWidgetsError, match=r"rows \[1\]"):
        show(model, model.encode(START), torch.tensor([[0.0, 0.0], [float("nan"), 0.0]]))


# --- film strips -------------------------------------------------------------------------------------------------


def changes(strip):
    """How much every frame differs from the one before."""
    return strip.pictures.diff(dim=0).abs().flatten(1).mean(1)


def test_frames_are_at_equal_steps_of_change(model):
    """A route of two pieces, whose second number changes the picture as much as the first."""
    strip = film_strip(walked(model, (-4.0, 4.0), (2.0, 4.0)), 1, samples=901)
    assert torch.allclose(changes(strip), changes(strip).mean().expand(8), rtol=1e-2)
    assert torch.allclose(strip.shares, torch.linspace(0, 1, 9), atol=1e-2)
    assert strip.violation == 0


def test_the_default_is_nine_frames_placed_by_41_samples(model):
    strip = film_strip(walked(model, (5.0, -1.0)), 1)
    assert strip.z.shape == (9, 2)
    assert strip.pictures.shape == (9, 1, 3, 5)
    assert strip.probabilities.shape == (9, 2)
    assert torch.equal(strip.raw_shares, torch.linspace(0, 1, 41))
    assert torch.allclose(strip.raw_curve, (9 * strip.raw_shares - 4).sigmoid(), atol=1e-5)
    assert strip.on_data.dtype == torch.bool
    assert strip.on_data.all()


def test_the_first_frame_is_the_picture_itself_and_the_last_the_end(model):
    way = walked(model, (0.0, 3.0), (3.3, 3.0))
    strip = film_strip(way, 1, frames=5)
    assert torch.allclose(strip.pictures[0], way.encoded.pictures[0], atol=1e-6)
    assert torch.equal(strip.z[0], way.encoded.z[0])
    assert torch.equal(strip.z[-1], torch.tensor([3.3, 3.0]))
    assert strip.shares[[0, -1]].tolist() == [0, 1]


def test_a_part_of_a_walk(model):
    strip = film_strip(walked(model, (6.0, 1.0)), 1, end=0.4)
    assert torch.allclose(strip.z[-1], torch.tensor([0.0, 1.0]), atol=1e-5)
    assert strip.raw_curve[-1] == pytest.approx(0.5, abs=1e-4)
    assert strip.raw_shares[-1] == strip.shares[-1] == 1  # of the part


def test_where_nothing_changes_there_are_no_frames(model):
    """Most of the route is clipped: the picture is at its brightest there."""
    strip = film_strip(walked(model, (25.0, 1.0), (500.0, 1.0)), 1, frames=11, samples=2001)
    assert (strip.z[1:-1, 0] < 26).all()
    assert (strip.shares.diff() > 0).all()


def test_a_decrease_is_measured(model):
    """Four up, one down, then level."""
    strip = film_strip(walked(model, (0.0, 1.0), (-1.0, 1.0)), 1, frames=6, samples=501)
    up, down = (torch.tensor([0.0, -1.0]).sigmoid() - torch.tensor([-4.0, 0.0]).sigmoid()).tolist()
    assert strip.violation == pytest.approx(-down / (up - down), abs=1e-4)
    assert torch.allclose(changes(strip), changes(strip).mean().expand(5), rtol=1e-2)


@pytest.mark.parametrize("end", [(-4.0, 6.0), (-9.0, 1.0)])
def test_a_probability_that_does_not_rise(model, end):
    strip = film_strip(walked(model, end), 1)
    assert torch.allclose(strip.shares, torch.linspace(0, 1, 9), atol=1e-2)
    assert strip.violation == (1 if end[0] < -4 else 0)


def test_a_route_of_one_point_is_a_still(model):
    strip = film_strip(
        walked(
            model,
        ),
        1,
    )
    assert torch.equal(strip.z, torch.tensor(START).expand(9, 2))
    assert strip.violation == 0
    again = film_strip(walked(model, START, START), 1)
    assert torch.equal(again.z, strip.z)


def test_corners_that_are_there_twice_change_nothing(model):
    once = film_strip(walked(model, (1.0, 1.0), (3.0, 2.0)), 1)
    twice = film_strip(walked(model, START, (1.0, 1.0), (1.0, 1.0), (3.0, 2.0), (3.0, 2.0)), 1)
    assert torch.allclose(once.z, twice.z, atol=1e-5)


def test_frames_off_the_data_are_marked(model):
    density = Density(torch.tensor([START]) + 0.5 * torch.randn(40, 2))
    strip = film_strip(walked(model, (9.0, 1.0)), 1, density=density)
    assert strip.on_data[0]
    assert not strip.on_data[-1]
    assert torch.equal(strip.on_data, density.on_data(strip.z))


def test_a_strip_that_cannot_be(model):
    encoded, route = model.encode(START), straight((1.0, 1.0))
    with pytest.raises(XaiWidgetsError, match="starts 3 away"):
        Walk(model, encoded, route + torch.tensor([3.0, 0.0]))
    with pytest.raises(XaiWidgetsError, match="finite"):
        walked(model, (float("nan"), 1.0))
    with pytest.raises(XaiWidgetsError, match=r"frames is 1, but must lie in \[2, "):
        film_strip(Walk(model, encoded, route), 1, frames=1)
    with pytest.raises(XaiWidgetsError, match=r"samples is 1, but must lie in \[2, "):
        film_strip(Walk(model, encoded, route), 1, samples=1)
    with pytest.raises(XaiWidgetsError, match="got 2"):
        film_strip(Walk(model, model.encode(START, START), route), 1)


# --- what changes first ------------------------------------------------------------------------------------------


@pytest.fixture
def ordered(model):
    """A walk on which the row that matters changes first."""
    first = torch.zeros(3, 5)
    first[0] = 1.0
    return Walk(model, model.encode(START), straight((6.0, 9.0)), first)


def test_the_first_region_changes_in_the_first_leg_and_the_rest_in_the_second(ordered):
    z = ordered.encoded.z[0]
    for share, first, rest in ((0.0, 0, 0), (0.3, 0.5, 0), (FIRST_LEG, 1, 0), (0.8, 1, 0.5), (1.0, 1, 1)):
        pictures, probabilities = ordered.show(torch.tensor([share]))
        code = torch.tensor([z[0] + 10 * first, z[1] + 8 * rest])
        expected = ordered.encoded.pictures + ordered.model.draw(code[None]) - ordered.model.draw(ordered.encoded.z)
        assert torch.allclose(pictures, expected, atol=1e-5)
        assert torch.allclose(probabilities, ordered.model.head(code[None]), atol=1e-4)


def test_an_ordered_walk_begins_bit_by_bit_and_ends_where_others_do(ordered, model):
    half = Walk(model, ordered.encoded, ordered.route, torch.full((3, 5), 0.3))
    for way in (ordered, half):
        pictures, _ = way.show(torch.tensor([0.0, 1.0]))
        assert torch.equal(pictures[0], model.decode(way.encoded, way.encoded.z)[0])  # which is the picture
        assert torch.allclose(pictures[1], Walk(model, way.encoded, way.route).show(torch.ones(1))[0][0], atol=1e-6)


def test_what_changes_first_may_go_further_than_the_rest(ordered):
    far, z = replace(ordered, reach=1.5), ordered.encoded.z[0]
    for share, first, rest in ((0.0, 0, 0), (0.3, 0.75, 0), (FIRST_LEG, 1.5, 0), (1.0, 1.5, 1)):
        pictures, _ = far.show(torch.tensor([share]))
        code = torch.tensor([z[0] + 10 * first, z[1] + 8 * rest])
        expected = far.encoded.pictures + far.model.draw(code[None]) - far.model.draw(far.encoded.z)
        assert torch.allclose(pictures, expected, atol=1e-5)


def test_legs(ordered, model):
    assert [ordered.goes_on_to(share) for share in (0.0, 0.6, 0.61)] == [FIRST_LEG, FIRST_LEG, 0.61]
    assert walked(model, (1.0, 1.0)).goes_on_to(0.1) == 1.0


# --- dials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.05, 0.3, 0.5, 0.8, SURE])
@pytest.mark.parametrize("steps", [4, 10, 18])
def test_the_dial_stops_just_beyond_the_wanted_probability(model, confidence, steps):
    way = walked(model, (6.0, 1.0))
    share, obtained = dial(way, 1, confidence, steps=steps)
    z = float(way.codes(torch.tensor([share]))[0, 0])
    exactly = log(confidence / (1 - confidence))
    assert exactly - 1e-4 <= z <= exactly + 10 * 2**-steps + 1e-4
    assert obtained == pytest.approx(float(torch.tensor(z).sigmoid()), abs=1e-5)
    assert obtained >= confidence


def test_who_asks_for_a_likely_target_gets_a_sure_one(model):
    assert dial(walked(model, (6.0, 1.0)), 1, LIKELY, steps=18)[1] == pytest.approx(SURE, abs=1e-4)
    assert dial(walked(model, (6.0, 1.0)), 1, 0.94, steps=18)[1] == pytest.approx(0.94, abs=1e-4)
    short = walked(model, (3.5, 1.0))  # which has 97 % at its end
    assert dial(short, 1, LIKELY) == (1.0, pytest.approx(float(torch.tensor(3.5).sigmoid()), abs=1e-5))


def test_a_sure_target_does_not_begin_the_second_leg(model):
    """The first leg has 97 %; all rows would have more, and are not touched for it."""
    first = torch.zeros(3, 5)
    first[0, :4] = 1.0
    way = Walk(model, model.encode(START), straight((5.375, 9.0)), first)
    share, obtained = dial(way, 1, LIKELY, steps=18)
    assert share == FIRST_LEG
    assert obtained == pytest.approx(float(torch.tensor(-4 + 0.8 * 9.375).sigmoid()), abs=1e-4)
    assert LIKELY < obtained < SURE


def test_what_cannot_be_reached_gives_the_nearer_end(model):
    way = walked(model, (1.0, 1.0))
    assert dial(way, 1, 0.9) == (1.0, pytest.approx(float(torch.tensor(1.0).sigmoid()), abs=1e-5))
    assert dial(way, 1, 0.001) == (0.0, pytest.approx(float(torch.tensor(-4.0).sigmoid()), abs=1e-5))
    assert dial(walked(model), 1, 0.9)[0] == 1.0


def test_the_border_is_where_both_are_equally_probable(exact):
    """A third class has a larger probability than either, and does not matter."""
    model = exact(((0.0, 0.0), (2.0, 0.0), (0.0, 0.0)), (0.0, -1.0, 3.0))
    way = walked(model, (4.0, 3.0))
    share, obtained = border(way, 0, 1, steps=16)
    z = way.codes(torch.tensor([share]))
    assert float(z[0, 0]) == pytest.approx(0.5, abs=1e-3)
    assert obtained == pytest.approx(float(model.head(z)[0, 1]), abs=1e-5)
    assert obtained < 0.1


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_a_dial_that_cannot_be(model, confidence):
    with pytest.raises(XaiWidgetsError, match=f"confidence is {confidence}"):
        dial(walked(model, (1.0, 1.0)), 1, confidence)
    with pytest.raises(XaiWidgetsError, match="both class 1"):
        border(walked(model, (1.0, 1.0)), 1, 1)
