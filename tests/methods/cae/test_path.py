"""Film strips and dials on a model whose probability along a route is an exact sigmoid."""

from __future__ import annotations

from math import log

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import BATCH, Encoded, show
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.path import border, dial, film_strip

START = (-4.0, 1.0)


def straight(*corners):
    return torch.tensor([START, *corners])


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
    with pytest.raises(XaiWidgetsError, match="one encoded picture is needed, and got 2"):
        show(model, model.encode(START, START), torch.zeros(1, 2))
    with pytest.raises(XaiWidgetsError, match=r"rows \[1\]"):
        show(model, model.encode(START), torch.tensor([[0.0, 0.0], [float("nan"), 0.0]]))


# --- film strips -------------------------------------------------------------------------------------------------


def test_frames_are_at_equal_steps_of_probability(model):
    strip = film_strip(model, model.encode(START), straight((5.0, -1.0)), 1, samples=2001)
    low, high = torch.tensor([-4.0, 5.0]).sigmoid()
    assert torch.allclose(strip.probabilities[:, 1], torch.linspace(low, high, 9), atol=1e-4)
    assert torch.allclose(strip.shares[1:-1], (strip.probabilities[1:-1, 1].logit() + 4) / 9, atol=1e-4)
    assert strip.violation == 0


def test_the_default_is_nine_frames_placed_by_41_samples(model):
    strip = film_strip(model, model.encode(START), straight((5.0, -1.0)), 1)
    assert strip.z.shape == (9, 2)
    assert strip.pictures.shape == (9, 1, 3, 5)
    assert strip.probabilities.shape == (9, 2)
    assert torch.equal(strip.raw_shares, torch.linspace(0, 1, 41))
    assert torch.allclose(strip.raw_curve, (9 * strip.raw_shares - 4).sigmoid(), atol=1e-5)
    assert strip.probabilities[:, 1].diff().max() / strip.probabilities[:, 1].diff().mean() < 1.2
    assert strip.on_data.dtype == torch.bool
    assert strip.on_data.all()


def test_the_first_frame_is_the_picture_itself_and_the_last_the_end(model):
    encoded = model.encode(START)
    strip = film_strip(model, encoded, straight((0.0, 3.0), (3.3, 3.0)), 1, frames=5)
    assert torch.allclose(strip.pictures[0], encoded.pictures[0], atol=1e-6)
    assert torch.equal(strip.z[0], encoded.z[0])
    assert torch.equal(strip.z[-1], torch.tensor([3.3, 3.0]))
    assert strip.shares[[0, -1]].tolist() == [0, 1]


def test_shares_are_of_the_length_of_all_pieces(model):
    """A route of lengths 3 and 6, of which only the second changes the probability."""
    strip = film_strip(model, model.encode(START), straight((-4.0, 4.0), (2.0, 4.0)), 1, frames=3, samples=901)
    assert torch.allclose(strip.raw_curve[:300], torch.tensor(-4.0).sigmoid(), atol=1e-6)
    half = float(torch.tensor([-4.0, 2.0]).sigmoid().mean().logit())
    assert torch.allclose(strip.z[1], torch.tensor([half, 4.0]), atol=1e-2)
    assert abs(float(strip.shares[1]) - (3 + half + 4) / 9) < 2e-3


def test_a_decrease_is_measured_and_not_walked_twice(model):
    """Four up, one down, then level: the frames come from the way up, but for the last."""
    strip = film_strip(model, model.encode(START), straight((0.0, 1.0), (-1.0, 1.0)), 1, frames=6, samples=501)
    up, down = (torch.tensor([0.0, -1.0]).sigmoid() - torch.tensor([-4.0, 0.0]).sigmoid()).tolist()
    assert strip.violation == pytest.approx(-down / (up - down), abs=1e-4)
    assert strip.shares[-2] < 0.8
    assert strip.shares[-1] == 1
    assert torch.allclose(strip.probabilities[:-1, 1], torch.linspace(strip.raw_curve[0], 0.5, 6)[:-1], atol=1e-4)


def test_flat_pieces_take_no_frames(model):
    """Up, level, up: no frame but a single one can be on the level piece."""
    strip = film_strip(
        model, model.encode(START), straight((0.0, 1.0), (0.0, 9.0), (4.0, 9.0)), 1, frames=21, samples=401
    )
    on_level = (strip.z[:, 0].abs() < 1e-3) & (strip.z[:, 1] > 1.1)
    assert on_level.sum() <= 1
    assert (strip.shares.diff() > 0).all()


@pytest.mark.parametrize("end", [(-4.0, 6.0), (-9.0, 1.0)])
def test_a_probability_that_does_not_rise_gives_equal_steps_of_length(model, end):
    strip = film_strip(model, model.encode(START), straight(end), 1)
    assert torch.allclose(strip.shares, torch.linspace(0, 1, 9))
    assert strip.violation == (1 if end[0] < -4 else 0)


def test_a_route_of_one_point_is_a_still(model):
    strip = film_strip(model, model.encode(START), straight(), 1)
    assert torch.equal(strip.z, torch.tensor(START).expand(9, 2))
    assert strip.violation == 0
    again = film_strip(model, model.encode(START), straight(START, START), 1)
    assert torch.equal(again.z, strip.z)


def test_corners_that_are_there_twice_change_nothing(model):
    once = film_strip(model, model.encode(START), straight((1.0, 1.0), (3.0, 2.0)), 1)
    twice = film_strip(model, model.encode(START), straight(START, (1.0, 1.0), (1.0, 1.0), (3.0, 2.0), (3.0, 2.0)), 1)
    assert torch.allclose(once.z, twice.z, atol=1e-5)


def test_frames_off_the_data_are_marked(model):
    density = Density(torch.tensor([START]) + 0.5 * torch.randn(40, 2))
    strip = film_strip(model, model.encode(START), straight((9.0, 1.0)), 1, density=density)
    assert strip.on_data[0]
    assert not strip.on_data[-1]
    assert torch.equal(strip.on_data, density.on_data(strip.z))


def test_a_strip_that_cannot_be(model):
    encoded, route = model.encode(START), straight((1.0, 1.0))
    with pytest.raises(XaiWidgetsError, match="starts 3 away"):
        film_strip(model, encoded, route + torch.tensor([3.0, 0.0]), 1)
    with pytest.raises(XaiWidgetsError, match="finite"):
        film_strip(model, encoded, straight((float("nan"), 1.0)), 1)
    with pytest.raises(XaiWidgetsError, match=r"frames is 1, but must lie in \[2, "):
        film_strip(model, encoded, route, 1, frames=1)
    with pytest.raises(XaiWidgetsError, match=r"samples is 1, but must lie in \[2, "):
        film_strip(model, encoded, route, 1, samples=1)
    with pytest.raises(XaiWidgetsError, match="got 2"):
        film_strip(model, model.encode(START, START), route, 1)


# --- dials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.05, 0.3, 0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("steps", [4, 10, 18])
def test_the_dial_stops_just_beyond_the_wanted_probability(model, confidence, steps):
    route, obtained = dial(model, model.encode(START), straight((6.0, 1.0)), 1, confidence, steps=steps)
    z = route[-1]
    exactly = log(confidence / (1 - confidence))
    assert exactly - 1e-4 <= float(z[0]) <= exactly + 10 * 2**-steps + 1e-4
    assert obtained == pytest.approx(float(torch.sigmoid(z[0])), abs=1e-5)
    assert obtained >= confidence
    assert len(model.batches) == 2 * (steps + 2)


def test_what_cannot_be_reached_gives_the_nearer_end(model):
    encoded, route = model.encode(START), straight((1.0, 1.0))
    found, obtained = dial(model, encoded, route, 1, 0.9)
    assert torch.equal(found, route)
    assert obtained == pytest.approx(float(torch.tensor(1.0).sigmoid()), abs=1e-5)
    found, obtained = dial(model, encoded, route, 1, 0.001)
    assert torch.equal(found, route[:1])
    assert obtained == pytest.approx(float(torch.tensor(-4.0).sigmoid()), abs=1e-5)
    found, _ = dial(model, encoded, straight(), 1, 0.9)
    assert torch.equal(found, route[:1])


def test_a_route_with_a_corner_is_cut_behind_it(model):
    corners = torch.tensor([[-4.0, 1.0], [-4.0, 3.0], [6.0, 3.0]])
    found, _ = dial(model, model.encode(START), corners, 1, 0.5, steps=18)
    assert torch.equal(found[:2], corners[:2])
    assert torch.allclose(found[2], torch.tensor([0.0, 3.0]), atol=1e-3)


def test_the_border_is_where_both_are_equally_probable(exact):
    """A third class has a larger probability than either, and does not matter."""
    model = exact(((0.0, 0.0), (2.0, 0.0), (0.0, 0.0)), (0.0, -1.0, 3.0))
    route, obtained = border(model, model.encode(START), straight((4.0, 3.0)), 0, 1, steps=16)
    z = route[-1]
    assert float(z[0]) == pytest.approx(0.5, abs=1e-3)
    assert obtained == pytest.approx(float(model.head(z[None])[0, 1]), abs=1e-5)
    assert obtained < 0.1


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_a_dial_that_cannot_be(model, confidence):
    with pytest.raises(XaiWidgetsError, match=f"confidence is {confidence}"):
        dial(model, model.encode(START), straight((1.0, 1.0)), 1, confidence)
    with pytest.raises(XaiWidgetsError, match="both class 1"):
        border(model, model.encode(START), straight((1.0, 1.0)), 1, 1)
    with pytest.raises(XaiWidgetsError, match="away from it"):
        dial(model, model.encode(START), straight((1.0, 1.0)) + 1, 1, 0.5)
