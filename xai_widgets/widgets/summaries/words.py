"""The sentences above and below the pictures of SummaryBrowser."""

from __future__ import annotations

from collections.abc import Sequence

from xai_widgets.methods.summaries.scene import Founds
from xai_widgets.methods.summaries.summary import ClassSummaries


def sentence(title: str, founds: Founds, reasons: Sequence[str], both: str = "", *, left: bool, running: bool) -> str:
    """What one is looking at.

    It says what was found of the pictures of this title in each network, or the reasons why nothing was; what `both`
    networks share; and whether something is `left` to search for, and a search is `running`.
    """
    first = next((found for found in founds if found is not None), None)
    if first is None:
        return _nothing(title, reasons, left=left, running=running)
    if left:
        then = "all pictures follow" if running else "press “Find the rest” for all pictures"
        return f"A first look at {len(first.indices)} pictures of {title}; {then}. {_kinds(first)}"
    who = "two classifiers" if both else "the classifier"
    verb = "do" if both else "does"
    return f"Which parts of {title} {verb} {who} rely on, again and again? {both or _kinds(first)}"


def _nothing(title: str, reasons: Sequence[str], *, left: bool, running: bool) -> str:
    if running:
        return f"Looking for the parts of {title} that the classifier relies on, again and again."
    if left:
        return f"Nothing was found of {title} yet: press “Find summaries”."
    return f"There are no summaries of {title}: {' '.join(reasons)}"


def _kinds(found: ClassSummaries) -> str:
    kept, pictures = len(found.kept), len(found.indices)
    if not found.summaries:
        return f"No regions were found in {pictures} pictures."
    if not kept:
        return f"No kind of region in {pictures} pictures can be trusted; “Show rejected groups” shows why."
    kinds = "One kind of region" if kept == 1 else f"{kept} kinds of region"
    return f"{kinds} in {pictures} pictures; choose one to see all of its regions."


def numbers_line(founds: Founds, networks: Sequence[str]) -> str:
    """The numbers that tell whether to trust the summaries."""
    verdicts = [(name, found.verdict()) for name, found in zip(networks, founds, strict=True) if found is not None]
    return " ".join(verdict if len(founds) == 1 else f"{name}: {verdict}" for name, verdict in verdicts)
