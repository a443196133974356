"""Where two networks rely on different parts of a class's pictures."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from xai_widgets.methods.summaries.scene import Scene
from xai_widgets.widgets.frame.difference import Difference, Search
from xai_widgets.widgets.summaries.lines import Cell
from xai_widgets.widgets.summaries.measures import MEASURES, nats, title


def of_groups(scene: Scene, names: Sequence[str]) -> tuple[Hashable, Search]:
    """How to find the summary with the most evidence among those that only one of two networks has."""
    key = ("summaries", scene.title, tuple(len(found.indices) for found in scene.known))
    return key, lambda _: _of_groups(scene, names)


def _of_groups(scene: Scene, names: Sequence[str]) -> Difference | None:
    compared = scene.comparison
    if compared is None:
        return None
    both = (compared.only_first, compared.only_second)
    alone = [Cell(network, summary) for network, only in enumerate(both) for summary in only]
    if not alone:
        return None
    most = max(alone, key=lambda cell: _evidence(cell, scene))
    sentence = (
        f"They differ most in parts that only {names[most.network]} relies on for {scene.title}: "
        f"{title(most.found(scene), most.summary)}, with {nats(_evidence(most, scene))} nats of evidence."
    )
    return Difference(sentence, state={"row": list(most)})


def _evidence(cell: Cell, scene: Scene) -> float:
    return MEASURES["evidence"].of(cell.of(scene))[1]
