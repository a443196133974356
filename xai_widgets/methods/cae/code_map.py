"""The map of a fitted CAE: the codes of real pictures, the classes among them, and planes to show them on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from torch import Tensor, nan

from xai_widgets.errors import NotFittedError
from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.drops import local_codes
from xai_widgets.methods.cae.health import Health
from xai_widgets.methods.cae.plane import Plane, code_plane, overview, pair_chart
from xai_widgets.methods.cae.targets import centres
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.study import Study


class FittedParts(NamedTuple):
    """Everything that a fit gives."""

    networks: FittedNetworks
    #: Of the pictures on the map: "codes", "places" (indices in ``study.train``) and "probabilities".
    points: Mapping[str, Tensor]
    health: Health


class CodeMap(Explainer):
    """The part of a CAE that needs codes alone. Every property raises a `NotFittedError` before `fit`."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._parts: FittedParts | None = None

    @property
    def fitted(self) -> bool:
        """Whether there is anything to explain with."""
        return self._parts is not None

    @property
    def _fitted(self) -> FittedParts:
        if self._parts is None:
            raise NotFittedError("this CAE is not fitted yet; call fit()")
        return self._parts

    @property
    def weight(self) -> Tensor:
        """Weights ``(K, d)`` of the affine head."""
        return self._fitted.networks.head.weight.detach().cpu()

    @property
    def bias(self) -> Tensor:
        """Biases ``(K,)`` of the affine head."""
        return self._fitted.networks.head.bias.detach().cpu()

    def head(self, z: Tensor) -> Tensor:
        """Probabilities ``(M, K)`` that the map predicts for codes ``(M, d)``."""
        return self.study.scores.probabilities(z @ self.weight.T + self.bias)

    @property
    def codes(self) -> Tensor:
        """Class codes ``(M, d)`` of the pictures on the map, at most `MAPPED` training pictures."""
        return self._fitted.points["codes"]

    @property
    def code_indices(self) -> Tensor:
        """Indices in ``study.train`` of the pictures on the map, ``(M,)``."""
        return self._fitted.points["places"]

    @property
    def code_probabilities(self) -> Tensor:
        """The classifier's probabilities for the pictures on the map, ``(M, K)``."""
        return self._fitted.points["probabilities"]

    @property
    def code_classes(self) -> Tensor:
        """The predicted classes of the pictures on the map, ``(M,)``."""
        return self.code_probabilities.argmax(1)

    @cached_property
    def centres(self) -> Tensor:
        """The most typical code of each class, ``(K, d)``; NaN for a class that is predicted for no picture."""
        found = centres(self.codes, self.code_probabilities, self.code_classes)
        found[self.code_classes.bincount(minlength=len(found)) == 0] = nan
        return found

    @cached_property
    def density(self) -> Density:
        """Tells codes near real ones from codes in empty regions."""
        return Density(self.codes)

    def plane(self, source: int | None = None, target: int | None = None) -> Plane:
        """The map: the code itself if it has two numbers, else an overview of all classes or the chart of a pair."""
        if self.codes.shape[1] == 2:
            return code_plane()
        return overview(self.codes) if source is None or target is None else self.pair_chart(source, target)

    def code_at(self, plane: Plane, points: Tensor, z: Tensor) -> Tensor:
        """The codes ``(M, d)`` of a picture with code z ``(d,)`` that is moved to points ``(M, 2)`` of a map.

        On an overview it takes the code of the company there; on the chart of a pair, what that does not show stays.
        """
        return local_codes(plane, self.codes, points, z) if plane.kind == "overview" else plane.lift(points, z)

    def pair_chart(self, source: int, target: int) -> Plane:
        """The map whose x axis shows the log-odds of a target class against a source class."""
        names = self.study.class_names
        return pair_chart(self.weight, self.bias, self.codes, self.code_classes, source, target, names)
