"""Numbers of every kind come out plain, and what makes no sense is refused by name, value and what is allowed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
import torch

from xai_widgets import limits
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.limits import Choice, Of, OrNone, Real, Several, Whole, settle

THREE = [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3), torch.tensor(3, dtype=torch.int8)]
HALF = [
    0.5,
    np.float64(0.5),
    np.float32(0.5),
    np.array(0.5),
    torch.tensor(0.5),
    torch.tensor(0.5).half(),
    Fraction(1, 2),
]


@pytest.mark.parametrize("value", THREE)
def test_whole_numbers_become_ints(value):
    assert type(Whole(3, 3)("n", value)) is int
    assert Whole(3, 3)("n", value) == 3
    assert type(Real()("n", value)) is float


@pytest.mark.parametrize("value", HALF)
def test_numbers_become_floats(value):
    assert type(Real(0.5, 0.5)("x", value)) is float
    with pytest.raises(XaiWidgetsError, match="but must be a whole number, at least 1"):
        Whole(1)("x", value)


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        (limits.COUNT, 0, "x is 0, but must be at least 1"),
        (limits.COUNT, 1.0, "x is 1.0, but must be a whole number, at least 1"),
        (limits.COUNT, True, "x is True, but must be a whole number, at least 1"),
        (limits.COUNT, "3", "x is '3', but must be a whole number, at least 1"),
        (limits.EPOCHS, math.inf, "x is inf, but must be a whole number in [1, 1000000]"),
        (limits.SEED, -1, "x is -1, but must lie in [0, 9223372036854775807]"),
        (limits.SEED, 2**63, "x is 9223372036854775808, but must lie in [0, 9223372036854775807]"),
        (limits.SHARE, 1.5, "x is 1.5, but must lie in [0, 1]"),
        (limits.SHARE, math.nan, "x is nan, but must lie in [0, 1]"),
        (limits.SHARE, None, "x is None, but must be a number in [0, 1]"),
        (limits.INSIDE, 1, "x is 1, but must lie between 0 and 1, both excluded"),
        (Real(0, 1, apart=(1,)), 1, "x is 1, but must lie in [0, 1)"),
        (limits.POSITIVE, 0, "x is 0, but must be above 0 and finite"),
        (limits.POSITIVE, math.inf, "x is inf, but must be above 0 and finite"),
        (limits.WEIGHT, -1, "x is -1, but must be at least 0 and finite"),
        (Real(), math.nan, "x is nan, but must be finite"),
        (Real(), 10**400, "x is 100000000000000000...0000000000000000000, but must be a number, finite"),
        (Choice(("a", None)), "b", "x is 'b', but must be one of a, None"),
        (limits.switch, 1, "x is 1, but must be True or False"),
        (Of((int,)), "b", "x is 'b', but must be of type int"),
        (Several(limits.SHARE, (1, 3)), (1, 1), "x has 2 values, but must have 1 or 3"),
        (Several(limits.SHARE, least=1), [], "x has 0 values, but must have 1 or more"),
        (Several(limits.SHARE), "01", "x is '01', but must be a list of numbers"),
        (Several(limits.SHARE), 0.5, "x is 0.5, but must be a list of numbers"),
        (Several(limits.SHARE), [0.5, 2], "x is 2, but must lie in [0, 1]"),
        (OrNone(limits.COUNT), 0, "x is 0, but must be at least 1"),
    ],
)
def test_an_error_says_name_value_and_what_is_allowed(rule, value, said):
    with pytest.raises(XaiWidgetsError) as error:
        rule("x", value)
    assert str(error.value).startswith(said)
    assert len(str(error.value)) < 200


def test_lists_become_tuples_of_plain_numbers():
    for given in ([0, 1], (0, 1), np.array([0, 1]), torch.tensor([0.0, 1.0]), range(2), iter([0, 1])):
        assert Several(limits.SHARE, (2,))("x", given) == (0.0, 1.0)
    assert OrNone(limits.COUNT)("x", None) is None
    assert limits.switch("x", np.True_) is True


def test_errors_can_be_of_another_class():
    with pytest.raises(PictureError, match="x is -1, but must be at least 0"):
        Whole(error=PictureError)("x", -1)


def test_a_frozen_settings_object_is_settled():
    @dataclass(frozen=True)
    class Settings:
        epochs: int
        lr: float

        def __post_init__(self):
            settle(self, epochs=limits.EPOCHS, lr=limits.POSITIVE)

    assert repr(Settings(np.int64(3), torch.tensor(2))).endswith("Settings(epochs=3, lr=2.0)")
    with pytest.raises(XaiWidgetsError, match="lr is -1"):
        Settings(1, -1)
