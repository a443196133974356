"""The sentences above and below the pictures of SummaryBrowser."""

from __future__ import annotations

from xai_widgets.methods.summaries.scene import Scene
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.scores.hiding import Marks
from xai_widgets.scores.maps import MAPS
from xai_widgets.widgets.views.verdict import Verdict, judge, worst


def sentence(scene: Scene, *, left: bool, running: bool) -> str:
    """What one is looking at; whether something is left to search for, and whether a search is running."""
    if not scene.known:
        return _nothing(scene, left=left, running=running)
    first = scene.known[0]
    if left:
        then = "all pictures follow" if running else "press “Find the rest” for all pictures"
        return f"A first look at {len(first.indices)} pictures of {scene.title}; {then}. {_kinds(first)}"
    who = "do two classifiers" if scene.shared else "does the classifier"
    return f"Which parts of {scene.title} {who} rely on? {scene.shared or _kinds(first)}"


def _nothing(scene: Scene, *, left: bool, running: bool) -> str:
    if running:
        return f"Looking for the parts of {scene.title} that the classifier relies on."
    if left:
        return f"Nothing was found of {scene.title} yet: press “Find summaries”. {scene.needs}".strip()
    return f"There are no summaries of {scene.title}: {' '.join(scene.reasons)}"


def _kinds(found: ClassSummaries) -> str:
    kept, pictures = len(found.kept), len(found.indices)
    if not found.summaries:
        return f"No regions were found in {pictures} pictures."
    if not kept:
        return f"No kind of region in {pictures} pictures can be trusted; “Show rejected groups” shows why."
    kinds = "One kind of region" if kept == 1 else f"{kept} kinds of region"
    return f"{kinds} in {pictures} pictures; choose one to see all of its regions."


def numbers_line(scene: Scene) -> str:
    """The numbers that tell whether to trust the summaries."""
    verdicts = {name: found.verdict() for name, found in zip(scene.names, scene.founds, strict=True) if found}
    return " ".join(verdict if len(scene.names) == 1 else f"{name}: {verdict}" for name, verdict in verdicts.items())


def judged(scene: Scene) -> Verdict | None:
    """Whether to trust the summaries: the worst of the networks; None while nothing is known."""
    return worst([_judged(found) for found in scene.known]) if scene.known else None


def _judged(found: ClassSummaries) -> Verdict:
    kept, groups = len(found.kept), len(found.summaries)
    sound = (
        f"{kept} of {groups} groups of regions {'is' if kept == 1 else 'are'} sound, in {len(found.indices)} pictures."
    )
    return judge(found.problems, "" if len(found.indices) >= FEW else sound, sound)


def only(scene: Scene) -> ClassSummaries | None:
    """The summaries of a single network; None for two, whose numbers have no room for more."""
    return scene.founds[0] if len(scene.founds) == 1 else None


def marks(found: ClassSummaries) -> Marks:
    """The masks of the first pictures."""
    of = found.masks
    return Marks(of.pictures[:WEIGHED], of.class_index[:WEIGHED], MAPS["summaries"](of)[:WEIGHED], MASKED)


MASKED = "what the masks show"

WEIGHED = 4
"""So many masks are weighed: enough for a word on the method, and quick."""

FEW = 20
"""What rests on fewer pictures is in doubt."""
