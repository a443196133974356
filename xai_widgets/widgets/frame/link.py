"""Two widgets that look at the same picture, layer and class."""

from __future__ import annotations

from collections.abc import Callable

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.widgets.frame.app import App


def link(one: App, other: App) -> Callable[[], None]:
    """Let two widgets look at the same: what is chosen in either is chosen in the other.

    Picture, layer and class are shared, as far as both have them; what one of them cannot show, such as a layer that
    it does not offer, stays as it is there.

    Parameters
    ----------
    one
        The widget that the other one follows first.
    other
        Of the same study, or of one with the same pictures and classes.

    Returns
    -------
    Callable
        Ends the link when it is called.

    Raises
    ------
    XaiWidgetsError
        If they have nothing to share.

    Examples
    --------
    >>> unlink = xw.link(xw.ClaDecExplorer(study), xw.InversionExplorer(study))
    """
    if one is other or not set(one.follows) & set(other.follows):
        raise XaiWidgetsError(f"{one!r} and {other!r} have no picture, layer or class to share")
    following = Following()
    ends = [
        one.state.on_change(lambda: following.lead(one, [other])),
        other.state.on_change(lambda: following.lead(other, [one])),
    ]
    following.lead(one, [other])

    def unlink() -> None:
        while ends:
            ends.pop()()

    return unlink


class Following:
    """Lets widgets follow each other without answering back."""

    def __init__(self) -> None:
        self._busy = False

    def lead(self, leader: App, followers: list[App]) -> None:
        """Let all followers look at what the leader looks at, unless it is itself following just now."""
        if self._busy:
            return
        self._busy = True
        try:
            for follower in followers:
                follower.follow(leader.focus)
        finally:
            self._busy = False
