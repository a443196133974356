"""Two widgets that look at the same picture, layer and class."""

from __future__ import annotations

from collections.abc import Callable

import traitlets

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.widgets.frame.explorer import Explorer


def link(one: Explorer, other: Explorer) -> Callable[[], None]:
    """Let two widgets look at the same: what is chosen in either is chosen in the other.

    Picture, layer and class are shared, as far as both have them. What one of them cannot show, such as a layer that it
    does not offer, stays as it is there.

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
    >>> unlink = xw.link(xw.ClaDecExplorer(study), xw.InversionExplorer(study))  # doctest: +SKIP
    """
    shared = [name for name in getattr(one, "follows", ()) if name in getattr(other, "follows", ())]
    if one is other or not shared:
        raise XaiWidgetsError(f"{one!r} and {other!r} have no picture, layer or class to share")
    links = [traitlets.link((one.selection, name), (other.selection, name)) for name in shared]

    def unlink() -> None:
        while links:
            links.pop().unlink()

    return unlink
