"""How a default CAE is fitted: the map, where the classifier looks, the training with its collapse alarm, the report.

The map comes first and stays: class codes are about the classifier, and what is drawn of them must not move them.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

import torch
from torch import Tensor

from xai_widgets.devices import sent
from xai_widgets.errors import PictureError
from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.cae.evidence import pooled
from xai_widgets.methods.cae.evidence_maps import DONORS, evidence_map, expected_gradients, gate
from xai_widgets.methods.cae.health import SWAPS, Health, examine
from xai_widgets.methods.cae.leak import leak
from xai_widgets.methods.cae.losses import CALM, FULL, SWAP_EVERY, Batch, Trained, loss, map_loss
from xai_widgets.methods.cae.networks import CaeNetworks, grid_sides
from xai_widgets.methods.cae.paper.fit import FittedPaper
from xai_widgets.methods.cae.paper.networks import PaperNetworks
from xai_widgets.methods.cae.settings import Settings
from xai_widgets.methods.common.codes import CachedPass, cached_pass, require_gradients
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.seeding import generator
from xai_widgets.study import Study
from xai_widgets.training import Step, train

log = logging.getLogger(__name__)

MAP = Recipe(epochs=12, batch_size=64, lr=3e-3)
"""How class encoder and head are trained; for longer where the pictures are few."""

MAP_STEPS = 1000
"""At least so many: a second or two, after which the map says of held-out pictures what the classifier says."""

AVERAGED = 0.995
"""The running average forgets half in about 140 steps."""

HELD_OUT = 2 * SWAPS
"""So many held-out pictures say whether the fit worked; a decoder can learn its training pictures by heart."""

ALARM_EVERY = 100
"""Steps between two checks of the collapse alarm, once a third of the training is over."""


@dataclass(frozen=True)
class FitData:
    """The pictures that a CAE is fitted on, with the classifier's evidence ``(N, E)`` for them on the CPU.

    `layer` is None where the logits are the evidence; `donors` has the indices of the pictures of all other predicted
    classes for each class.
    """

    cached: CachedPass
    layer: str | None
    evidence: Tensor
    donors: list[Tensor]

    @classmethod
    def of(cls, cached: CachedPass, layer: str | None) -> FitData:
        """Compute everything that follows from one pass over the pictures."""
        if layer is None:
            evidence = cached.logits
        else:
            batches = torch.arange(len(cached)).split(cached.study.batch_size)
            evidence = torch.cat([pooled(cached.code(layer, batch)).cpu() for batch in batches])
        predicted = cached.logits.argmax(1)
        if len(predicted.unique()) < 2:
            name = cached.study.class_names[int(predicted[0])]
            raise PictureError(
                f"the classifier predicts {name!r} for all {len(cached)} pictures; give pictures of several predicted "
                "classes"
            )
        donors = [(predicted != k).nonzero().flatten() for k in range(cached.study.classes)]
        return cls(cached, layer, evidence, donors)

    def held_out(self, seed: int, progress: Progress) -> FitData:
        """Pictures that the fit does not see; its own where the classifier calls all of those one class."""
        study, layers = self.cached.study, [self.layer] if self.layer else []
        drawn = study.draw(study.test, HELD_OUT, seed)
        cached = cached_pass(study, study.test, drawn, layers, progress, whole=True)
        return FitData.of(cached, self.layer) if len(cached.logits.argmax(1).unique()) > 1 else self

    def class_codes(self, networks: FittedNetworks, indices: Tensor) -> Tensor:
        """Class codes ``(n, d)`` of some of the pictures, on the CPU."""
        device = self.cached.study.device
        with torch.no_grad():
            codes = [
                networks.class_code(self.cached.picture(batch), sent(self.evidence[batch], device)).cpu()
                for batch in indices.split(self.cached.study.batch_size)
            ]
        return torch.cat(codes)

    def map_points(self, networks: FittedNetworks, chosen: Sequence[int], most: int) -> dict[str, Tensor]:
        """The points of a map: class codes, indices and probabilities of the first pictures."""
        first = torch.arange(min(most, len(self.cached)))
        probabilities = self.cached.study.scores.probabilities(self.cached.logits[first])
        codes = self.class_codes(networks, first)
        return {"codes": codes, "places": torch.tensor(chosen)[first], "probabilities": probabilities}

    def donors_for(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """For each of some classes the index of a picture of another predicted class."""
        draws = torch.rand(len(classes), generator=generator)
        pools = [self.donors[k] for k in classes.tolist()]
        return torch.stack([pool[int(draw * len(pool))] for pool, draw in zip(pools, draws, strict=True)])


class CaeFit:
    """One fit of the default CAE."""

    def __init__(
        self, settings: Settings, data: FitData, held: FitData, progress: Progress, finished: FinishedParts
    ) -> None:
        self.study, self.settings, self.data, self.held = data.cached.study, settings, data, held
        self.progress, self.finished = progress, finished
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(settings.recipe.seed)
            networks = new_networks(settings, data)
            self.trained = Trained(networks, copy.deepcopy(networks), settings.channels)
        self.trained.to(self.study.device)
        self.steps = settings.recipe.epochs * ceil(len(data.cached) / settings.recipe.batch_size)

    def run(self) -> tuple[CaeNetworks, Health]:
        """Fit the map, look where the classifier looks, train, and check whether it worked."""
        began = time.perf_counter()
        require_gradients(self.study, "a CAE is fitted")
        with self.study.borrowed():
            if self.finished.restore("CAE", self.trained) is None:
                self._fit_map()
                self._train()
            networks = self.trained.average.eval()
            health = self._health(networks)
            codes = self.data.class_codes(networks, torch.arange(len(self.data.cached)))
            shows, guessed = leak(networks, self.data.cached, codes, self.settings.recipe.seed)
        alarmed, seconds = bool((self.trained.strength != 1).any()), time.perf_counter() - began
        unseen = self.held is not self.data
        return networks, replace(health, leak=shows, guessed=guessed, alarmed=alarmed, seconds=seconds, unseen=unseen)

    def _fit_map(self) -> None:
        """Fit class encoder and head, which do not change any more then."""
        networks = self.trained.networks
        map_only = torch.nn.ModuleList([networks.class_encoder, networks.head])

        def of(step: Step) -> Tensor:
            own = step.part.of(step.indices)
            logits = sent(self.data.cached.logits[own], self.study.device)
            return step.part.mean(map_loss(networks, self._evidence(own), logits, self.study.scores))

        count = len(self.data.cached)
        recipe = replace(MAP, epochs=map_epochs(count), seed=self.settings.recipe.seed)
        train(map_only, of, count, recipe, progress=self.progress, task="CAE, the map", shared=True)
        map_only.requires_grad_(False)
        self.trained.average.load_state_dict(networks.state_dict())

    def _train(self) -> None:
        count, recipe, kept = len(self.data.cached), self.settings.recipe, self.finished.checkpoint("CAE")
        self.gates = self._gates()
        self.codes = self.data.class_codes(self.trained.networks, torch.arange(count))
        train(self.trained, self._loss, count, recipe, progress=self.progress, task="CAE", checkpoint=kept, shared=True)
        self.finished.keep("CAE", self.trained, recipe.epochs)

    def _gates(self) -> Tensor:
        """The gate of every picture ``(N, 1, h, w)``, on the CPU."""
        cached, random = self.data.cached, generator(self.settings.recipe.seed, "donors", 0)
        batches = torch.arange(len(cached)).split(self.study.batch_size)
        self.progress.start("CAE, where the classifier looks", len(batches))
        gates = []
        for batch in batches:
            drawn = torch.stack([self._contributions(batch, random) for _ in range(DONORS)])
            gates.append(gate(evidence_map(drawn.mean(0), grid_sides(self.study.shape)[-1])).cpu())
            self.progress.advance()
        return torch.cat(gates)

    def _contributions(self, batch: Tensor, random: torch.Generator) -> Tensor:
        cached, predicted = self.data.cached, self.data.cached.logits.argmax(1)
        donors = self.data.donors_for(predicted[batch], random)
        pictures, others = cached.picture(batch), cached.picture(donors)
        classes = predicted[batch], predicted[donors]
        return expected_gradients(self.study, pictures, others, classes, torch.rand(len(batch), generator=random))

    def _loss(self, step: Step) -> Tensor:
        self._average(step.number)
        done = step.number / self.steps
        if done > 1 / 3 and step.number % ALARM_EVERY == 0:
            self._alarm()
        ramp = min(max((done - CALM) / (FULL - CALM), 0.0), 1.0) if step.number % SWAP_EVERY == 0 else 0.0
        return loss(self.trained, self.study, self.data.layer, self._batch(step), ramp, step.generator)

    def _batch(self, step: Step) -> Batch:
        device, classes = self.study.device, self.data.cached.logits[step.indices].argmax(1)
        donors, part = self.data.donors_for(classes, step.generator), step.part
        own = part.of(step.indices)
        pictures = self.data.cached.picture(own).contiguous(memory_format=torch.channels_last)
        rest = self.gates[own], part.of(classes), self.codes[step.indices], self.codes[donors]
        gates, classes, codes, other = (sent(values, device) for values in rest)
        return Batch(pictures, gates, classes, codes, other, part)

    def _evidence(self, indices: Tensor) -> Tensor:
        return sent(self.data.evidence[indices], self.study.device)

    @torch.no_grad()
    def _average(self, number: int) -> None:
        """Let the kept weights and statistics follow the trained ones, quickly at first."""
        kept = min(AVERAGED, (number + 1) / (number + 10))
        current = self.trained.networks.state_dict()
        for name, tensor in self.trained.average.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(current[name], 1 - kept)
            else:
                tensor.copy_(current[name])

    def _alarm(self) -> None:
        """If the decoder ignores the class code, weigh faithfulness more and sparseness less."""
        health = self._health(self.trained.average.eval())
        self.trained.average.train()
        if health.problems:
            self.trained.strength.mul_(self.trained.strength.new_tensor([2.0, 0.5])).clamp_(1 / 8, 8)
            log.warning("CAE: %s Asking more for faithfulness.", " ".join(health.problems))

    def _health(self, networks: CaeNetworks) -> Health:
        return examine(networks, self.held.cached, self.held.evidence, self.settings.recipe.seed)


def map_epochs(pictures: int) -> int:
    """How often the map sees so many pictures."""
    return max(MAP.epochs, ceil(MAP_STEPS / ceil(pictures / MAP.batch_size)))


def new_networks(settings: Settings, data: FitData) -> CaeNetworks:
    """Networks with fresh weights, that begin at the mean picture."""
    study = data.cached.study
    networks = CaeNetworks(
        study.shape, data.evidence.shape[1], study.classes, settings.dimensions, settings.channels, settings.width
    )
    mean = data.cached.picture(slice(0, 1000)).mean(0)
    networks.class_encoder.measure(data.evidence)
    networks.decoder.prior.copy_(torch.logit(mean.clamp(0.02, 0.98)))
    return networks


def restored_networks(study: Study, settings: Settings, tensors: Mapping[str, Tensor]) -> FittedNetworks:
    """Networks with saved weights, on the study's device."""
    sizes = (study.classes, settings.dimensions)
    networks: FittedNetworks
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        if settings.paper:
            networks = FittedPaper(PaperNetworks(study.shape, *sizes, settings.width), *sizes)
        else:
            evidence = tensors["class_encoder.linear.weight"].shape[1]
            networks = CaeNetworks(study.shape, evidence, *sizes, settings.channels, settings.width)
            # In memory as they were fitted: otherwise the same weights give other last digits, and more slowly.
            networks.to(memory_format=torch.channels_last)
    networks.load_state_dict(tensors)
    return networks.eval().to(study.device)
