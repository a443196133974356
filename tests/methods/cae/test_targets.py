"""The nearest code of a confidence, and the centres of the classes."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.targets import centres, closest, contrast


@pytest.mark.parametrize(("d", "classes"), [(2, 2), (2, 3), (8, 10)])
@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.95, 0.999])
def test_the_head_obtains_what_was_asked_for(d, classes, confidence):
    weight, bias, z = torch.randn(classes, d), torch.randn(classes), torch.randn(d)
    found = closest(z, weight, bias, 0, 1, confidence)
    said = (weight @ found + bias).softmax(0)
    assert abs(float(said[1] / (said[0] + said[1])) - confidence) < 1e-3


def test_the_move_is_the_shortest():
    weight, bias, z = torch.randn(3, 8), torch.randn(3), torch.randn(8)
    move = closest(z, weight, bias, 2, 0, 0.9) - z
    assert abs(float(torch.cosine_similarity(move, weight[0] - weight[2], dim=0))) > 1 - 1e-5


def test_a_contrast_is_the_log_odds():
    weight, bias, codes = torch.randn(4, 3), torch.randn(4), torch.randn(6, 3)
    v, b = contrast(weight, bias, 1, 3)
    said = (codes @ weight.T + bias).log_softmax(1)
    assert torch.allclose(codes @ v + b, said[:, 3] - said[:, 1], atol=1e-5)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_confidence_no_move_can_reach(confidence):
    with pytest.raises(XaiWidgetsError, match=f"confidence is {confidence}, but must lie between 0 and 1"):
        closest(torch.zeros(2), torch.eye(2), torch.zeros(2), 0, 1, confidence)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        (1, 1, "both class 1"),
        (0, 5, "target is 5, but the classes are numbered 0 to 2"),
        (-1, 0, "source is -1"),
        (0, 2, "cannot distinguish classes 0 and 2"),
    ],
)
def test_a_pair_without_a_line_between(source, target, said):
    weight = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]])
    with pytest.raises(XaiWidgetsError, match=said):
        closest(torch.zeros(2), weight, torch.zeros(3), source, target, 0.9)


def test_a_broken_code_or_head():
    with pytest.raises(XaiWidgetsError, match="finite"):
        closest(torch.tensor([0.0, float("nan")]), torch.eye(2), torch.zeros(2), 0, 1, 0.9)
    with pytest.raises(XaiWidgetsError, match=r"shape \(M, 2\)"):
        closest(torch.zeros(3), torch.eye(2), torch.zeros(2), 0, 1, 0.9)
    with pytest.raises(XaiWidgetsError, match="cannot distinguish"):
        closest(torch.zeros(2), torch.eye(2) * float("nan"), torch.zeros(2), 0, 1, 0.9)


def test_centres_are_means_of_the_confident():
    codes = torch.tensor([[0.0, 0.0], [2.0, 0.0], [50.0, 0.0], [0.0, 4.0], [70.0, 0.0]])
    probabilities = torch.tensor([[0.95, 0.05], [0.9, 0.1], [0.6, 0.4], [0.0, 1.0], [0.95, 0.05]])
    found = centres(codes, probabilities, torch.tensor([0, 0, 0, 1, 1]))  # the last counts as neither
    assert torch.equal(found, torch.tensor([[1.0, 0.0], [0.0, 4.0]]))


def test_a_class_without_confident_codes_has_its_ten_most_probable():
    codes = torch.arange(12.0)[:, None].expand(-1, 2)
    probabilities = torch.stack([1 - codes[:, 0] / 20, codes[:, 0] / 20], dim=1)
    found = centres(codes, probabilities, torch.zeros(12, dtype=torch.long))
    assert torch.equal(found, torch.tensor([[1.0, 1.0], [6.5, 6.5]]))  # 0, 1, 2 are confident; 2 to 11 most probable


def test_a_class_is_centred_on_fewer_than_ten_codes_if_there_are_no_more():
    found = centres(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.full((2, 3), 1 / 3), torch.tensor([0, 0]))
    assert torch.equal(found, torch.tensor([[2.0, 3.0]] * 3))
    with pytest.raises(XaiWidgetsError, match="M > 0"):
        centres(torch.zeros(0, 2), torch.zeros(0, 3), torch.zeros(0))
    with pytest.raises(XaiWidgetsError, match="finite"):
        centres(torch.full((2, 2), float("nan")), torch.full((2, 3), 1 / 3), torch.tensor([0, 0]))
