"""The published objective of CAE: what its encoders and decoder minimise, and what its discriminator does.

A training pair is two batches A and B whose pictures are, row by row, of different classes. Each picture lends its
class code z to its partner: ``G(u_A, z_B)`` keeps the individual content of A and gets the class of B. Re-encoding
such a swap and giving it back its first class code must lead to the first picture again.

Rows of A come before those of B, so that a partner is half the rows away. Distances are mean absolute differences,
those of pictures on their scale from -1 to 1. Nothing is cut off from the gradient but the discriminator from the
generator's loss, and the generator from the discriminator's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.cae.losses import frozen_logits
from xai_widgets.methods.cae.paper.networks import PaperNetworks

WEIGHTS = {
    "reconstruction": 10.0,
    "class code": 1.0,
    "individual code": 1.0,
    "cycle": 10.0,
    "adversarial": 1.0,
    "classification": 1.0,
}
"""Weights of the six terms of the generator's loss."""

FAKE, REAL = 0, 1
"""The discriminator's first two logits; the others are the classes."""


@dataclass(frozen=True)
class Exchange:
    """A pair of batches of n pictures, and what becomes of it when partners exchange their class codes.

    Pictures ``(2n, C, H, W)`` in [0, 1], those of A above those of B; true classes ``(2n,)``; individual and class
    codes `u` and `z`. `swaps` are decoded from the individual code and the partner's class code, `cycles` from the
    swaps' individual codes and the first class codes.
    """

    pictures: Tensor
    labels: Tensor
    u: Tensor
    z: Tensor
    reconstructions: Tensor
    swaps: Tensor
    swap_u: Tensor
    swap_z: Tensor
    cycles: Tensor


def paper_loss(networks: PaperNetworks, x_a: Tensor, y_a: Tensor, x_b: Tensor, y_b: Tensor) -> Tensor:
    """The losses of the generator and of the discriminator in one scalar, for one optimizer over all networks.

    For pictures ``(n, C, H, W)`` in [0, 1] and their true classes ``(n,)``, which differ in every row. Its gradient is
    for each network that of its own loss alone. Both losses are of the networks as they are, where the authors take the
    discriminator's step before they compute the generator's.
    """
    exchanged = exchange(networks, x_a, y_a, x_b, y_b)
    return generator_loss(networks, exchanged) + discriminator_loss(networks, exchanged)


def exchange(networks: PaperNetworks, x_a: Tensor, y_a: Tensor, x_b: Tensor, y_b: Tensor) -> Exchange:
    """Encode a pair of batches, exchange the class codes, decode, re-encode and exchange back."""
    pictures = torch.stack([x_a, x_b]).flatten(0, 1)
    u, z = networks.individual_encoder(pictures), networks.class_encoder(pictures)
    swaps = networks.decoder(u, _partners(z))
    swap_u, swap_z = networks.individual_encoder(swaps), networks.class_encoder(swaps)
    return Exchange(
        pictures=pictures,
        labels=torch.cat([y_a, y_b]),
        u=u,
        z=z,
        reconstructions=networks.decoder(u, z),
        swaps=swaps,
        swap_u=swap_u,
        swap_z=swap_z,
        cycles=networks.decoder(swap_u, z),
    )


def generator_loss(networks: PaperNetworks, exchanged: Exchange) -> Tensor:
    """What encoders and decoder minimise: `generator_terms`, weighted. Leaves no gradient in the discriminator."""
    terms = generator_terms(networks, exchanged)
    return 2 * torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()  # over A and B


def generator_terms(networks: PaperNetworks, exchanged: Exchange) -> dict[str, Tensor]:
    """The six terms by the names of `WEIGHTS`, each the mean over A and B."""
    logits = frozen_logits(networks.discriminator, exchanged.swaps)
    return {
        "reconstruction": _apart(exchanged.reconstructions, exchanged.pictures),
        "class code": F.l1_loss(exchanged.swap_z, _partners(exchanged.z)),
        "individual code": F.l1_loss(exchanged.swap_u, exchanged.u),
        "cycle": _apart(exchanged.cycles, exchanged.pictures),
        "adversarial": _realness(logits, REAL),
        "classification": F.cross_entropy(logits[:, 2:], _partners(exchanged.labels)),
    }


def discriminator_loss(networks: PaperNetworks, exchanged: Exchange) -> Tensor:
    """What the discriminator minimises: it tells pictures from swaps, and the classes of pictures.

    Leaves no gradient in the other networks.
    """
    logits = networks.discriminator(exchanged.pictures)
    swap_logits = networks.discriminator(exchanged.swaps.detach())
    classification = F.cross_entropy(logits[:, 2:], exchanged.labels)
    return 2 * (_realness(logits, REAL) + _realness(swap_logits, FAKE) + 2 * classification)  # over A and B


def _partners(rows: Tensor) -> Tensor:
    """For each row that of its partner."""
    return rows.roll(len(rows) // 2, 0)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Distance of pictures in [0, 1], on their scale from -1 to 1."""
    return 2 * F.l1_loss(one, other)


def _realness(logits: Tensor, target: int) -> Tensor:
    """Cross-entropy of the two logits of realness."""
    return -logits[:, :2].log_softmax(1)[:, target].mean()
