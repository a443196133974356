"""The numbers of ConceptExplorer as a table: of the x-features, and of simpler ones beside them."""

from __future__ import annotations

from collections.abc import Callable

from xai_widgets.methods.srae.report import ClassReport, Numbers

_MEASURES: tuple[tuple[str, str, Callable[[Numbers], str]], ...] = (
    ("R² on all pictures", "share of the score's variance that the sum explains", lambda n: f"{n.r2_all:.3f}"),
    (
        "R² within the class",
        "the same among pictures of the class, where it is harder",
        lambda n: f"{n.r2_positive:.3f}",
    ),
    ("alive", "x-features that vary at all; the others are dead", lambda n: str(n.alive)),
    (
        "second to first",
        "the second largest mean contribution over the largest; near 0 one x-feature dominates",
        lambda n: f"{n.second_first:.2f}",
    ),
    ("for 90 %", "x-features that it takes for 90 % of what speaks for the class", lambda n: f"{n.n90:.1f}"),
)


def measures(report: ClassReport) -> str:
    """What the numbers are and mean, beside those of PCA and PLS, as HTML that unfolds."""
    columns = {"x-features": report.srae, "PCA + OLS": report.pca, "PLS": report.pls}
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"<td>{said(numbers)}</td>" for numbers in columns.values())}'
        f"<td>{meaning}</td></tr>"
        for name, meaning, said in _MEASURES
    )
    return (
        '<details class="xw xw-meanings"><summary>The numbers beside those of simpler methods</summary>'
        f"<table><tr><th></th>{head}<th></th></tr>{rows}</table></details>"
    )
