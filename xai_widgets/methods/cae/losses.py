r"""What the default CAE is trained on: the classifier itself is in the loop.

Beside the published idea (Xie et al., arXiv 2406.07961: swap class codes between pictures, and the swap must keep the
individual and take the donor's class) it differs where measurements suggested it. With class code z, individual code u,
decoder G, affine head h, classifier f, and the gate g of a picture x (see `evidence_maps`; 1 where f finds evidence),

.. math::

    \tilde u = u + \sigma\,g \odot \varepsilon, \qquad r = G(\tilde u, z), \qquad m = G(\tilde u, z')

for z' between z and the code of a donor, a picture of another predicted class. z comes from the map, which is fitted
first and stays. Networks minimise

.. math::

    360\,|r - x|^2 + 2\,C + \rho\,\big(2\,\mathrm{KL}(h(z')\,\|\,f(s)) + 3\,|z(s) - z'| + 2\,|m - r|\big).

**Noise** makes u a channel of few bits: u has variance 1, so that a number of it holds at most
:math:`\tfrac12 \log_2(1 + 1/\sigma^2)` of them, and what z already tells is too dear to be stored there as well. The
**critic** reads the class off :math:`g \odot \tilde u`; C is how far it is from finding all classes equally likely.
Without both, the decoder takes a part's *shape* from u and only recolours it. Both act through the gate: what f does
not use stays in u and comes back unchanged. A **faithful swap** s, seen by f in every other step, is x + m - r for one
half of a batch and m itself for the other; :math:`\rho` rises from 0 to 1 while the decoder learns to draw.

There is no discriminator of real and decoded pictures: in trials it took a third of the time and gained nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from xai_widgets.devices import sent
from xai_widgets.methods.cae.evidence import read_layer
from xai_widgets.methods.cae.networks import CaeNetworks, ClassCritic
from xai_widgets.probabilities import SOFTMAX, Scores
from xai_widgets.study import Study
from xai_widgets.together import Part

WEIGHTS = {
    "reconstruction": 360.0,  # squared error
    "class-free individual": 2.0,
    "faithful map": 2.0,
    "class code": 3.0,
    "sparse change": 2.0,
}

NOISE = 0.7
"""Standard deviation of the noise on the individual code, whose own is 1: at most 0.8 bits a number."""

SWAP_EVERY = 2
"""Codes are swapped in one of so many steps; in the others, pictures are only drawn again."""

WHOLE_SWAPS = 0.6
"""Share of the pictures whose code is swapped as a whole; the others get a mixture."""

MOST_MIXED = 1.1
"""Mixtures go a little beyond the donor's code, as people do who drag a point."""

CODE_NOISE = 0.1
"""Standard deviation of what is added to every other mixed code."""

CALM, FULL = 0.05, 0.3
"""Shares of the training: swaps do not count until the first; from the second on, they count in full."""


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
class Batch:
    """Pictures ``(n, C, H, W)`` in [0, 1] with their gates ``(n, 1, h, w)`` and predicted classes ``(n,)``.

    `own` has their class codes ``(N, d)``, and `donor` that of one picture of another predicted class for each: of the
    whole batch, of which the n pictures are a part where several processes share it.
    """

    pictures: Tensor
    gate: Tensor
    classes: Tensor
    own: Tensor
    donor: Tensor
    shared: Part | None = None

    @property
    def part(self) -> Part:
        """Which rows of the batch the pictures are."""
        return self.shared or Part(0, len(self.pictures), len(self.pictures))


def map_loss(networks: CaeNetworks, evidence: Tensor, logits: Tensor, scores: Scores = SOFTMAX) -> Tensor:
    """How far the head's predictions from class codes are from the classifier's."""
    return divergence(logits, networks.head(networks.class_encoder(evidence)), scores)


def loss(
    trained: Trained, study: Study, layer: str | None, batch: Batch, ramp: float, generator: torch.Generator
) -> Tensor:
    """One scalar for one optimizer over networks and critic; each gets only its own gradient.

    `ramp` is the weight of swaps in [0, 1]: they must not destroy a decoder that has just begun. At 0 there are none.
    The caller borrows the classifier.
    """
    networks, part = trained.networks, batch.part
    individual, own = noisy(networks.individual_code(batch.pictures), batch.gate, generator, part), part.of(batch.own)
    if ramp > 0:
        mixed = part.of(mixture(batch.own, batch.donor, generator))
        rebuilt, moved = networks.decoded(individual.repeat(2, 1, 1, 1), torch.cat([own, mixed])).chunk(2)
        swaps = swap_terms(trained, study, layer, (batch.pictures, rebuilt, moved), mixed, part)
    else:
        rebuilt, swaps = networks.decoded(individual, own), {}
    gated = individual * batch.gate
    terms = {
        "reconstruction": (rebuilt - batch.pictures).square().mean(),
        "class-free individual": _readable(frozen_logits(trained.critic, gated)),
        **{name: ramp * term for name, term in swaps.items()},
    }
    reading = F.cross_entropy(trained.critic(gated.detach()), batch.classes)
    return part.mean(torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum() + reading)


def noisy(individual: Tensor, gate: Tensor, generator: torch.Generator, part: Part | None = None) -> Tensor:
    r"""Individual codes ``(n, c, h, w)`` with noise where the gate ``(n, 1, h, w)`` lets it in: :math:`\tilde u`."""
    rows = part or Part(0, len(individual), len(individual))
    noise = rows.of(torch.randn((rows.size, *individual.shape[1:]), generator=generator))
    return individual + NOISE * gate * sent(noise, individual.device).to(individual)


def swap_terms(
    trained: Trained, study: Study, layer: str | None, drawn: tuple[Tensor, Tensor, Tensor], mixed: Tensor, part: Part
) -> dict[str, Tensor]:
    """The terms of a swap: classifier and map must see what the codes `mixed` ``(n, d)`` say, by little change.

    `drawn` are pictures, their reconstructions and the moved ones, each ``(n, C, H, W)``.
    """
    networks, (pictures, rebuilt, moved) = trained.networks, drawn
    logits, seen = read_layer(study, _swapped(pictures, rebuilt, moved, part), layer)
    faithful, sparse = trained.strength.unbind()
    return {
        "faithful map": faithful * divergence(networks.head(mixed).detach(), logits, study.scores),
        "class code": F.l1_loss(networks.class_encoder.of_decoded(seen), mixed),
        "sparse change": sparse * (moved - rebuilt).abs().mean(),
    }


def _swapped(pictures: Tensor, rebuilt: Tensor, moved: Tensor, part: Part) -> Tensor:
    """Half of the changes added to the pictures, half decoded: the decoder learns to be good at both."""
    half = min(max(part.size // 2 - part.start, 0), len(pictures))
    return torch.cat([(pictures + moved - rebuilt)[:half].clamp(0, 1), moved[half:]])


def mixture(own: Tensor, donor: Tensor, generator: torch.Generator) -> Tensor:
    """Codes ``(n, d)`` on the way from the picture's own to the donor's, most of them all the way."""
    n = (len(own), 1)
    share = torch.rand(n, generator=generator) * MOST_MIXED
    share[torch.rand(n, generator=generator) < WHOLE_SWAPS] = 1.0
    noise = CODE_NOISE * torch.randn(own.shape, generator=generator)
    noisy = torch.rand(n, generator=generator) < 0.5
    mixed: Tensor = torch.lerp(own, donor, sent(share, own.device).to(own)) + sent(noise * noisy, own.device).to(own)
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
