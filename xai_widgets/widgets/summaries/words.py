"""What SummaryBrowser says above and below its pictures."""

from __future__ import annotations

from collections.abc import Sequence

from xai_widgets.methods.summaries.scene import Founds
from xai_widgets.methods.summaries.summary import ClassSummaries


def sentence(title: str, founds: Founds, why_not: Sequence[str], both: str = "", *, left: bool, running: bool) -> str:
    """What one is looking at.

    Parameters
    ----------
    title
        What the pictures are of.
    founds, why_not
        What was found in each network, or why nothing was.
    both
        What two networks have in common, or why that cannot be said.
    left, running
        Whether something is left to be found, and whether somebody looks for it.
    """
    first = next((found for found in founds if found is not None), None)
    if first is None:
        return _nothing(title, why_not, left=left, running=running)
    if left:
        goes_on = "all pictures follow" if running else "press “Find the rest” for all pictures"
        return f"A first look at {len(first.indices)} pictures of {title}; {goes_on}. {_kinds(first)}"
    if both:
        return f"Which parts of {title} do two classifiers use, again and again? {both}"
    return f"Which parts of {title} does the classifier use, again and again? {_kinds(first)}"


def _nothing(title: str, why_not: Sequence[str], *, left: bool, running: bool) -> str:
    if running:
        return f"Looking for the parts of {title} that the classifier uses again and again."
    if left:
        return f"Nothing was found of {title} yet: press “Find summaries”."
    return f"There are no summaries of {title}: {' '.join(why_not)}"


def _kinds(found: ClassSummaries) -> str:
    kept, pictures = len(found.kept), len(found.indices)
    if not found.summaries:
        return f"No regions were found in {pictures} pictures."
    if not kept:
        return f"No kind of region is to be believed in {pictures} pictures; “Also those not kept” shows why."
    kinds = "one kind of region" if kept == 1 else f"{kept} kinds of region"
    return f"It uses {kinds} in {pictures} pictures; choose one to see all of its regions."


def numbers_line(founds: Founds, networks: Sequence[str]) -> str:
    """The numbers that say whether to believe it."""
    verdicts = [(name, found.verdict()) for name, found in zip(networks, founds, strict=True) if found is not None]
    return " ".join(verdict if len(founds) == 1 else f"{name}: {verdict}" for name, verdict in verdicts)
