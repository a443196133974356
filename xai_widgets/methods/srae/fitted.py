"""What a fit gives: x-features of every class, their baselines, reports and names."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.methods.srae.additive import Additive
from xai_widgets.methods.srae.baselines import LinearFeatures, RandomFeatures, fit_linear, fit_random
from xai_widgets.methods.srae.fit import SraeFit
from xai_widgets.methods.srae.fit_data import FitData, read_layer
from xai_widgets.methods.srae.network import XNetwork
from xai_widgets.methods.srae.paper import PaperFit
from xai_widgets.methods.srae.positions import last_spatial_layer, measured_offset
from xai_widgets.methods.srae.report import ClassReport, reports
from xai_widgets.methods.srae.settings import Settings, Weights
from xai_widgets.methods.srae.table import ContributionTable
from xai_widgets.methods.srae.views import WithViews, views_of
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

MOST_CLASSES = 12
"""Unless targets are given, so many classes are explained at most: those predicted most often."""

MEASURED = 400
"""Unseen pictures that the reports rest on."""

FOR_OFFSET = 8
"""Pictures by which the positions of the layer are located."""


@dataclass(eq=False)
class FittedFeatures:
    """X-features of K classes. A class's index in `classes` is its row everywhere else.

    `names` has only the classes in which the user has named an x-feature; for `map_offset` see `measured_offset`.
    """

    classes: tuple[int, ...]
    network: XNetwork
    pca: LinearFeatures
    pls: LinearFeatures
    reports: tuple[ClassReport, ...]
    table: ContributionTable
    map_offset: tuple[float, float]
    seconds: float
    names: dict[int, list[str]] = field(default_factory=dict)
    random: RandomFeatures | None = None  # files of older fits lack it

    @property
    def models(self) -> dict[str, Additive]:
        """The sets of x-features, by their basis."""
        known: dict[str, Additive] = {"srae": self.network, "pca": self.pca, "pls": self.pls}
        return known if self.random is None else known | {"random": self.random}

    def named(self, row: int) -> tuple[str, ...]:
        """The names of a class's x-features."""
        return tuple(self.names.get(self.classes[row], ())) or numbered("x-feature", self.network.v.shape[1])

    def rename(self, row: int, feature: int, name: str) -> None:
        """Give an x-feature a name; an empty one removes it."""
        names = list(self.named(row))
        names[feature] = name.strip() or numbered("x-feature", len(names))[feature]
        self.names[self.classes[row]] = names

    @classmethod
    def fit(
        cls,
        study: Study,
        settings: Settings,
        targets: tuple[int, ...] | None,
        checkpoint: Path | None,
        progress: Progress,
    ) -> Self:
        """Fit everything, on as many pictures as the settings say.

        Without `targets`, of the classes that are predicted most often. An interrupted fit goes on from `checkpoint`.
        """
        began, seed = time.perf_counter(), settings.recipe.seed
        chosen = study.draw(study.train, settings.pictures, seed)
        examples = WithViews(study.train, chosen, views(study, settings), seed)
        seen = read_layer(study, examples, range(len(examples)), settings, targets or MOST_CLASSES, progress)
        seen.require_variation()
        held_out = study.draw(study.test, MEASURED, seed)
        unseen = read_layer(study, study.test, held_out, settings, seen.classes, progress)
        finished = FinishedParts(checkpoint, f"{seen.cached.fingerprint} {settings} {seen.classes}")
        network = (PaperFit if settings.paper else SraeFit)(seen, progress, finished).run()
        network = network.eval().requires_grad_(False)
        pca, pls = (linear.to(study.device) for linear in fit_linear(seen, settings.features))
        random = fit_random(seen, settings.features, seed).to(study.device)
        made = cls(
            classes=seen.classes,
            network=network,
            pca=pca,
            pls=pls,
            reports=reports({"srae": network, "pca": pca, "pls": pls, "random": random}, unseen),
            table=ContributionTable.of(seen, network, chosen),
            map_offset=_map_offset(seen),
            seconds=time.perf_counter() - began,
            random=random,
        )
        finished.clear()
        return made

    # --- in a file ---------------------------------------------------------------------------------------------

    def tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """All weights and the table by name; matrices in a given type."""
        groups = {basis: model.state_dict() for basis, model in self.models.items()} | {"table": self.table.tensors()}
        return {
            f"{group}/{name}": value.to(dtype) if value.is_floating_point() and value.dim() > 1 else value
            for group, tensors in groups.items()
            for name, value in tensors.items()
        }

    def details(self) -> dict[str, Any]:
        """Everything else, as JSON takes it."""
        return {
            "classes": self.classes,
            "slope": self.network.slope,
            "nonnegative": self.network.nonnegative,
            "reports": [asdict(report) for report in self.reports],
            "placed": self.map_offset,
            "seconds": self.seconds,
            "names": {str(k): names for k, names in self.names.items()},
        }

    @classmethod
    def restored(
        cls, settings: Settings, tensors: Mapping[str, Tensor], details: Mapping[str, Any], device: torch.device
    ) -> Self:
        """What `tensors` and `details` described."""
        down, right = details["placed"]
        return cls(
            classes=tuple(details["classes"]),
            **_models(settings, tensors, details, device),
            reports=tuple(ClassReport.restored(saved) for saved in details["reports"]),
            table=ContributionTable.restored(artifact.group(tensors, "table")),
            map_offset=(float(down), float(right)),
            seconds=float(details["seconds"]),
            names={int(k): list(names) for k, names in details["names"].items()},
        )


def views(study: Study, settings: Settings) -> int:
    """How many views of each picture a fit reads, too; the published fit reads none."""
    return 0 if settings.paper else views_of(study.shape[1:], min(settings.pictures, len(study.train)))


def numbered(word: str, count: int) -> tuple[str, ...]:
    """A word with the numbers from 1 on, as names for x-features that have none."""
    return tuple(f"{word} {number + 1}" for number in range(count))


def _map_offset(data: FitData) -> tuple[float, float]:
    study = data.cached.study
    layer = last_spatial_layer(study, data.settings.layer)
    return (0.0, 0.0) if layer is None else measured_offset(study, layer, data.cached.picture(slice(0, FOR_OFFSET)))


def restored_settings(details: Mapping[str, Any]) -> Settings:
    """Settings from a saved file, in which the score is called "target" and tuples are lists."""
    plain = {entry.name: details["target" if entry.name == "score" else entry.name] for entry in fields(Settings)}
    weights, recipe = Weights(**plain.pop("weights")), Recipe.restored(plain.pop("recipe"))
    return Settings(weights=weights, recipe=recipe, **(plain | {"hidden": tuple(plain["hidden"])}))


def _models(
    settings: Settings, tensors: Mapping[str, Tensor], details: Mapping[str, Any], device: torch.device
) -> dict[str, Any]:
    """The sets of x-features, with their weights."""
    shape = (len(details["classes"]), len(tensors["pca/mean"]), settings.features)
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        network = XNetwork(
            *shape,
            settings.hidden,
            slope=float(details["slope"]),
            shortcut=not settings.paper,
            nonnegative=bool(details["nonnegative"]),
        )
    models = {"network": network, "pca": LinearFeatures(*shape), "pls": LinearFeatures(*shape)}
    if "random/mean" in tensors:
        models["random"] = RandomFeatures(*shape)
    for name, model in models.items():
        model.load_state_dict(artifact.group(tensors, "srae" if name == "network" else name))
        model.eval().requires_grad_(False).to(device)
    return models
