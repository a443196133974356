"""The measures of a visual summary, in words and as numbers to sort and to draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from markupsafe import Markup

from xai_widgets.methods.summaries.summary import ClassSummaries, Summary


class Measure(NamedTuple):
    """One measure."""

    #: Low end, value and high end; all the same where no interval is known.
    of: Callable[[Summary], tuple[float, float, float]]
    #: In words, of so many pictures.
    text: Callable[[Summary, int], str]
    #: What it means, in a sentence.
    meaning: str


def nats(value: float) -> str:
    """A number with two significant digits, from a hundredth on."""
    digits = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 2
    return f"{value:.{digits}f}"


def percent(share: float) -> str:
    """A share with two significant digits, from a tenth of a percent on."""
    digits = 0 if abs(share) >= 0.1 else 1
    return f"{share:.{digits}%}".replace("-0.0%", "0.0%")


def title(found: ClassSummaries, index: int) -> str:
    """The name of a summary, or its number."""
    return found.summaries[index].name or f"Summary {index + 1}"


def _evidence(summary: Summary, _: int) -> str:
    low, high = nats(summary.evidence_low), nats(summary.evidence_high)
    return f"Evidence {nats(summary.evidence)} nats ({low} to {high})"


def _drop(summary: Summary, _: int) -> str:
    low, high = percent(summary.drop_low), percent(summary.drop_high)
    return f"Drop {percent(summary.drop)} ({low} to {high})"


def _size(summary: Summary, pictures: int) -> str:
    return f"In {summary.pictures} of {pictures} pictures"


MEASURES = {
    "evidence": Measure(
        lambda summary: (summary.evidence_low, summary.evidence, summary.evidence_high),
        _evidence,
        "log-odds of the class that are lost without the region, beyond what a region of its shape elsewhere costs",
    ),
    "drop": Measure(
        lambda summary: (summary.drop_low, summary.drop, summary.drop_high),
        _drop,
        "share of the class's probability that is lost without the region",
    ),
    "size": Measure(lambda summary: (summary.pictures,) * 3, _size, "how many of the pictures have such a region"),
    "stability": Measure(
        lambda summary: (summary.stability,) * 3,
        lambda summary, _: f"Stability {summary.stability:.2f}",
        "how much of it is found again in other pictures of the class; 1 is all of it",
    ),
    "coherence": Measure(
        lambda summary: (summary.coherence,) * 3,
        lambda summary, _: f"Coherence {summary.coherence:.2f}",
        "how much more its regions are like each other than like those of other summaries; 0 is not at all",
    ),
}
"""By the name by which summaries are sorted."""


def measured(summary: Summary, pictures: int, first: str) -> list[str]:
    """All measures in words, beginning with one of them; intervals are of 95 %."""
    names = [first, *(name for name in MEASURES if name != first)]
    lines = [MEASURES[name].text(summary, pictures) for name in names]
    # The last two are short: one line for both.
    looks = [summary.looks()] if summary.called else []
    return [*lines[:-2], " · ".join((lines[-2], lines[-1][0].lower() + lines[-1][1:])), *looks]


def longest(founds: list[ClassSummaries], measure: str) -> float:
    """The value of the longest bar: 1 for what cannot exceed it, all pictures for the size."""
    if measure == "size":
        return float(max((len(found.indices) for found in founds), default=1))
    if measure in ("drop", "stability", "coherence"):
        return 1.0
    highs = [MEASURES[measure].of(summary)[2] for found in founds for summary in found.summaries]
    return max([*highs, 1e-6])


def meanings() -> Markup:
    """What the measures mean, as HTML that unfolds."""
    entries = [Markup("<dt>{}</dt><dd>{}</dd>").format(name, measure.meaning) for name, measure in MEASURES.items()]
    note = "Numbers in brackets are a 95 % interval over pictures; the bar shows the measure of the sorting."
    return Markup(
        '<details class="xw xw-meanings"><summary>What do the numbers mean?</summary><dl>{}</dl>{}</details>'
    ).format(Markup("").join(entries), note)
