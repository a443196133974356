r"""Whether the decoder takes the class of a picture from its individual code: a probe asks the swapped pictures.

A class can always be read off an individual code; what counts is whether it gets into the pictures. So every picture i
is decoded with the class code of another one, drawn without regard to its class, :math:`G(u_i, z_{\pi(i)})`, and a
linear probe (ridge regression on small pictures and their squares) learns to read the predicted class of picture i off
the result. Nothing but u can have told it. It is no proof that people see the old class: traces suffice.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.devices import sent
from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.common.codes import CachedPass

PROBED = 600
"""At most so many pictures are asked."""

SIDE = 16
"""Of the small pictures that the probe reads."""

RIDGE = 30.0
"""Weight of the squared weights of the probe, whose inputs are standardised."""


@torch.no_grad()
def leak(networks: FittedNetworks, cached: CachedPass, codes: Tensor, seed: int) -> tuple[float, float]:
    """The share of unseen swapped pictures whose original class a probe reads, and what guessing the commonest gives.

    `codes` are the class codes ``(N, d)`` of the pictures; the networks must be in evaluation mode.
    """
    count = min(PROBED, len(cached))
    donors = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    swapped = [_small(networks, cached, codes, batch, donors[batch]) for batch in torch.arange(count).split(64)]
    return probe(torch.cat(swapped), cached.logits[:count].argmax(1))


def probe(features: Tensor, classes: Tensor) -> tuple[float, float]:
    """How often a probe is right about the last third of the features ``(N, F)``, and how often the commonest class."""
    features = (features - features.mean(0)) / features.std(0, correction=0).clamp_min(1e-4)
    learnt = len(features) * 2 // 3
    known, asked = features[:learnt], features[learnt:]
    wanted = F.one_hot(classes).float()
    # The dual form, since there are fewer pictures than numbers: weights = known.T @ inverse(known @ known.T + ridge).
    kernel = known @ known.T + RIDGE * torch.eye(learnt)
    weights = known.T @ torch.linalg.solve(kernel, wanted[:learnt] - wanted[:learnt].mean(0))
    right = (asked @ weights).argmax(1) == classes[learnt:]
    return float(right.float().mean()), float(classes[learnt:].bincount().max() / len(asked))


def _small(networks: FittedNetworks, cached: CachedPass, codes: Tensor, batch: Tensor, donors: Tensor) -> Tensor:
    """Features ``(n, F)`` of swapped pictures, on the CPU."""
    pictures = cached.picture(batch)
    drawn = networks.decoded(networks.individual_code(pictures), sent(codes[donors], pictures.device))
    small = F.adaptive_avg_pool2d(drawn.float(), min(SIDE, *drawn.shape[2:])).flatten(1).cpu()
    return torch.cat([small, small.square()], 1)
