"""What is asked of the classifier while a mask is looked for: pictures, blended with their backgrounds.

Equations 2 and 4 of the paper, for a mask m, a picture x and its background p::

    kept = x m + p (1 - m)        removed = x (1 - m) + p m
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.basis import Basis, basis_of
from xai_widgets.methods.inversion.targets import Target
from xai_widgets.study import Study

SUREST = 1 - 1e-6
"""Probabilities above count as this one where what they leave is asked for."""


@dataclass(frozen=True, eq=False)
class Question:
    """One batch; all tensors are on the classifier's device, and the classifier is borrowed.

    Attributes
    ----------
    study
        Whose classifier is asked.
    pictures, backgrounds
        ``(N, C, H, W)`` in [0, 1].
    target
        What is explained in each.
    basis
        What masks are made of.
    deep_layer
        Where representations are compared.
    code
        What that layer gives for the pictures ``(N, ...)``.
    """

    study: Study
    pictures: Tensor
    backgrounds: Tensor
    target: Target
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
        return self.pictures * mask + self.backgrounds * (1 - mask)

    def removed(self, mask: Tensor) -> Tensor:
        """The backgrounds where the mask is 1, the pictures elsewhere."""
        return self.kept(1 - mask)

    def log_scores(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the targets for the kept and the removed pictures ``(N,)``, in one pass."""
        logits = self.study.forward(torch.cat([self.kept(mask), self.removed(mask)]))
        found = self.target.log_probabilities(logits)
        if mask.requires_grad and not found.requires_grad:
            raise XaiWidgetsError("the classifier gives no gradients (is its forward under torch.no_grad?)")
        kept, removed = found.view(2, -1)
        return kept, removed

    def squared_errors(self, pictures: Tensor) -> Tensor:
        """Squared distances of representations from those of the question's pictures ``(N,)``."""
        code = self.study.record(pictures, [self.deep_layer])[self.deep_layer].float()
        return (code - self.code).flatten(1).square().sum(1)

    def errors(self, pictures: Tensor) -> Tensor:
        """The same, relative to the size of those representations."""
        return self.squared_errors(pictures) / self.code.flatten(1).square().sum(1).clamp_min(1e-12)


def ask(
    study: Study, pictures: Tensor, backgrounds: Tensor, target: Target, layers: dict[str, bool], deep_layer: str
) -> Question:
    """The question about one batch; call it inside `study.borrowed()`."""
    device = study.device
    pictures, target = pictures.to(device), target.to(device)
    with torch.no_grad():
        code = study.record(pictures, [deep_layer])[deep_layer].float()
    basis = basis_of(study, pictures, layers)
    return Question(study, pictures, backgrounds.to(device), target, basis, deep_layer, code)


def log_rest(log_probabilities: Tensor) -> Tensor:
    """``log(1 - p)``, finite where p is 1."""
    return torch.log1p(-log_probabilities.exp().clamp_max(SUREST))


@dataclass(eq=False)
class Watch:
    """Sees every mask on the way; keeps them if they are wanted.

    Attributes
    ----------
    step
        Called after each.
    filmed
        Whether masks are kept.
    frames
        Masks so far, uint8 ``(N, H, W)``, in 255ths.
    on_mask
        Shown each mask ``(N, H, W)``, if somebody looks on.
    """

    step: Callable[[], None]
    filmed: bool = False
    frames: list[Tensor] = field(default_factory=list)
    on_mask: Callable[[Tensor], object] | None = None

    def see(self, mask: Tensor) -> None:
        """One mask ``(N, 1, H, W)``."""
        if self.filmed:
            self.frames.append((mask[:, 0].detach() * 255).round().to(torch.uint8).cpu())
        if self.on_mask is not None:
            self.on_mask(mask[:, 0].detach())
        self.step()

    def film(self, pictures: Tensor) -> Tensor:
        """The frames of N pictures ``(N, C, H, W)``, uint8 ``(S, N, H, W)``."""
        nothing = torch.zeros(0, len(pictures), *pictures.shape[2:], dtype=torch.uint8)
        return torch.stack(self.frames) if self.frames else nothing


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
        Of Adam: what is small beside it moves little.
    """
    adam = torch.optim.Adam(parameters, lr=1.0, eps=eps)
    for rate in rates:
        adam.param_groups[0]["lr"] = rate
        found = torch.autograd.grad(losses().sum(), parameters)
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient
        adam.step()
        with torch.no_grad():
            clip()
