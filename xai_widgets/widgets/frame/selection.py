"""What is looked at: one object that all widgets of a notebook can share."""

from __future__ import annotations

from traitlets import HasTraits, Int, Unicode


class Selection(HasTraits):
    """The picture, layer and classes that are looked at; None where nothing is chosen.

    Widgets that share a selection look at the same. `observe` it to hear of a change, set a trait to make one.

    Examples
    --------
    >>> explorer.selection.observe(print, "picture")  # doctest: +SKIP
    """

    #: Index of the picture in ``study.test``.
    picture = Int(None, allow_none=True)
    #: Dotted name of the layer.
    layer = Unicode(None, allow_none=True)
    #: Number of the class that is explained.
    target = Int(None, allow_none=True)
    #: Number of a second class beside it.
    second = Int(None, allow_none=True)

    def __repr__(self) -> str:
        chosen = {name: getattr(self, name) for name in sorted(self.class_trait_names())}
        return f"Selection({', '.join(f'{name}={value!r}' for name, value in chosen.items() if value is not None)})"
