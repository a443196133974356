"""The parts of a saved state of the Workbench that are not plain values: the picture, and what each view has chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from xai_widgets.errors import PictureError
from xai_widgets.names import closest
from xai_widgets.pool import Pool
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.threads import Quiet
from xai_widgets.widgets.views.picture_strip import PictureStrip
from xai_widgets.widgets.workbench.catalogue import VIEWS

PICTURES = ("picture", "other")
"""What views call the pictures that are chosen in them."""

LETTERS = 16
"""Of a digest: enough to tell two pictures apart."""


class Screen(Protocol):
    """What a state is of: a Workbench."""

    strip: PictureStrip
    apps: dict[str, list[Explorer]]
    quiet: Quiet
    picture: int | None

    def show_error(self, error: BaseException) -> None:
        """Show what could not be chosen again."""


class Saved:
    """What a state of a Workbench holds of picture and views; set it to choose the same again."""

    def __init__(self, workbench: Screen) -> None:
        self._workbench = workbench
        self._waiting: dict[str, Sequence[Mapping[str, Any]]] = {}

    @property
    def _pool(self) -> Pool:
        return self._workbench.strip.pool

    @property
    def picture(self) -> int | dict[str, str] | None:
        """A picture by its index; a guest by its title and its digest, for the picture itself is not saved."""
        picture, guests = self._workbench.picture, self._pool.guests
        if picture is None or picture not in guests:
            return picture
        return {"title": guests[picture].title, "digest": _digest(self._pool, picture)}

    @picture.setter
    def picture(self, saved: int | Mapping[str, str] | None) -> None:
        if not isinstance(saved, Mapping):
            self._workbench.picture = saved
            return
        pool = self._pool
        here = [index for index in pool.guests if _digest(pool, index) == saved["digest"]]
        self._workbench.picture = next((one for one in here if pool.guests[one].offered), pool.indices[0])
        if not here:
            self._workbench.show_error(_missing(saved["title"]))

    @property
    def views(self) -> dict[str, Sequence[Mapping[str, Any]]]:
        """What is chosen in each view that was opened: at once, or when a view is opened."""
        opened = {key: [self._of(app) for app in apps] for key, apps in self._workbench.apps.items()}
        return {**self._waiting, **opened}

    @views.setter
    def views(self, states: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        for key in states:
            closest(key, VIEWS, "view")
        self._waiting = dict(states)
        with self._workbench.quiet:
            for key, apps in self._workbench.apps.items():
                self.restore(key, apps)

    def restore(self, key: str, apps: Sequence[Explorer]) -> None:
        """Choose in a view what waits for it."""
        for app, state in zip(apps, self._waiting.pop(key, []), strict=False):
            app.state = dict(state)

    def _of(self, app: Explorer) -> dict[str, Any]:
        """What is chosen in a view, but for guests, which are not saved."""
        guests = self._pool.guests
        return {name: value for name, value in app.state.items() if name not in PICTURES or value not in guests}


def _missing(title: str) -> PictureError:
    return PictureError(
        f"the picture “{title}” of the saved state is not here, for a state holds no pictures; the first one is "
        "shown in its place. Add it again with “+”"
    )


def _digest(pool: Pool, index: int) -> str:
    picture = pool.guests[index].draw()[0]
    return hashlib.sha256(picture.contiguous().numpy().tobytes()).hexdigest()[:LETTERS]
