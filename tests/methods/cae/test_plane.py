"""Every map shows what it says, and leads back to the code it came from."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.plane import code_plane, overview, pair_chart

NAMES = ("ant", "bee", "cat")


def problem(d=8, classes=3, count=60, seed=0):
    """A head, and codes whose classes lie where the head has them."""
    generator = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(classes, d, generator=generator), torch.randn(classes, generator=generator)
    codes = torch.randn(count, d, generator=generator)
    return weight, bias, codes, (codes @ weight.T + bias).argmax(1)


def planes():
    weight, bias, codes, classes = problem()
    two = problem(d=2, classes=2)
    return [
        (code_plane(), two[2]),
        (overview(codes), codes),
        (pair_chart(weight, bias, codes, classes, 0, 2, NAMES), codes),
        (pair_chart(*two, 1, 0, NAMES), two[2]),
    ]


@pytest.mark.parametrize("place", range(4))
def test_there_and_back(place):
    plane, codes = planes()[place]
    assert torch.allclose(plane.forward @ plane.backward, torch.eye(2), atol=1e-5)
    z, q = codes[3], 2 * torch.randn(7, 2)
    assert torch.allclose(plane.lift(plane.project(z[None]), z), z[None], atol=1e-6)
    assert torch.allclose(plane.project(plane.lift(q, z)), q, atol=1e-4)
    assert plane.lift(q, z).shape == (7, len(z))
    assert all(isinstance(label, str) and label for label in plane.labels)
    assert {tensor.dtype for tensor in (plane.forward, plane.backward, plane.origin, plane.offset)} == {torch.float32}


# --- overview ----------------------------------------------------------------------------------------------------


def test_an_overview_is_the_plane_of_the_largest_spread():
    spreads = torch.tensor([0.1, 5.0, 0.2, 2.0])
    codes = torch.cat([torch.diag(spreads), -torch.diag(spreads)]) + torch.tensor([1.0, 2.0, 3.0, 4.0])
    plane = overview(codes)
    assert plane.kind == "overview"
    assert torch.allclose(plane.forward, torch.eye(4)[[1, 3]], atol=1e-6)
    assert torch.allclose(plane.origin, torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert plane.labels == tuple(
        f"principal component {i} ({share}% of the variance)" for i, share in ((1, 86), (2, 14))
    )


def test_an_overview_agrees_with_the_textbook_and_its_signs_are_settled():
    codes = torch.randn(50, 8) @ torch.randn(8, 8)
    plane = overview(codes)
    _, _, rows = torch.linalg.svd((codes - codes.mean(0)).double(), full_matrices=False)
    assert torch.allclose((plane.forward.double() @ rows[:2].T).abs(), torch.eye(2).double(), atol=1e-4)
    largest = plane.forward.gather(1, plane.forward.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()
    mirrored = overview(-codes)
    assert torch.allclose(mirrored.forward, plane.forward, atol=1e-4)


def test_an_overview_of_equal_codes_is_flat_but_a_map():
    plane = overview(torch.ones(4, 3))
    assert torch.equal(plane.project(torch.ones(4, 3)), torch.zeros(4, 2))
    assert "0%" in plane.labels[0]
    assert overview(torch.ones(1, 2)).forward.isfinite().all()


# --- the chart of a pair -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("d", "classes"), [(2, 2), (2, 3), (8, 2), (8, 3)])
def test_x_is_the_log_odds_and_y_leaves_them_alone(d, classes, seed):
    weight, bias, codes, members = problem(d, classes, seed=seed)
    plane = pair_chart(weight, bias, codes, members, 0, 1, NAMES)
    logits = codes @ weight.T + bias
    assert torch.allclose(plane.project(codes)[:, 0], logits[:, 1] - logits[:, 0], atol=1e-4)
    z = codes[0]
    up = plane.lift(plane.project(z[None]) + torch.tensor([[0.0, 3.0]]), z)[0]
    assert (up - z).norm() > 0.1
    assert torch.allclose((up - z) @ (weight[1] - weight[0]), torch.zeros(()), atol=1e-4)
    assert plane.labels[0] == "log-odds of bee against ant"


def test_y_is_in_standard_deviations_of_the_two_classes():
    weight, bias, codes, members = problem(count=200)
    plane = pair_chart(weight, bias, codes, members, 0, 2, NAMES)
    y = plane.project(codes[members != 1])[:, 1]
    assert y.mean().abs() < 1e-5
    assert abs(y.std(correction=0) - 1) < 1e-4


def test_a_move_along_x_goes_from_centre_to_centre_while_y_stays():
    weight, bias, codes, members = problem(count=200)
    plane = pair_chart(weight, bias, codes, members, 0, 2, NAMES)
    centres = torch.stack([codes[members == k].mean(0) for k in (0, 2)])
    places = plane.project(centres)
    assert torch.allclose(places[0, 1], places[1, 1], atol=1e-5)
    assert torch.allclose(plane.lift(places[1:], centres[0])[0], centres[1], atol=1e-5)


def test_y_is_what_differs_most_once_x_is_taken_out():
    weight, bias = torch.tensor([[0.0, 0, 0], [1, 0, 0]]), torch.zeros(2)
    codes = torch.tensor(
        [[-1.0, 0, 3], [-1, 0, -3], [-1, 1, 0], [1, -1, 0], [1, 0, 3], [1, 0, -3], [1, 1, 0], [-1, -1, 0]]
    )
    plane = pair_chart(weight, bias, codes, (codes[:, 0] > 0).long(), 0, 1, NAMES)
    spread = codes[:, 2].std(correction=0)
    assert torch.allclose(plane.backward[:, 1], torch.tensor([0, 0, spread]), atol=1e-5)
    assert torch.allclose(plane.project(codes)[:, 1], codes[:, 2] / spread, atol=1e-5)


@pytest.mark.parametrize("case", ["no source", "no target", "neither", "centres side by side", "the wrong way round"])
def test_without_a_way_between_centres_x_goes_the_shortest_way(case):
    weight, bias = torch.tensor([[0.0, 0], [2, 0], [0, 1]]), torch.zeros(3)
    codes = {
        "centres side by side": torch.tensor([[0.0, -1], [0.1, 1], [0, -2], [0.1, 2]]),
        "the wrong way round": torch.tensor([[1.0, 0], [-1, 0], [1, 1], [-1, 1]]),
    }.get(case, torch.randn(4, 2))
    classes = {"no source": [1] * 4, "no target": [0] * 4, "neither": [2] * 4}.get(case, [0, 1, 0, 1])
    plane = pair_chart(weight, bias, codes, torch.tensor(classes), 0, 1, NAMES)
    assert torch.allclose(plane.backward[:, 0], torch.tensor([0.5, 0]), atol=1e-6)
    assert torch.allclose(plane.forward @ plane.backward, torch.eye(2), atol=1e-5)


def test_codes_on_one_line_leave_y_unstretched():
    weight, bias = torch.tensor([[0.0, 0, 0], [1, 1, 0]]), torch.zeros(2)
    codes = torch.linspace(-1, 1, 6)[:, None] * torch.tensor([1.0, 0, 0])
    plane = pair_chart(weight, bias, codes, (codes[:, 0] > 0).long(), 0, 1, NAMES)
    assert torch.allclose(plane.forward @ plane.backward, torch.eye(2), atol=1e-5)
    assert abs(plane.backward[:, 1].norm() - 1) < 1e-5


def test_a_map_that_cannot_be_says_why():
    weight, bias, codes, classes = problem()
    broken = codes.clone()
    broken[[2, 5], 1] = torch.tensor([float("nan"), float("inf")])
    with pytest.raises(XaiWidgetsError, match=r"2 are not: rows \[2, 5\]"):
        overview(broken)
    with pytest.raises(XaiWidgetsError, match="rows"):
        pair_chart(weight, bias, broken, classes, 0, 1, NAMES)
    with pytest.raises(XaiWidgetsError, match="at least 2 numbers"):
        overview(torch.randn(5, 1))
    with pytest.raises(XaiWidgetsError, match=r"M > 0, but these have \(0, 8\)"):
        overview(codes[:0])
    with pytest.raises(XaiWidgetsError, match="both class 1"):
        pair_chart(weight, bias, codes, classes, 1, 1, NAMES)
