"""What stands in for removed pixels."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.references import REFERENCES, choose, gaussian, odd

USUAL = ("blur", "mean", "median", "average", "weak blur")


@pytest.fixture
def asked(looking):
    study = looking()
    pictures, _ = study.load(study.test, range(4))
    classes = torch.tensor([1, 1, 0, 0])
    return study, pictures, classes


def test_each_picture_takes_the_reference_with_the_lowest_score(asked):
    study, pictures, classes = asked
    chosen, scores, names = choose(study, pictures, classes, torch.ones(4), USUAL)
    for row in range(4):
        made = torch.stack([REFERENCES[name](study, pictures, classes)[row] for name in USUAL])
        all_scores = study.predict(made)[:, classes[row]]
        assert torch.isclose(scores[row], all_scores.min())
        assert torch.equal(chosen[row], made[USUAL.index(names[row])])


def test_a_picture_of_something_else_is_the_last_resort(looking):
    study = looking()
    dark = torch.zeros(2, 3, 28, 28)  # whatever is empty is of class 0
    before = study.predict(dark)[:, 0]
    chosen, scores, names = choose(study, dark, torch.tensor([0, 1]), before, ("mean", "other"))
    assert names == ("other", "mean")
    assert scores[0] < 0.1
    assert any(torch.equal(chosen[0], study.train[i][0]) for i in range(len(study.train)))
    assert choose(study, dark, torch.tensor([0, 1]), before, ("other",))[2] == ("other", "other")


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (1, 1, 33, 47), (1, 3, 299, 28)])
@pytest.mark.parametrize("name", REFERENCES)
def test_references_are_pictures_of_the_same_shape(looking, name, shape):
    pictures = torch.rand(shape)
    made = REFERENCES[name](looking((shape[1], 28, 28)), pictures, torch.zeros(shape[0], dtype=torch.long))
    assert made.shape == pictures.shape
    assert made.min() >= 0
    assert made.max() <= 1 + 1e-5


def test_a_blurred_point_is_a_gaussian():
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 4] = 1
    offsets = torch.arange(9.0) - 4
    bell = torch.exp(-(offsets**2) / 8) * (offsets.abs() <= 2)
    expected = torch.outer(bell, bell) / bell.sum() ** 2
    assert torch.allclose(gaussian(point, 2.0, 5)[0, 0], expected, atol=1e-7)


def test_a_blurred_colour_is_the_same_colour():
    assert torch.allclose(gaussian(torch.full((1, 3, 5, 6), 0.3), 4.0, 21), torch.tensor(0.3))


def test_kernels_are_odd():
    assert [odd(x) for x in (0.2, 1.0, 1.9, 2.1, 11.0, 12.1)] == [1, 1, 1, 3, 11, 13]


@pytest.mark.parametrize("names", [(), ("blur", "noise")])
def test_unknown_references_are_named(looking, names):
    with pytest.raises(
        XaiWidgetsError, match=r"(references are \(\)|reference is 'noise'), but must be one (or more )?of blur, mean"
    ):
        choose(looking(), torch.rand(1, 3, 28, 28), torch.tensor([0]), torch.ones(1), names)
