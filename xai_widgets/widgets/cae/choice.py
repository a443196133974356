"""Which picture ManifoldExplorer leads where, and what is known of it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.pictures import KnowsParts, PictureSet
from xai_widgets.study import Study
from xai_widgets.widgets.views.chart import Place

Wanted = float | Literal["border", "typical"]
"""Where the way ends: at a confidence, where both classes are as probable, or at the centre of the target class."""


class Choice(NamedTuple):
    """A picture of a study, and a class to lead it to."""

    #: Whether it is an unseen picture, or one that the CAE was fitted on.
    unseen: bool
    #: Its place among them.
    place: int
    #: The class, or `manifold_controls.NOBODY`.
    target: int

    def among(self, study: Study) -> PictureSet:
        """The pictures that it is one of."""
        return study.test if self.unseen else study.train

    def picture(self, study: Study) -> Tensor:
        """The picture, (C, H, W)."""
        return study.load(self.among(study), [self.place])[0][0]

    def truth(self, study: Study) -> str:
        """Its true class in words."""
        label = int(study.load(self.among(study), [self.place])[1])
        return study.class_names[label] if 0 <= label < study.classes else f"label {label}"

    def most_changed(self, study: Study, shown: Counterfactual) -> str:
        """A sentence on which part the change falls most, if the pictures know their parts."""
        pictures = self.among(study)
        if not isinstance(pictures, KnowsParts):
            return ""
        parts = torch.from_numpy(pictures.part_map(self.place))
        shares = {name: shown.share_within(parts == number) for number, name in enumerate(pictures.part_names)}
        most = max(shares, key=shares.__getitem__)
        return f" {shares[most]:.0%} of the change falls on the {most}."


class Exact(NamedTuple):
    """The counterfactual at a place of the map."""

    place: Place
    picture: Tensor
    probabilities: Tensor
    on_data: bool
