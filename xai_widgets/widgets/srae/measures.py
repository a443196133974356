"""The numbers of ConceptExplorer as a table: of the x-features, and of simpler methods beside them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from markupsafe import Markup

from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.report import ClassReport
from xai_widgets.scores.hiding import Marks
from xai_widgets.scores.maps import MAPS
from xai_widgets.widgets.views.verdict import Verdict, judge

ADDED = "where the x-features add most"

LEAST_WITHIN = 0.9
"""A sum that explains less within the class is in doubt."""

_MEASURES = (
    ("R² on all pictures", "r2_all", ".3f", "share of the score's variance that the sum explains"),
    ("R² within the class", "r2_positive", ".3f", "the same among pictures of the class, where it is harder"),
    ("alive", "alive", "d", "x-features that vary at all; the others are dead"),
    ("second to first", "second_first", ".2f", "the second largest mean contribution over the largest; near 0 one "
     "x-feature dominates"),
    ("for 90 %", "n90", ".1f", "x-features that it takes for 90 % of the support for the class"),
)  # fmt: skip

_NAMES = {"PCA": "PCA + OLS"}

_TABLE = Markup(
    '<details class="xw xw-meanings"><summary>The numbers beside those of simpler methods</summary><table>'
    "<tr><th></th>{}<th></th></tr>{}</table></details>"
)
_HEAD, _CELL = Markup('<th scope="col">{}</th>'), Markup("<td>{}</td>")
_ROW = Markup('<tr><th scope="row">{}</th>{}<td>{}</td></tr>')


def judged(found: SRAEExplanation) -> Verdict:
    """Whether to trust the sum."""
    numbers = found.report.srae
    adds_up = f"The x-features explain {max(numbers.r2_positive, 0):.0%} of the score's differences within the class."
    doubt = "" if numbers.r2_positive >= LEAST_WITHIN else adds_up
    return judge([*found.stale, *numbers.problems], doubt, adds_up)


def marks(found: SRAEExplanation) -> Marks:
    """Where the x-features of the class are, all together, in the first picture."""
    return Marks(found.pictures[:1], torch.tensor([found.class_index]), MAPS["srae"](found.rows([0])), ADDED)


def measures(report: ClassReport) -> Markup:
    """The numbers and their meanings, beside those of simpler x-features, as HTML that unfolds."""
    columns = {"x-features": report.srae} | {_NAMES.get(who, who): one for who, one in report.simpler.items()}
    rows = (
        _ROW.format(name, _joined(_CELL, [format(getattr(one, measure), form) for one in columns.values()]), meaning)
        for name, measure, form, meaning in _MEASURES
    )
    return _TABLE.format(_joined(_HEAD, columns), Markup().join(rows))


def _joined(form: Markup, values: Iterable[str]) -> Markup:
    return Markup().join(form.format(value) for value in values)
