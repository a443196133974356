"""A picture that was clicked on the Manifold's map, for the whole Workbench: it was fitted on, so it is a guest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from xai_widgets.data.alterations import scene_of
from xai_widgets.pictures import KnowsParts, item
from xai_widgets.pool import Guest, invite
from xai_widgets.study import Study
from xai_widgets.widgets.frame.explorer import Explorer

TITLE = "from the map"


def picture_from_map(apps: Sequence[Explorer], studies: Sequence[Study]) -> int | None:
    """The index of the picture that was clicked on the map, in the pools of all studies; None if none was.

    It takes the place of the one that was clicked before.
    """
    for app in apps:
        if (clicked := getattr(app, "from_map", -1)) >= 0:
            for guest in app.study.guests.values():
                guest.offered = guest.offered and guest.title != TITLE
            return invite([study.pool for study in studies], _guest(app.study, clicked))
    return None


def _guest(study: Study, index: int) -> Guest:
    train = study.train

    def read() -> tuple[Tensor, Any]:
        return item(train, index)[0], train.part_map(index) if isinstance(train, KnowsParts) else None

    return Guest(TITLE, item(train, index)[1], read, scene=scene_of(train, index))
