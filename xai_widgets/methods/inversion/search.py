"""What a search for masks is, and how it goes through many pictures, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.basis import basis_of
from xai_widgets.methods.inversion.problem import MaskProblem, SearchRecorder
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.methods.masking.batches import batch_size
from xai_widgets.methods.masking.views import blend
from xai_widgets.study import Study

Search = Callable[[MaskProblem, SearchRecorder], tuple[Tensor, Tensor]]
"""Gives the masks ``(N, 1, H, W)`` of one batch, and the weights ``(N, n)`` of their channels."""


class Optimiser(Protocol):
    """Settings that search for masks: `explain` for the targets, `invert` for whatever is in the pictures."""

    @property
    def explain_steps(self) -> int:
        """How many masks `explain` shows the recorder."""

    @property
    def invert_steps(self) -> int:
        """How many masks `invert` shows the recorder."""

    def explain(self, problem: MaskProblem, recorder: SearchRecorder) -> tuple[Tensor, Tensor]:
        """A `Search`."""

    def invert(self, problem: MaskProblem, recorder: SearchRecorder) -> tuple[Tensor, Tensor]:
        """A `Search`."""


def required(settings: object) -> Any:
    """The settings, if they can search for masks."""
    if not (is_dataclass(settings) and all(hasattr(settings, name) for name in ("explain", "invert"))):
        raise XaiWidgetsError(f"settings is {settings!r}, but must be GuidedSettings or PublishedSettings")
    return settings


@dataclass(frozen=True, eq=False)
class Cases:
    """Pictures whose masks are searched for, batch by batch; all tensors are on the CPU, and as in `MaskProblem`."""

    study: Study
    pictures: Tensor
    backgrounds: Tensor
    targets: Targets
    layers: Mapping[str, bool]
    deep_layer: str

    @property
    def batches(self) -> Sequence[Tensor]:
        """The rows of each batch."""
        height, width = self.pictures.shape[2:]
        rows: Sequence[Tensor] = torch.arange(len(self.pictures)).split(batch_size(self.study, (height, width)))
        return rows

    def solved(self, solve: Callable[[MaskProblem], Sequence[Tensor]]) -> list[Tensor]:
        """The tensors ``(n, ...)`` that `solve` gives for each batch, put together on the CPU."""
        parts = []
        for rows in self.batches:
            with self.study.borrowed(), torch.enable_grad():
                parts.append([tensor.detach().cpu() for tensor in solve(self._problem(rows))])
        return [torch.cat(column) for column in zip(*parts, strict=True)]

    def _problem(self, rows: Tensor) -> MaskProblem:
        study, deep = self.study, self.deep_layer
        pictures, backgrounds = (one[rows].to(study.device) for one in (self.pictures, self.backgrounds))
        with torch.no_grad():
            code = study.record(pictures, [deep])[deep].float()
        basis = basis_of(study, pictures, self.layers)
        return MaskProblem(study, pictures, backgrounds, self.targets[rows].to(study.device), basis, deep, code)

    def scores(self, masks: Tensor) -> dict[str, Tensor]:
        """Probabilities of the targets for pictures, backgrounds, and both blends by masks ``(N, 1, H, W)``."""
        views = {
            "before": self.pictures,
            "baseline_score": self.backgrounds,
            "kept": blend(self.pictures, self.backgrounds, masks),
            "removed": blend(self.backgrounds, self.pictures, masks),
        }
        return {name: self.targets.log_probabilities(self.study.logits(view)).exp() for name, view in views.items()}
