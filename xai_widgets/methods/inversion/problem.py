"""The optimisation problem of a mask: pictures, blended with their backgrounds, and the classifier's scores of them.

Equations 2 and 4 of the paper, for a mask m, a picture x and its background p::

    kept = x m + p (1 - m)        removed = x (1 - m) + p m
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from xai_widgets.devices import later, sent
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.basis import Basis, basis_from
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.methods.masking.batches import batches
from xai_widgets.methods.masking.views import blend
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

SUREST = 1 - 1e-6
"""Greater probabilities are treated as this one in ``log(1 - p)``."""

FEW_PIXELS = 2**16
"""Most pixels of large pictures that are optimised at once on a CPU: eight photos of 224 pixels together took 8.5 s
each and 2.3 GB, one at a time 6.8 s each and 1.0 GB (``benchmarks/photos/inversion.py --sweep pixels``)."""


@dataclass(frozen=True, eq=False)
class MaskProblem:
    """One batch; all tensors are on the classifier's device, and the classifier is borrowed."""

    study: Study
    pictures: Tensor  # (N, C, H, W) in [0, 1]
    backgrounds: Tensor  # (N, C, H, W) in [0, 1]
    targets: Targets
    basis: Basis  # the channels that masks are sums of
    deep_layer: str  # whose representations are compared
    code: Tensor  # the representations of the pictures there (N, ...)
    layout: torch.memory_format = torch.contiguous_format

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        height, width = self.pictures.shape[2:]
        return height, width

    def channels_last(self) -> MaskProblem:
        """The same with channels last in memory, which a CPU convolves a fifth faster, if the classifier allows it."""
        try:
            with torch.no_grad():
                self.study.forward(self.pictures.contiguous(memory_format=torch.channels_last))
        except Exception:  # noqa: BLE001 - it is somebody's network, and refuses in its own way
            return self
        return replace(self, layout=torch.channels_last)

    def kept(self, mask: Tensor) -> Tensor:
        """The pictures where the mask ``(N, 1, H, W)`` is 1, their backgrounds elsewhere."""
        return blend(self.pictures, self.backgrounds, mask)

    def removed(self, mask: Tensor) -> Tensor:
        """The backgrounds where the mask is 1, the pictures elsewhere."""
        return self.kept(1 - mask)

    def log_scores(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the targets for the kept and the removed pictures ``(N,)``, in one pass."""
        both = torch.cat([self.kept(mask), self.removed(mask)]).contiguous(memory_format=self.layout)
        logits = self.study.forward(both)
        scores = self.targets.log_probabilities(logits, self.study.scores)
        if mask.requires_grad and not scores.requires_grad:
            raise XaiWidgetsError("the classifier gives no gradients (is its forward under torch.no_grad?)")
        kept, removed = scores.view(2, -1)
        return kept, removed

    def squared_errors(self, pictures: Tensor) -> Tensor:
        """Squared distances between the representations of these pictures and of the problem's own ``(N,)``."""
        code = self.study.record(pictures, [self.deep_layer])[self.deep_layer].float()
        return (code - self.code).flatten(1).square().sum(1)

    def errors(self, pictures: Tensor) -> Tensor:
        """The squared distances, relative to the squared norms of the problem's representations."""
        return self.squared_errors(pictures) / self.code.flatten(1).square().sum(1).clamp_min(1e-12)


def log_rest(log_probabilities: Tensor) -> Tensor:
    """``log(1 - p)``, finite where p is 1."""
    return torch.log1p(-log_probabilities.exp().clamp_max(SUREST))


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
        rows = batches(self.study, self.pictures)
        most = max(1, FEW_PIXELS // self.pictures[0, 0].numel()) if self._slow else len(self.pictures)
        return [part for one in rows for part in one.split(most)]

    @property
    def _slow(self) -> bool:
        """Whether large pictures are searched on a CPU."""
        return self.study.device.type == "cpu" and is_large(self.pictures.shape[2:])

    def solved(self, solve: Callable[[MaskProblem], Sequence[Tensor]]) -> list[Tensor]:
        """The tensors ``(n, ...)`` that `solve` gives for each batch, put together on the CPU."""
        parts = []
        for rows in self.batches:
            with self.study.borrowed(), torch.enable_grad():
                parts.append([tensor.detach().cpu() for tensor in solve(self._problem(rows))])
        return [torch.cat(column) for column in zip(*parts, strict=True)]

    def _problem(self, rows: Tensor) -> MaskProblem:
        study, deep = self.study, self.deep_layer
        pictures, backgrounds = (sent(one[rows], study.device) for one in (self.pictures, self.backgrounds))
        with torch.no_grad():
            recorded = study.record(pictures, [*self.layers, deep])
        code, basis = recorded[deep].float(), basis_from(study, recorded, self.layers)
        targets = self.targets[rows].to(study.device)
        problem = MaskProblem(study, pictures, backgrounds, targets, basis, deep, code)
        return problem.channels_last() if self._slow else problem

    def scores(self, masks: Tensor) -> dict[str, Tensor]:
        """Probabilities of the targets for pictures, backgrounds, and both blends by masks ``(N, 1, H, W)``."""
        views = {
            "before": self.pictures,
            "baseline_score": self.backgrounds,
            "kept": blend(self.pictures, self.backgrounds, masks),
            "removed": blend(self.backgrounds, self.pictures, masks),
        }
        logs = partial(self.targets.log_probabilities, scores=self.study.scores)
        return {name: logs(self.study.logits(view)).exp() for name, view in views.items()}


@dataclass(eq=False)
class SearchRecorder:
    """Receives every mask of a search: calls `on_mask` with it, then `step`, and keeps it in `frames` if `filmed`."""

    step: Callable[[], None]
    filmed: bool = False
    on_mask: Callable[[Tensor], object] | None = None
    frames: list[Tensor] = field(default_factory=list)

    def see(self, mask: Tensor) -> None:
        """Receive one mask ``(N, 1, H, W)``."""
        if self.filmed:
            self.frames.append((mask[:, 0].detach() * 255).round().to(torch.uint8))
        if self.on_mask is not None:
            self.on_mask(mask[:, 0].detach())
        self.step()

    def film(self, pictures: Tensor) -> Tensor:
        """The frames of N pictures ``(N, C, H, W)``, uint8 ``(N, S, H, W)`` in 255ths."""
        nothing = torch.zeros(len(pictures), 0, *pictures.shape[2:], dtype=torch.uint8)
        return torch.stack(self.frames, 1).cpu() if self.frames else nothing


def descend(
    parameters: Sequence[Tensor],
    losses: Callable[[], Tensor],
    rates: Sequence[float],
    clip: Callable[[], object] = lambda: None,
    eps: float = 1e-8,
) -> None:
    """Adam on leaves with a leading axis of N pictures, changed in place, each for its own of the losses ``(N,)``.

    `rates` has the learning rate of each step, after which `clip` is called without gradients. A gradient that is small
    compared with `eps` changes a parameter little.
    """
    adam = torch.optim.Adam(parameters, lr=1.0, eps=eps)
    with later() as unread:
        for rate in rates:
            adam.param_groups[0]["lr"] = rate
            gradients = torch.autograd.grad(losses().sum(), parameters)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            adam.step()
            with torch.no_grad():
                clip()
            unread.step()
