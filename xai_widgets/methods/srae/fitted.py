"""What is fitted: x-features of every class, their baselines, reports and names; and how it is saved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, XaiWidgetsError
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.methods.srae.additive import Additive
from xai_widgets.methods.srae.baselines import LinearFeatures, fit_linear
from xai_widgets.methods.srae.fit import SraeFit
from xai_widgets.methods.srae.network import XNetwork
from xai_widgets.methods.srae.paper import PaperFit
from xai_widgets.methods.srae.report import ClassReport, Numbers, reports
from xai_widgets.methods.srae.seen import look
from xai_widgets.methods.srae.settings import Settings, Weights
from xai_widgets.methods.srae.table import Table
from xai_widgets.methods.srae.view import last_places, placement
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

MOST_CLASSES = 12
"""Unless told which, so many classes are explained at most: those the network sees most often."""

MEASURED = 400
"""Unseen pictures that the reports rest on."""

LOOKED_AT = 8
"""Pictures by which the places of the layer are located."""

KIND = "srae"


@dataclass(eq=False)
class Fitted:
    """X-features of K classes.

    Attributes
    ----------
    classes
        Their numbers; a class's place here is its row everywhere else.
    network, pca, pls
        The x-features, and linear ones fitted on the same pictures.
    reports
        One for each class.
    table
        What the x-features contribute to pictures of ``study.train``.
    placed
        Where the places of the layer look (`view.placement`).
    seconds
        What the fit took.
    names
        Of the x-features, by class; only of classes in which the user has named one.
    """

    classes: tuple[int, ...]
    network: XNetwork
    pca: LinearFeatures
    pls: LinearFeatures
    reports: tuple[ClassReport, ...]
    table: Table
    placed: tuple[float, float]
    seconds: float
    names: dict[int, list[str]] = field(default_factory=dict)

    @property
    def models(self) -> dict[str, Additive]:
        """The three sets of x-features, by name."""
        return {"srae": self.network, "pca": self.pca, "pls": self.pls}

    def named(self, row: int) -> tuple[str, ...]:
        """What the x-features of a class are called."""
        return tuple(self.names.get(self.classes[row], ())) or numbered("x-feature", self.network.v.shape[1])

    def rename(self, row: int, feature: int, name: str) -> None:
        """Give an x-feature a name, or with an empty one take it away."""
        names = list(self.named(row))
        names[feature] = name.strip() or numbered("x-feature", len(names))[feature]
        self.names[self.classes[row]] = names

    @classmethod
    def of(
        cls,
        study: Study,
        settings: Settings,
        asked: tuple[int, ...] | None,
        checkpoint: Path | None,
        progress: Progress,
    ) -> Fitted:
        """Fit everything, on as many pictures as the settings say.

        Parameters
        ----------
        study, settings
            On what, and how.
        asked
            Which classes; None for those seen most often.
        checkpoint
            Folder in which an interrupted fit finds its place again, if wanted.
        progress
            Told each step.
        """
        began, seed = time.perf_counter(), settings.recipe.seed
        chosen = study.draw(study.train, settings.pictures, seed)
        seen = look(study, study.train, chosen, settings, asked or MOST_CLASSES, progress)
        held_out = study.draw(study.test, MEASURED, seed)
        unseen = look(study, study.test, held_out, settings, seen.classes, progress)
        finished = FinishedParts(checkpoint, f"{seen.cached.fingerprint} {settings} {seen.classes}")
        network = (PaperFit if settings.paper else SraeFit)(seen, progress, finished).run()
        network = network.eval().requires_grad_(False)
        pca, pls = (linear.to(study.device) for linear in fit_linear(seen, settings.features))
        layer = last_places(study, settings.layer)
        some = seen.cached.picture(slice(0, LOOKED_AT))
        made = cls(
            classes=seen.classes,
            network=network,
            pca=pca,
            pls=pls,
            reports=reports({"srae": network, "pca": pca, "pls": pls}, unseen),
            table=Table.of(seen, network, chosen),
            placed=(0.0, 0.0) if layer is None else placement(study, layer, some),
            seconds=time.perf_counter() - began,
        )
        finished.clear()
        return made

    # --- saving ------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, origin: Mapping[str, Any], dtype: torch.dtype = torch.float32) -> Path:
        """Write everything to one file, and where it comes from; matrices in a type of one's own."""
        tensors = {f"{by}/{name}": value for by, one in self.models.items() for name, value in one.state_dict().items()}
        tensors |= {f"table/{name}": value for name, value in self.table.tensors().items()}
        details = {
            "classes": self.classes,
            "slope": self.network.slope,
            "nonnegative": self.network.nonnegative,
            "reports": [asdict(report) for report in self.reports],
            "placed": self.placed,
            "seconds": self.seconds,
            "names": {str(k): names for k, names in self.names.items()},
        }
        rounded = {
            name: value.to(dtype) if value.is_floating_point() and value.dim() > 1 else value
            for name, value in tensors.items()
        }
        return artifact.save(path, KIND, rounded, {**origin, **details})

    @classmethod
    def load(cls, path: str | Path, study: Study) -> tuple[Settings, Fitted]:
        """Read what `save` wrote, for the same classifier; and how it was fitted.

        Raises
        ------
        ArtifactError
            If the file is damaged, foreign, newer, or made from another model.
        """
        tensors, details = artifact.load(path, KIND)
        artifact.require_same_model(details, study.fingerprint, path)
        try:
            settings = _settings(details)
            models = _models(settings, details, tensors, study.device)
            return settings, cls(
                classes=tuple(details["classes"]),
                **models,
                reports=tuple(_report(one) for one in details["reports"]),
                table=Table(**{name: _single(value) for name, value in artifact.group(tensors, "table").items()}),
                placed=(float(details["placed"][0]), float(details["placed"][1])),
                seconds=float(details["seconds"]),
                names={int(k): list(names) for k, names in details["names"].items()},
            )
        except (XaiWidgetsError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise ArtifactError(f"{path} does not hold what its description says ({error}); fit again") from error


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def numbered(word: str, count: int) -> tuple[str, ...]:
    """A word with the numbers from 1 on, as names for x-features that have none."""
    return tuple(f"{word} {number + 1}" for number in range(count))


def _settings(details: Mapping[str, Any]) -> Settings:
    """Settings from JSON, which has lists for tuples and dictionaries for dataclasses."""
    plain = {entry.name: details[entry.name] for entry in fields(Settings)}
    weights, recipe = Weights(**plain.pop("weights")), Recipe.restored(plain.pop("recipe"))
    return Settings(weights=weights, recipe=recipe, **(plain | {"hidden": tuple(plain["hidden"])}))


def _models(
    settings: Settings, details: Mapping[str, Any], tensors: Mapping[str, Tensor], device: torch.device
) -> dict[str, Any]:
    """The three sets of x-features, with their weights."""
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
    for name, model in models.items():
        model.load_state_dict(artifact.group(tensors, "srae" if name == "network" else name))
        model.eval().requires_grad_(False).to(device)
    return models


def _report(saved: Mapping[str, Any]) -> ClassReport:
    """A report from JSON, which has None for what could not be computed."""
    return ClassReport(saved["pictures"], **{name: _numbers(saved[name]) for name in ("srae", "pca", "pls")})


def _numbers(saved: Mapping[str, Any]) -> Numbers:
    known: dict[str, Any] = {name: float("nan") if value is None else value for name, value in saved.items()}
    return Numbers(**known)
