"""A sum as a list of steps: bias, one for each x-feature, what is not explained, and the score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xai_widgets.methods.srae.explanation import NOT_EXPLAINED, Explanation


@dataclass(frozen=True)
class Step:
    """One row of the bar.

    Attributes
    ----------
    name
        In words.
    start, stop
        Scores at which it begins and ends; bias and score begin at 0.
    kind
        "total" for bias and score, "feature", or "rest" for what is not explained.
    feature
        Number of the x-feature, if it is one.
    significant
        Whether it is of the smallest set that reaches 90 % of what speaks for the class.
    """

    name: str
    start: float
    stop: float
    kind: Literal["total", "feature", "rest"]
    feature: int | None = None
    significant: bool = False

    @property
    def said(self) -> str:
        """Its amount; signed, unless it is a total."""
        return amount(self.stop) if self.kind == "total" else signed(self.stop - self.start)


def steps(shown: Explanation, row: int = 0, order: Sequence[int] | None = None) -> list[Step]:
    """A picture's sum.

    Parameters
    ----------
    shown, row
        Whose.
    order
        Of the x-features; default the largest contribution first.
    """
    at = shown.bias
    found = [Step("bias", 0.0, at, "total")]
    chosen = shown.significant[row].tolist()
    for feature in order if order is not None else shown.order(row):
        stop = at + float(shown.contributions[row, feature])
        found.append(Step(shown.names[feature], at, stop, "feature", feature, bool(chosen[feature])))
        at = stop
    score = float(shown.score[row])
    rest, total = Step(NOT_EXPLAINED, at, score, "rest"), Step(f"{shown.target} of the network", 0.0, score, "total")
    return [*found, rest, total]


def spoken(sum_of: Sequence[Step]) -> str:
    """The steps as one line of text, for those who cannot see them."""
    return ", ".join(f"{step.name} {step.said}" for step in sum_of) + "."


def signed(value: float) -> str:
    """A change with a real minus sign: two decimals below 1, one from there on."""
    return _without_zero_sign(f"{value:+.{_decimals(value)}f}")


def amount(value: float) -> str:
    """The same without a plus sign."""
    return _without_zero_sign(f"{value:.{_decimals(value)}f}")


def _without_zero_sign(text: str) -> str:
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")


def _decimals(value: float) -> int:
    return 2 if abs(value) < 0.95 else 1
