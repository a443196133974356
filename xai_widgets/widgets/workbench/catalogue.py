"""The views that the Workbench has a tab for: what each is called, what it answers, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.study import Study
from xai_widgets.widgets.cae.explorer import ManifoldExplorer
from xai_widgets.widgets.cladec.explorer import ClaDecExplorer
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.inversion.explorer import InversionExplorer
from xai_widgets.widgets.srae.explorer import ConceptExplorer
from xai_widgets.widgets.summaries.explorer import SummaryBrowser


class View(NamedTuple):
    """One of the five.

    Attributes
    ----------
    name
        By which it is asked for.
    label
        What stands on its tab.
    question
        What it answers, in plain words.
    reading
        What one is looking at, and when not to believe it.
    make
        Makes it for a study.
    """

    name: str
    label: str
    question: str
    reading: str
    make: Callable[[Study], App]


def first_layer(study: Study) -> str:
    """The layer that most is known of: the one that ClaDec was fitted for first, or the block in the middle."""
    blocks = study.blocks() or study.layers()
    cladec = study.explainers.get("cladec")
    fitted = [] if cladec is None else [layer for layer in cladec.requested_layers if layer in cladec.layers]
    return next(iter(fitted), blocks[len(blocks) // 2].name)


VIEWS: tuple[View, ...] = (
    View(
        "cladec",
        "Layer",
        "What does this layer still know about the picture, and what has it thrown away?",
        "Each row is a picture; beside it the same picture, drawn again from what the layer knows, and by an "
        "auto-encoder that may keep what it likes. Only what is lost in the first and not in the second is "
        "the classifier's doing. The class plays no part here.",
        ClaDecExplorer,
    ),
    View(
        "summaries",
        "Summaries",
        "Which parts does the classifier use for this class, again and again?",
        "Each row is a kind of region that pictures of the class share and that the classifier needs. It is "
        "of the class as a whole: the chosen picture and layer play no part here.",
        SummaryBrowser,
    ),
    View(
        "concepts",
        "Concepts",
        "Into which few concepts does the score of this class add up?",
        "The staircase leads from the bias to the score of the class for the chosen picture, one step for "
        "each x-feature of the layer. Each has a map in the picture, pictures in which it is strong, and a "
        "slider that turns it.",
        ConceptExplorer,
    ),
    View(
        "inversion",
        "Evidence",
        "Where in this picture is the evidence for this class?",
        "What is kept is enough for the class, and without it the class is gone, as far as the two "
        "probabilities say so. The mask is made of the layer's own channels.",
        InversionExplorer,
    ),
    View(
        "manifold",
        "Manifold",
        "How would this picture have to change to be called the chosen class?",
        "Choose another class than the picture's, and drag the point: the picture becomes what the classifier "
        "would call by another name. It shows the classifier's opinion, not nature's. The layer plays no part "
        "here.",
        ManifoldExplorer,
    ),
)


def view(name: str) -> View:
    """The view of that name.

    Raises
    ------
    XaiWidgetsError
        If there is none.
    """
    found = {one.name: one for one in VIEWS}
    if name not in found:
        raise XaiWidgetsError(f"there is no view {name!r}, only {', '.join(found)}")
    return found[name]


def make_beside(name: str, study: Study, other: Study | None = None) -> list[App]:
    """The view of a study, or those of two, to be shown side by side."""
    if other is not None and name == "summaries":
        return [SummaryBrowser(study, other=other)]
    return [view(name).make(each) for each in (study, other) if each is not None]
