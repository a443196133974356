"""The optimisation problem of a mask: pictures, blended with their backgrounds, and the classifier's scores of them.

Equations 2 and 4 of the paper, for a mask m, a picture x and its background p::

    kept = x m + p (1 - m)        removed = x (1 - m) + p m
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.basis import Basis
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.methods.masking.views import blend
from xai_widgets.study import Study

SUREST = 1 - 1e-6
"""Greater probabilities are treated as this one in ``log(1 - p)``."""


@dataclass(frozen=True, eq=False)
class MaskProblem:
    """One batch; all tensors are on the classifier's device, and the classifier is borrowed.

    Attributes
    ----------
    study
        The classifier.
    pictures, backgrounds
        ``(N, C, H, W)`` in [0, 1].
    targets
        What is explained in each picture.
    basis
        The channels that masks are sums of.
    deep_layer
        The layer whose representations are compared.
    code
        The representations of the pictures there ``(N, ...)``.
    """

    study: Study
    pictures: Tensor
    backgrounds: Tensor
    targets: Targets
    basis: Basis
    deep_layer: str
    code: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        height, width = self.pictures.shape[2:]
        return height, width

    def kept(self, mask: Tensor) -> Tensor:
        """The pictures where the mask ``(N, 1, H, W)`` is 1, their backgrounds elsewhere."""
        return blend(self.pictures, self.backgrounds, mask)

    def removed(self, mask: Tensor) -> Tensor:
        """The backgrounds where the mask is 1, the pictures elsewhere."""
        return self.kept(1 - mask)

    def log_scores(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the targets for the kept and the removed pictures ``(N,)``, in one pass."""
        logits = self.study.forward(torch.cat([self.kept(mask), self.removed(mask)]))
        scores = self.targets.log_probabilities(logits)
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


@dataclass(eq=False)
class SearchRecorder:
    """Receives every mask of a search.

    Attributes
    ----------
    step
        Called after each mask.
    filmed
        Whether masks are recorded.
    frames
        The masks recorded so far, uint8 ``(N, H, W)``, in 255ths.
    on_mask
        Called with each mask ``(N, H, W)``.
    """

    step: Callable[[], None]
    filmed: bool = False
    frames: list[Tensor] = field(default_factory=list)
    on_mask: Callable[[Tensor], object] | None = None

    def see(self, mask: Tensor) -> None:
        """Receive one mask ``(N, 1, H, W)``."""
        if self.filmed:
            self.frames.append((mask[:, 0].detach() * 255).round().to(torch.uint8).cpu())
        if self.on_mask is not None:
            self.on_mask(mask[:, 0].detach())
        self.step()

    def film(self, pictures: Tensor) -> Tensor:
        """The frames of N pictures ``(N, C, H, W)``, uint8 ``(N, S, H, W)``."""
        nothing = torch.zeros(len(pictures), 0, *pictures.shape[2:], dtype=torch.uint8)
        return torch.stack(self.frames, 1) if self.frames else nothing


def descend(
    parameters: Sequence[Tensor],
    losses: Callable[[], Tensor],
    rates: Sequence[float],
    clip: Callable[[], object] = lambda: None,
    eps: float = 1e-8,
) -> None:
    """Adam on parameters with a leading axis of N pictures, each for its own loss.

    Parameters
    ----------
    parameters
        Leaves that need gradients, changed in place.
    losses
        Gives the losses ``(N,)``; their sum is minimised, so that pictures do not influence one another.
    rates
        Learning rate of each step.
    clip
        Called after each step, without gradients.
    eps
        Of Adam: a gradient that is small compared with it changes a parameter little.
    """
    adam = torch.optim.Adam(parameters, lr=1.0, eps=eps)
    for rate in rates:
        adam.param_groups[0]["lr"] = rate
        gradients = torch.autograd.grad(losses().sum(), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        adam.step()
        with torch.no_grad():
            clip()
