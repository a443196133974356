"""How the published CAE is fitted, and how it is used beside the default one.

The classifier has no part in the training, which is about true labels. To show the codes on the same map, they are
standardised afterwards and an affine head is fitted that reads the classifier's opinion off them.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from xai_widgets.devices import sent
from xai_widgets.errors import PictureError
from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.cae.health import Health, examine
from xai_widgets.methods.cae.leak import leak
from xai_widgets.methods.cae.losses import divergence
from xai_widgets.methods.cae.paper.losses import paper_loss
from xai_widgets.methods.cae.paper.networks import PaperNetworks
from xai_widgets.methods.cae.settings import Settings
from xai_widgets.methods.common.codes import CachedPass
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.training import Step, train

HEAD = Recipe(epochs=40, batch_size=64, lr=1e-2)
"""For the affine head, which is fitted to codes that no longer change."""


class FittedPaper(FittedNetworks):
    """The published encoders and decoder with standardised class codes and an affine head that reads them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, networks: PaperNetworks, classes: int, dimensions: int) -> None:
        super().__init__()
        self.class_encoder = networks.class_encoder
        self.individual_encoder = networks.individual_encoder
        self.decoder = networks.decoder
        self.head = nn.Linear(dimensions, classes)
        self.register_buffer("mean", torch.zeros(dimensions))
        self.register_buffer("deviation", torch.ones(dimensions))

    def class_code(self, pictures: Tensor, evidence: Tensor) -> Tensor:  # noqa: ARG002 - the default encoder's
        """Standardised class codes ``(N, d)``."""
        code: Tensor = (self.class_encoder(pictures) - self.mean) / self.deviation
        return code

    def decoded(self, individual: Tensor, code: Tensor) -> Tensor:
        """Pictures ``(N, C, H, W)`` in [0, 1] of individual codes with standardised class codes."""
        pictures: Tensor = self.decoder(individual, code * self.deviation + self.mean)
        return pictures


def fit_paper(
    settings: Settings, cached: CachedPass, held: CachedPass, progress: Progress, checkpoint: Path | None
) -> tuple[FittedPaper, Health]:
    """Train the published networks on true labels, then scale and head on the classifier's opinion.

    `held` are the pictures that say whether it worked.
    """
    began = time.perf_counter()
    study, recipe = cached.study, settings.recipe
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.seed)
        networks = PaperNetworks(study.shape, study.classes, settings.dimensions, settings.width).to(study.device)
        fitted = FittedPaper(networks, study.classes, settings.dimensions).to(study.device)
    others = _others(cached.labels)

    def loss(step: Step) -> Tensor:
        draws = torch.rand(len(step.indices), generator=step.generator)
        pools = [others[int(label)] for label in cached.labels[step.indices]]
        partners = torch.stack([pool[int(draw * len(pool))] for pool, draw in zip(pools, draws, strict=True)])
        own, other = (sent(cached.labels[rows], study.device) for rows in (step.indices, partners))
        return paper_loss(networks, cached.picture(step.indices), own, cached.picture(partners), other)

    train(networks, loss, len(cached), recipe, progress=progress, task="CAE as published", checkpoint=checkpoint)
    codes = _fit_head(fitted, cached, recipe, progress)
    health = examine(fitted, held, held.logits, recipe.seed)
    shows, guessed = leak(fitted, cached, codes, recipe.seed)
    return fitted, replace(health, leak=shows, guessed=guessed, seconds=time.perf_counter() - began)


def _others(labels: Tensor) -> dict[int, Tensor]:
    """For each class the indices of the pictures of all other classes."""
    present = labels.unique()
    if len(present) < 2:
        raise PictureError("the published CAE needs pictures of two classes or more, and these all have one label")
    return {int(k): (labels != k).nonzero().flatten() for k in present}


def _fit_head(fitted: FittedPaper, cached: CachedPass, recipe: Recipe, progress: Progress) -> Tensor:
    """Fit the head to codes that are standardised first, ``(N, d)``, which are given back."""
    batches = torch.arange(len(cached)).split(cached.study.batch_size)
    with torch.no_grad():
        codes = torch.cat([fitted.class_encoder(cached.picture(batch)) for batch in batches])
    fitted.mean.copy_(codes.mean(0))
    fitted.deviation.copy_(codes.std(0).clamp_min(1e-6))
    standard = (codes - fitted.mean) / fitted.deviation
    logits = cached.logits.to(codes.device)

    def loss(step: Step) -> Tensor:
        rows = sent(step.indices, codes.device)
        return divergence(logits[rows], fitted.head(standard[rows]), cached.study.scores)

    train(fitted.head, loss, len(cached), replace(HEAD, seed=recipe.seed), progress=progress, task="CAE's head")
    fitted.eval()
    return standard
