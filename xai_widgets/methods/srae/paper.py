"""The published fit: layer-wise pre-training, plain units, all pictures as they come, and the authors' retry rule.

Where the paper is silent, its first author's code decides. All classes are fitted side by side, which changes nothing:
they share no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from xai_widgets import limits
from xai_widgets.devices import sent
from xai_widgets.limits import Choice
from xai_widgets.methods.srae.fit import SraeFit
from xai_widgets.methods.srae.losses import faithfulness
from xai_widgets.methods.srae.network import XNetwork
from xai_widgets.methods.srae.positions import View
from xai_widgets.methods.srae.report import Numbers
from xai_widgets.methods.srae.settings import Score, Settings, Weights
from xai_widgets.recipe import Recipe
from xai_widgets.training import Step, train

HIDDEN = (800, 100)
DROPOUT = 0.02
STEP_EPOCHS = 40
"""The learning rate drops to a tenth after so many epochs."""

WEIGHTS: dict[str, Weights] = {
    "images": Weights(0.0, 10.0, 100.0, 10.0, "images", 0.0),
    "features": Weights(0.0, 15.0, 100.0, 5.0, "features", 0.0),
}
"""Published weights, by what is pulled apart."""


def paper_settings(
    layer: str,
    view: View,
    score: Score,
    *,
    epochs: int,
    features: int,
    along: Literal["images", "features"],
    pictures: int,
    seed: int,
) -> Settings:
    """The published settings."""
    epochs, along = limits.EPOCHS("epochs", epochs), Choice(tuple(WEIGHTS))("along", along)
    milestones = tuple(range(STEP_EPOCHS, epochs, STEP_EPOCHS))
    recipe = Recipe(
        epochs=epochs, batch_size=50, lr=1e-3, weight_decay=1e-4, seed=seed, optimizer="adam", schedule="step",
        milestones=milestones, clip=None, amp=False,
    )  # fmt: skip
    return Settings(layer, view, score, features, 0, HIDDEN, pictures, WEIGHTS[along], recipe, rounds=5, paper=True)


def paper_tasks(settings: Settings) -> list[int]:
    """How many epochs each task of a published fit has: pre-training of each layer, of the read-out, and the fit."""
    return [_pretraining(settings)] * (len(settings.hidden) + 2) + [settings.recipe.epochs]


def _pretraining(settings: Settings) -> int:
    return max(1, settings.recipe.epochs // 10)


class PaperFit(SraeFit):
    """One fit of the published SRAE."""

    def merit(self, found: Numbers) -> tuple[bool, bool, float]:
        """The authors look at the balance of x-features alone."""
        return not found.lopsided, True, found.second_first

    def weights(self, number: int) -> Weights:
        """More reconstruction and less pull-away in each round."""
        own = self.settings.weights
        return replace(own, reconstruction=own.reconstruction * 1.2**number, pull=own.pull * 0.8**number)

    def _fresh(self, rows: Sequence[int]) -> XNetwork:
        """Nothing is standardised."""
        return self.network(len(rows)).to(self.device)

    def network(self, classes: int) -> XNetwork:
        """The published units, with fresh weights."""
        sizes = (classes, self.channels, self.settings.features, self.settings.hidden)
        made = XNetwork(*sizes, slope=0.0, shortcut=False, nonnegative=self.nonnegative, dropout=DROPOUT)
        nn.init.uniform_(made.v, -(self.settings.features**-0.5), self.settings.features**-0.5)
        return made

    def prepare(self, network: XNetwork, rows: Sequence[int], seed: int) -> None:
        """Pre-train layer by layer as auto-encoders, then the read-out alone."""
        recipe = replace(self.settings.recipe, epochs=_pretraining(self.settings), seed=seed)
        recipe = replace(recipe, weight_decay=0.0, milestones=())
        for number, layer in enumerate(network.encoder):
            mirror = network.decoder[len(network.decoder) - 1 - number]
            pair = nn.ModuleList([layer, mirror])
            self._train(pair, self._autoencoding(network, number, pair), recipe, f"SRAE, layer {number + 1}")
        network.encoder.requires_grad_(False)
        network.decoder.requires_grad_(False)
        self._train(network, self._reading(network, rows), recipe, "SRAE, the read-out")
        network.requires_grad_(True)

    def count(self) -> int:
        """Every picture once in an epoch."""
        return len(self.data)

    def loss(self, network: XNetwork, rows: list[int], weights: Weights) -> Callable[[Step], Tensor]:
        """The loss of a step, on pictures as they come."""

        def of(step: Step) -> Tensor:
            z = self._batch(step, len(rows))
            return self.step(network, z, self._scores(step, rows), 0, weights)

        return of

    # --- pre-training ------------------------------------------------------------------------------------------

    def _train(self, module: nn.Module, loss: Callable[[Step], Tensor], recipe: Recipe, task: str) -> None:
        train(module, loss, len(self.data), recipe, progress=self.progress, task=task)

    def _autoencoding(self, network: XNetwork, number: int, pair: nn.ModuleList) -> Callable[[Step], Tensor]:
        def of(step: Step) -> Tensor:
            hidden = self._batch(step, len(network.b)).flatten(1, 2)
            with torch.no_grad():
                for layer in network.ways_in[:number]:
                    hidden = layer(hidden).relu()
            rebuilt: Tensor = pair[1](pair[0](hidden).relu()).relu()
            error: Tensor = (rebuilt - hidden).square().mean((1, 2)).sum()
            return error

        return of

    def _reading(self, network: XNetwork, rows: Sequence[int]) -> Callable[[Step], Tensor]:
        def of(step: Step) -> Tensor:
            z = self._batch(step, len(rows))
            e = network.encode(z.flatten(1, 2)).unflatten(1, z.shape[1:3]).mean(2)
            got = (e * network.v[:, None]).sum(2) + network.b[:, None]
            return faithfulness(got, sent(self._scores(step, rows), got.device).to(got)).sum()

        return of

    def _batch(self, step: Step, classes: int) -> Tensor:
        """Raw positions ``(K, B, P, D)``, the same for all classes."""
        z = self.data.positions(step.indices)
        return z.expand(classes, -1, -1, -1)

    def _scores(self, step: Step, rows: Sequence[int]) -> Tensor:
        chosen: Tensor = self.data.scores[step.indices][:, list(rows)]
        return chosen.T
