"""The map of a fitted CAE: the codes of real pictures, the classes among them, and planes to show them on."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from xai_widgets.errors import NotFittedError
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.fitted import Fitted
from xai_widgets.methods.cae.plane import Plane, code_plane, overview, pair_chart
from xai_widgets.methods.cae.targets import centres
from xai_widgets.study import Study


class Mapped:
    """What can be read off the codes alone. Everything here raises a `NotFittedError` before there are any.

    Parameters
    ----------
    study
        The classifier and its pictures.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._networks: Fitted | None = None
        self._map: dict[str, Tensor] = {}

    @property
    def _model(self) -> Fitted:
        if self._networks is None:
            raise NotFittedError("this CAE is not fitted yet; call fit()")
        return self._networks

    def _of_map(self, name: str) -> Tensor:
        if name not in self._map:
            raise NotFittedError("this CAE is not fitted yet; call fit()")
        return self._map[name]

    @property
    def weight(self) -> Tensor:
        """Weights ``(K, d)`` of the affine head."""
        return self._model.head.weight.detach().cpu()

    @property
    def bias(self) -> Tensor:
        """Biases ``(K,)`` of the affine head."""
        return self._model.head.bias.detach().cpu()

    def head(self, z: Tensor) -> Tensor:
        """What the map says of codes ``(M, d)``: probabilities ``(M, K)``."""
        return (z @ self.weight.T + self.bias).softmax(1)

    @property
    def codes(self) -> Tensor:
        """Class codes ``(M, d)`` of the pictures on the map, at most `MAPPED` training pictures."""
        return self._of_map("codes")

    @property
    def code_places(self) -> Tensor:
        """Where in ``study.train`` the pictures on the map are, ``(M,)``."""
        return self._of_map("places")

    @property
    def code_probabilities(self) -> Tensor:
        """What the classifier says of the pictures on the map, ``(M, K)``."""
        return self._of_map("probabilities")

    @property
    def code_classes(self) -> Tensor:
        """What the classifier calls the pictures on the map, ``(M,)``."""
        return self.code_probabilities.argmax(1)

    @cached_property
    def centres(self) -> Tensor:
        """The most typical code of each class, ``(K, d)``; NaN for a class the classifier sees in no picture."""
        found = centres(self.codes, self.code_probabilities, self.code_classes)
        found[self.code_classes.bincount(minlength=len(found)) == 0] = torch.nan
        return found

    @cached_property
    def density(self) -> Density:
        """Tells codes near real ones from codes in empty regions."""
        return Density(self.codes)

    def plane(self, source: int | None = None, target: int | None = None) -> Plane:
        """The map: the code itself if it has two numbers, else an overview of all classes or the chart of a pair."""
        if self.codes.shape[1] == 2:
            return code_plane(2)
        return overview(self.codes) if source is None or target is None else self.pair_chart(source, target)

    def pair_chart(self, source: int, target: int) -> Plane:
        """The map whose x axis reads the log-odds of a target class against a source class."""
        names = self.study.class_names
        return pair_chart(self.weight, self.bias, self.codes, self.code_classes, source, target, names)
