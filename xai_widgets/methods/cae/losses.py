r"""What the default CAE is trained on: the classifier itself is in the loop.

Beside the published idea (Xie et al., arXiv 2406.07961: swap class codes between pictures, and the swap must keep the
individual and take the donor's class) it differs where measurements suggested it. With class code z, individual code u,
decoder G, affine head h and classifier f, a picture x and a donor of another predicted class,

.. math::

    z_m = (1 - \lambda)\,z + \lambda\,z_{donor}, \qquad
    x_m = x + G(u, z_m) - G(u, z) \ \text{(anchored)} \quad\text{or}\quad G(u, z_m) \ \text{(direct)},

the prediction :math:`f(x_m)` must equal that of the map, :math:`h(z_m)`, so that the map explains the classifier. A
critic reads the class off u, and u is trained to give it nothing to read: what belongs to the class has to come from z.
It reads only pictures with a patch of another picture, which separate what f uses from what comes along with it (see
`fit`): without them, the whole bird changed where the classifier looks at a ring beside it.

There is no discriminator of real and decoded pictures: in trials it took a third of the time and gained nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from xai_widgets.methods.cae.evidence import read_layer
from xai_widgets.methods.cae.networks import CaeNetworks, ClassCritic
from xai_widgets.probabilities import SOFTMAX, Scores
from xai_widgets.study import Study

WEIGHTS = {
    "reconstruction": 360.0,  # squared error
    "map": 1.0,
    "faithful map": 2.0,
    "faithful reconstruction": 0.4,
    "class code": 3.0,
    "class-free individual": 0.4,
    "sparse change": 1.0,
}

PATCHED = slice(None, None, 2)
"""Every other picture of a batch has a patch of another picture; see `fit`."""

PATCHED_ERROR = 0.3
"""Weight of the reconstruction of pictures with a patch, beside 1 for whole ones."""

WHOLE_SWAPS = 0.6
"""Share of the pictures whose code is swapped as a whole; the others get a mixture."""

MOST_MIXED = 1.1
"""Mixtures go a little beyond the donor's code, as people do who drag a point."""

CODE_NOISE = 0.1
"""Standard deviation of what is added to every other mixed code."""

MASK_COST = 0.15
"""Weight of the change that the mask lets through, as a share of all change."""

CALM, FULL = 0.05, 0.3
"""Shares of the training: until the first, only reconstruction counts; from the second on, everything does."""


class Trained(nn.Module):
    """All that one training changes: the networks, their running average, and the critic.

    The average of the weights over the last steps is what is kept: it is steadier than the weights of any one step.
    """

    strength: Tensor

    def __init__(self, networks: CaeNetworks, average: CaeNetworks, channels: int) -> None:
        super().__init__()
        self.networks = networks
        self.average = average.requires_grad_(False)
        self.critic = ClassCritic(channels, networks.head.out_features)
        # Factors of "faithful map" and "sparse change", which the collapse alarm changes.
        self.register_buffer("strength", torch.ones(2))
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU


@dataclass(frozen=True)
class Pair:
    """A batch of pictures ``(n, C, H, W)`` in [0, 1] with their logits ``(n, K)`` and evidence ``(n, E)``.

    `donor_evidence` is that of one picture of another predicted class for each.
    """

    pictures: Tensor
    evidence: Tensor
    donor_evidence: Tensor
    logits: Tensor


def map_loss(networks: CaeNetworks, evidence: Tensor, logits: Tensor, scores: Scores = SOFTMAX) -> Tensor:
    """How far the head's predictions from class codes are from the classifier's."""
    return divergence(logits, networks.head(networks.class_encoder(evidence)), scores)


def loss(
    trained: Trained, study: Study, layer: str | None, pair: Pair, ramp: float, generator: torch.Generator
) -> Tensor:
    """One scalar for one optimizer over networks and critic; each gets only its own gradient.

    `ramp` is the weight in [0, 1] of everything but reconstruction, map and individual code: it must not destroy a
    decoder that has just begun. The caller borrows the classifier.
    """
    networks = trained.networks
    own, donor = networks.class_encoder(torch.cat([pair.evidence, pair.donor_evidence])).chunk(2)
    mixed = mixture(own, donor, generator)
    individual = networks.individual_code(pair.pictures)
    rebuilt, moved = networks.decoded(individual.repeat(2, 1, 1, 1), torch.cat([own, mixed])).chunk(2)
    shown = _shown(pair.pictures, rebuilt, moved)
    logits, seen = read_layer(study, torch.cat([shown, rebuilt]), layer)
    of_shown, of_rebuilt = logits.chunk(2)
    faithful, sparse = trained.strength.tolist()
    gradual = {
        "faithful map": faithful * divergence(networks.head(mixed).detach(), of_shown, study.scores),
        "faithful reconstruction": divergence(pair.logits, of_rebuilt, study.scores),
        "class code": F.l1_loss(networks.class_encoder.of_decoded(seen[: len(shown)]), mixed.detach()),
        "sparse change": sparse * (moved - rebuilt).abs().mean(),
    }
    from_the_start = {
        "reconstruction": _error(rebuilt, pair.pictures),
        "map": divergence(pair.logits, networks.head(own), study.scores),
        "class-free individual": _readable(frozen_logits(trained.critic, _patched(individual))),
    }
    terms = [WEIGHTS[name] * term for name, term in from_the_start.items()]
    terms += [ramp * WEIGHTS[name] * term for name, term in gradual.items()]
    reading = F.cross_entropy(trained.critic(_patched(individual).detach()), _patched(pair.logits).argmax(1))
    return torch.stack(terms).sum() + reading


def _patched(values: Tensor) -> Tensor:
    """The rows of pictures with a patch; all rows of a batch too small for the critic's batch statistics."""
    return values[PATCHED] if len(values) > 3 else values


def _error(rebuilt: Tensor, pictures: Tensor) -> Tensor:
    """Squared error, that of pictures with a patch at less weight: they need not be drawn well."""
    weights = pictures.new_ones(len(pictures))
    weights[PATCHED] = PATCHED_ERROR
    return (weights * (rebuilt - pictures).square().mean((1, 2, 3))).sum() / weights.sum()


def mask_loss(networks: CaeNetworks, study: Study, layer: str | None, pair: Pair, mixed: Tensor) -> Tensor:
    """What the change mask minimises: it lets through little, but evidence and logits must stay the same.

    Only the mask of the fitted networks gets a gradient. The pictures of the batch are moved to the codes `mixed`,
    ``(n, d)``; the classifier is borrowed by the caller.
    """
    with torch.no_grad():
        individual, own = networks.individual_code(pair.pictures), networks.class_encoder(pair.evidence)
        rebuilt, moved = networks.decoded(individual.repeat(2, 1, 1, 1), torch.cat([own, mixed])).chunk(2)
        whole = read_layer(study, (pair.pictures + moved - rebuilt).clamp(0, 1), layer)
    shown = networks.change(pair.pictures, rebuilt, moved)
    seen = read_layer(study, (pair.pictures + shown).clamp(0, 1), layer)
    missed = [
        ((part - all_of_it) / _spread(all_of_it)).square().mean() for part, all_of_it in zip(seen, whole, strict=True)
    ]
    cost = shown.abs().mean() / (moved - rebuilt).abs().mean().clamp_min(1e-6)
    return missed[0] + missed[1] + MASK_COST * cost


def _spread(values: Tensor) -> Tensor:
    """Standard deviation of each column ``(n, E)``, with a floor for those that never vary."""
    deviation = values.std(0, correction=0)
    return deviation.clamp_min(0.1 * float(deviation.mean()) + 1e-6)


def _shown(pictures: Tensor, rebuilt: Tensor, moved: Tensor) -> Tensor:
    """Half of the pictures anchored, half direct: the decoder learns to be good at both."""
    half = len(pictures) // 2
    return torch.cat([(pictures + moved - rebuilt)[:half].clamp(0, 1), moved[half:]])


def mixture(own: Tensor, donor: Tensor, generator: torch.Generator) -> Tensor:
    """Codes ``(n, d)`` on the way from the picture's own to the donor's, most of them all the way."""
    n = (len(own), 1)
    share = torch.rand(n, generator=generator) * MOST_MIXED
    share[torch.rand(n, generator=generator) < WHOLE_SWAPS] = 1.0
    noise = CODE_NOISE * torch.randn(own.shape, generator=generator)
    noisy = torch.rand(n, generator=generator) < 0.5
    mixed: Tensor = torch.lerp(own, donor, share.to(own)) + (noise * noisy).to(own)
    return mixed


def divergence(target: Tensor, found: Tensor, scores: Scores = SOFTMAX) -> Tensor:
    """Mean KL divergence, in nats, of two sets of logits ``(n, K)``; of a multi-label study the sum over classes."""
    return F.kl_div(scores.log_outcomes(found), scores.log_outcomes(target), reduction="batchmean", log_target=True)


def frozen_logits(critic: nn.Module, seen: Tensor) -> Tensor:
    """A critic's logits, with a gradient for its input and none for its weights."""
    frozen = {name: parameter.detach() for name, parameter in critic.named_parameters()}
    logits: Tensor = functional_call(critic, frozen, (seen,))
    return logits


def _readable(logits: Tensor) -> Tensor:
    """How far the critic is from finding all classes equally likely, in nats per class."""
    return -logits.log_softmax(1).mean()
