"""How the explanation networks are fitted: all classes side by side, and again those whose x-features failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from xai_widgets.devices import sent
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.methods.srae.fit_data import FitData
from xai_widgets.methods.srae.losses import ALL, Batch, total
from xai_widgets.methods.srae.network import SLOPE, XNetwork
from xai_widgets.methods.srae.report import LEAST_R2, Numbers, measured
from xai_widgets.methods.srae.settings import Settings, Weights
from xai_widgets.methods.srae.slopes import slopes
from xai_widgets.methods.srae.start import MANY_CHANNELS, MOST_CHANNELS, ridge, start
from xai_widgets.progress import Progress
from xai_widgets.sizes import is_small
from xai_widgets.together import Part, current
from xai_widgets.training import Step, train

log = logging.getLogger(__name__)

STEPS, PHOTO_STEPS = 16, 4
"""Steps of an epoch, for small pictures and for photos; batches are drawn with replacement, so that they do not depend
on the number of pictures."""

MOST_NUMBERS = 2**24
"""Most numbers of the layer in one step of all classes, 64 MB; larger layers get smaller batches."""

LARGE_BATCH = 32
"""Photos in a batch, whose layers are large; more of them take longer and do not fit better."""

FOR_SCALE = 128
"""Pictures that the scale of the layer, and the positions of a class, are taken from."""


class SraeFit:
    """One fit of the default SRAE; `finished` is where an interrupted one finds its place again."""

    def __init__(self, data: FitData, progress: Progress, finished: FinishedParts) -> None:
        self.data, self.progress, self.finished = data, progress, finished
        self.settings: Settings = data.settings
        self.device = data.cached.study.device
        some = data.positions(torch.arange(min(FOR_SCALE, len(data))))
        self.size, self.channels = some.shape[1], some.shape[2]
        self.nonnegative = bool(some.min() >= 0)
        self.scale = some.flatten(0, 1).var(0, correction=0).mean().sqrt().clamp_min(1e-6)
        self.large = not is_small(data.cached.study.shape)
        self.centre = data.scores.mean(0)
        self.spread = data.scores.std(0, correction=0).clamp_min(1e-6)
        self.goal = (data.scores - self.centre) / self.spread
        self.own = [data.positives(k).nonzero().flatten() for k in range(len(data.classes))]
        rest = [(~data.positives(k)).nonzero().flatten() for k in range(len(data.classes))]
        self.others = [others if len(others) else own for own, others in zip(self.own, rest, strict=True)]

    def run(self) -> XNetwork:
        """Fit all classes; then, anew and with other weights, those that failed, and keep the better fit.

        Poor faithfulness is no failure: it may be the layer's fault, and is reported.
        """
        everything = list(range(len(self.data.classes)))
        network, best = self._round(everything, 0)
        for number in range(1, self.settings.rounds + 1):
            failed = [k for k in everything if current().first_of(best[k].lopsided)]
            if not failed:
                break
            log.info("SRAE: classes %s failed in round %d", [self.data.classes[k] for k in failed], number)
            again, found = self._round(failed, number)
            better = [row for row, k in enumerate(failed) if self.merit(found[row]) > self.merit(best[k])]
            network.put([failed[row] for row in better], again, better)
            best.update({failed[row]: found[row] for row in better})
        self._sort(network)
        return network

    # --- what changes after a failure; the published rule is another one ---------------------------------------

    def merit(self, found: Numbers) -> tuple[bool, bool, float]:
        """What the better fit of a class has more of."""
        return not found.lopsided, found.r2_all >= LEAST_R2, found.r2_positive

    def weights(self, number: int) -> Weights:
        """Weights of the loss in a round."""
        own = self.settings.weights
        return replace(own, pull=own.pull / 2**number, dominance=own.dominance * 2**number)

    # --- one round ---------------------------------------------------------------------------------------------

    def _round(self, rows: list[int], number: int) -> tuple[XNetwork, dict[int, Numbers]]:
        """Networks of some classes, and their measures by index in `rows`."""
        seed = self.settings.recipe.seed + 1000 * number
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            network = self._fresh(rows)
        name = f"SRAE-{number}"
        if self.finished.restore(name, network) is None:
            self.prepare(network, rows, seed)
            recipe = replace(self.settings.recipe, seed=seed)
            loss = self.loss(network, rows, self.weights(number))
            task = "SRAE" if number == 0 else f"SRAE, {len(rows)} classes again"
            kept = self.finished.checkpoint(name)
            train(network, loss, self.count(), recipe, progress=self.progress, task=task, checkpoint=kept, shared=True)
            self.finished.keep(name, network, recipe.epochs)
        part = replace(self.data, classes=tuple(self.data.classes[k] for k in rows), scores=self.data.scores[:, rows])
        return network, {row: measured(network, row, part) for row in range(len(rows))}

    def _fresh(self, rows: Sequence[int]) -> XNetwork:
        network = self.network(len(rows))
        network.scale.copy_(self.scale)
        network.centre.copy_(self.centre[rows])
        network.spread.copy_(self.spread[rows])
        return network.to(self.device)

    def network(self, classes: int) -> XNetwork:
        """A network with fresh weights."""
        sizes = (classes, self.channels, self.settings.features, self.settings.hidden)
        return XNetwork(*sizes, slope=SLOPE, shortcut=True, nonnegative=self.nonnegative)

    def prepare(self, network: XNetwork, rows: Sequence[int], seed: int) -> None:
        """Start at the linear model."""
        x = self.data.each(lambda z: z.mean(1)) / float(self.scale)
        weights, most = self._linear(x), MANY_CHANNELS if self.large else MOST_CHANNELS
        for row, k in enumerate(rows):
            own, others = (self._some(pool, seed) for pool in (self.own[k], self.others[k]))
            start(network, row, weights[:, k], own, others, self.settings.against, most)
            if self.large:  # few photos would teach the offset, and what is off, to the channels, and by heart
                network.b.data[row] = -(x.mean(0) @ weights[:, k])
                network.ways_in[-1].weight.data[row] = 0.0

    def _linear(self, x: Tensor) -> Tensor:
        """Weights ``(D, K)`` of a linear model of the standardised scores; for photos, it starts at the slopes."""
        if not self.large:
            return ridge(x, self.goal)
        own = slopes(self.data) * (float(self.scale) / self.spread)
        return own + ridge(x, self.goal - x @ own)

    def _some(self, pool: Tensor, seed: int) -> Tensor:
        """Standardised positions ``(M, D)`` of some of the pictures, on the CPU."""
        order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))
        return (self.data.positions(pool[order[:FOR_SCALE]]) / self.scale).flatten(0, 1).cpu()

    def count(self) -> int:
        """Examples of an epoch."""
        return (PHOTO_STEPS if self.large else STEPS) * self.settings.recipe.batch_size

    def loss(self, network: XNetwork, rows: list[int], weights: Weights) -> Callable[[Step], Tensor]:
        """The loss of a step, on pictures half of which are of the class."""
        fits = MOST_NUMBERS // (len(rows) * self.size * self.channels)
        most = LARGE_BATCH if self.large else self.settings.recipe.batch_size
        half = max(4, min(most, self.settings.recipe.batch_size, fits) // 2)

        def of(step: Step) -> Tensor:
            drawn = torch.stack([self._draw(k, half, step.generator) for k in rows])  # (K, B)
            part = step.group.of(drawn.shape[1])
            own = part.of(drawn, 1)
            z = self.data.positions(own.flatten()).unflatten(0, own.shape)
            goal = self.goal[drawn, torch.tensor(rows)[:, None]]
            return self.step(network, z, goal, half, weights, part)

        return of

    def step(
        self, network: XNetwork, z: Tensor, goal: Tensor, positives: int, weights: Weights, part: Part = ALL
    ) -> Tensor:
        """The loss for raw positions ``(K, B, P, D)``, or our part of them, and standardised scores ``(K, B)``."""
        z = z / network.scale
        e = network.encode(z.flatten(1, 2))
        rebuilt = network.decode(e)
        sides = z.shape[1:3]
        whole = part.whole(e.unflatten(1, sides), 1)
        batch = Batch(z, whole, rebuilt.unflatten(1, sides), sent(goal, z.device).to(z), positives, part)
        return total(batch, network.v, network.b, weights)

    def _draw(self, k: int, half: int, generator: torch.Generator) -> Tensor:
        pools = (self.own[k], self.others[k])
        return torch.cat([pool[torch.randint(len(pool), (half,), generator=generator)] for pool in pools])

    def _sort(self, network: XNetwork) -> None:
        """Number the x-features of each class by their mean contribution to its pictures."""
        means = []
        for k, own in enumerate(self.own):
            some = self.data.positions(own[:FOR_SCALE])
            with torch.no_grad():
                means.append(network.contributions(some, k).mean(0))
        network.reorder(torch.stack(means).argsort(dim=1, descending=True))
