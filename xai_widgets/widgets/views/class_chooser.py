"""One of the classifier's classes, or the predicted one: a menu, or of many classes a field to type a name into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import ipywidgets
import traitlets

PREDICTED = -1
"""In place of a class: the one that the classifier predicts for the picture."""

SURVEYED = 30
"""More classes than these nobody finds in a menu."""

_PREDICTED = "predicted class"


class ClassChooser(traitlets.HasTraits):
    """A class by number as `value`, chosen in `widget`.

    Parameters
    ----------
    names
        Of all classes, all different.
    present
        Classes that there are pictures of; of many classes these are offered first.
    """

    value = traitlets.Int(PREDICTED)
    disabled = traitlets.Bool(default_value=False)

    def __init__(self, names: Sequence[str], present: Iterable[int]) -> None:
        super().__init__()
        self._numbers = {_PREDICTED: PREDICTED} | {name: k for k, name in enumerate(names)}
        self._texts = {number: text for text, number in self._numbers.items()}
        self.widget = self._menu() if len(names) <= SURVEYED else self._field(sorted(set(present)))
        traitlets.link((self, "disabled"), (self.widget, "disabled"))

    def _menu(self) -> ipywidgets.Widget:
        menu = ipywidgets.Dropdown(options=[*self._numbers.items()], description="Class", layout={"width": "17em"})
        traitlets.link((self, "value"), (menu, "value"))
        return menu

    def _field(self, present: Sequence[int]) -> ipywidgets.Widget:
        first = [_PREDICTED, *(self._texts[number] for number in present if number in self._texts)]
        options = list(dict.fromkeys([*first, *self._numbers]))
        field = ipywidgets.Combobox(
            value=_PREDICTED, options=options, ensure_option=True, description="Class", layout={"width": "19em"},
            placeholder="type a class", continuous_update=False,
        )  # fmt: skip
        field.tooltip = f"Type a part of a name; there are {len(self._numbers) - 1} classes"
        field.observe(self._typed, "value")
        self.observe(lambda change: setattr(field, "value", self._texts[change["new"]]), "value")
        return field

    def _typed(self, change: dict[str, str]) -> None:
        # An emptied field is somebody about to type: the class stays.
        self.value = self._numbers.get(change["new"], self.value)
