"""CAE: a picture as a point on a map of classes; move the point, and the picture and the decision change.

Xie et al., "Accurate Explanation Model for Image Classifiers using Class Association Embedding" (ICDE 2024, arXiv
2406.07961). Every picture has a class-associated code z, a few numbers, and an individual code u, a small map of the
picture. A decoder draws a picture from any z and any u: hold u and move z towards another class, and the pictures on
the way are the explanation. `losses` describes the training and how it differs from the paper; `CAE.paper` is the
published model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from xai_widgets import artifact, limits
from xai_widgets.devices import sent
from xai_widgets.errors import PictureError
from xai_widgets.limits import Of, Several
from xai_widgets.methods.cae.atlas import Atlas, Box, draw_atlas, grid
from xai_widgets.methods.cae.code_map import CodeMap, FittedParts
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cae.decoding import Encoded, FittedNetworks
from xai_widgets.methods.cae.evidence import evidence_layer, read_layer
from xai_widgets.methods.cae.fit import CaeFit, FitData, map_epochs, restored_networks
from xai_widgets.methods.cae.health import Health
from xai_widgets.methods.cae.ordering import ordered
from xai_widgets.methods.cae.paper.fit import fit_paper
from xai_widgets.methods.cae.path import film_strip
from xai_widgets.methods.cae.plane import Plane
from xai_widgets.methods.cae.routes import Confidence, Route, end_of, route_to
from xai_widgets.methods.cae.saliency import change_maps, path_integrated
from xai_widgets.methods.cae.settings import Settings, settings_for
from xai_widgets.methods.cae.walk import Walk
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.methods.common.explainer import FewPictures, Trial
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.names import Target
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

MAPPED = 1000
"""At most so many training pictures are points of the map."""

LEAST_TRIED = 32
"""A trial of fewer pictures may be too small for a map."""

PRECISE = ("class_encoder", "head")
"""These are saved in full precision: errors there would move every picture's point on the map."""


class CAE(CodeMap):
    """Class association embedding: a map of what a classifier tells apart, and a picture for every place on it.

    Parameters
    ----------
    study
        The classifier and its pictures.
    dimensions
        Of the class code; default 2 for up to three classes (the code is then the map), else 8.
    channels, width, pictures
        See `Settings`; by default, `width` grows with the picture.
    epochs, seed
        Of the training; by default 32 epochs, and more where there are few pictures: at least 1,000 steps.
    settings
        Used in place of the six above, as the preset does.

    Raises
    ------
    XaiWidgetsError
        If a number is too small.

    Examples
    --------
    >>> cae = CAE(study).fit()  # doctest: +SKIP
    >>> cae.explain(picture, "moss tanager", confidence=0.95).figure()  # doctest: +SKIP
    """

    key = "cae"

    def __init__(
        self,
        study: Study,
        *,
        dimensions: int | None = None,
        channels: int = 8,
        width: int | None = None,
        pictures: int = 3000,
        epochs: int | None = None,
        seed: int = 0,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(study)
        if settings is None:
            settings = settings_for(study, dimensions, channels, width, pictures, epochs, seed)
        self.settings: Settings = Of((Settings,))("settings", settings)

    @classmethod
    def paper(cls, study: Study, *, epochs: int, width: int = 64, pictures: int = 10**9, seed: int = 0) -> Self:
        """The published model: its networks, its six losses on true labels, Adam with a learning rate halved in steps.

        Parameters
        ----------
        study
            The classifier and its pictures.
        epochs
            The authors train for 200 000 steps and more.
        width
            Of the networks; 64 as published.
        pictures, seed
            As for the default.

        Notes
        -----
        Differences: partners are of any other class, not only "normal" against "abnormal"; one optimizer steps all
        networks at once; codes are standardised afterwards, and an affine head is fitted to the classifier's
        predictions, so that the same map can be drawn.
        """
        epochs = limits.EPOCHS("epochs", epochs)
        tenths = tuple(sorted({max(epochs * tenth // 10, 1) for tenth in range(1, 10)}))
        recipe = Recipe(
            epochs=epochs, batch_size=8, lr=1e-4, weight_decay=1e-4, seed=seed, optimizer="adam", schedule="step",
            milestones=tenths, step_decay=0.5, betas=(0.5, 0.999), clip=None, amp=False,
        )  # fmt: skip
        return cls(study, settings=Settings(8, 0, width, pictures, recipe, paper=True))

    # --- fitting -----------------------------------------------------------------------------------------------

    def _fit(self, progress: Progress, checkpoint: Path | None, on_part: Callable[[Self], object]) -> None:
        if self.fitted:
            return
        study, settings, layer = self.study, self.settings, self._layer
        chosen = study.draw(study.train, settings.pictures, settings.recipe.seed)
        cached = cached_pass(study, study.train, chosen, [layer] if layer else [], progress, whole=True)
        data = FitData.of(cached, layer)
        held = data.held_out(settings.recipe.seed, progress.part())
        finished = FinishedParts(checkpoint, f"{cached.fingerprint} {settings}")
        networks: FittedNetworks
        if settings.paper:
            networks, health = fit_paper(settings, cached.labelled(), held.cached, progress, finished.checkpoint("CAE"))
        else:
            networks, health = CaeFit(settings, data, held, progress, finished).run()
        self._parts = FittedParts(networks, data.map_points(networks, chosen, MAPPED), health)
        on_part(self)
        finished.clear()

    def trial(self, layer: str | None = None) -> Trial:
        """A fit of one epoch on few pictures; see `Explainer.trial`. A CAE is not fitted by layer."""
        del layer
        settings, read = self.settings, [self._layer] if self._layer else []
        few = FewPictures.of(self.study, settings.pictures, 0, settings.recipe.seed, LEAST_TRIED)
        short = replace(settings, recipe=replace(settings.recipe, epochs=1))
        epochs = settings.recipe.epochs
        trained, once = epochs * few.seen, few.seen
        mapped = once * map_epochs(round(once * len(few.study.train))) / map_epochs(len(few.study.train))
        growth = (once, trained, once) if settings.paper else (once, mapped, once, trained)
        return Trial(CAE(few.study, settings=short), growth, few.kept(read), few.batch(settings.recipe.batch_size))

    @property
    def health(self) -> Health:
        """Measures that tell whether the fit can be trusted."""
        return self._fitted.health

    def _problems(self) -> tuple[str, ...]:
        """Why the fit cannot be trusted; empty if it can, or before `fit`."""
        return self.health.problems if self.fitted else ()

    def _verdict(self) -> str:
        """The numbers that tell whether to trust the fit, in one line."""
        return self.health.verdict()

    @property
    def pasted(self) -> bool:
        """Whether changes are pasted into the picture itself; the published model draws the whole picture anew."""
        return not self.settings.paper

    # --- codes -------------------------------------------------------------------------------------------------

    def predict(self, pictures: Tensor) -> Tensor:
        """The classifier's probabilities ``(M, K)`` for pictures."""
        return self.study.predict(pictures)

    def encode(self, pictures: Tensor) -> Encoded:
        """Both codes of pictures ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1], and their reconstructions.

        Raises
        ------
        NotFittedError
            Before `fit`.
        PictureError
            If the pictures do not fit the model.
        """
        batch = self.study.batch(pictures).detach().float().cpu()
        with torch.no_grad(), self.study.borrowed():
            parts = [self._encode(part) for part in batch.split(self.study.batch_size)]
        z, u, rebuilt = (torch.cat(column) for column in zip(*parts, strict=True))
        return Encoded(batch, z, u, rebuilt)

    def encode_one(self, picture: Tensor) -> Encoded:
        """As `encode`, for ``(C, H, W)`` or ``(1, C, H, W)``, and a `PictureError` for more."""
        encoded = self.encode(picture)
        if len(encoded) != 1:
            raise PictureError(f"one picture is explained at a time, but these are {len(encoded)}")
        return encoded

    def _encode(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        networks, moved = self._fitted.networks, sent(pictures, self.study.device)
        _, evidence = read_layer(self.study, pictures, self._layer)
        z, u = networks.class_code(moved, evidence), networks.individual_code(moved)
        return z.cpu(), u.cpu(), networks.decoded(u, z).cpu()

    def decode(self, encoded: Encoded, z: Tensor, *, pasted: bool | None = None) -> Tensor:
        """Pictures ``(M, C, H, W)`` in [0, 1] of class codes ``(M, d)``; see `decoding.Decodes`."""
        networks, device = self._fitted.networks, self.study.device
        one = (len(z), -1, -1, -1)
        with torch.no_grad():
            drawn = networks.decoded(sent(encoded.u, device).expand(one), sent(z, device))
            if not (self.pasted if pasted is None else pasted):
                return drawn.cpu()
            pictures, rebuilt = (sent(part, device).expand(one) for part in (encoded.pictures, encoded.reconstructions))
            shown = networks.shown(pictures, rebuilt, drawn, self.health.level).cpu()
        # The last digits of a decoded picture depend on the batch it is in.
        still = (z == encoded.z).all(1)[:, None, None, None]
        return torch.where(still, encoded.pictures, shown)

    def atlas(
        self, encoded: Encoded, plane: Plane, box: Box, *, side: int = 21, progress: Progress | None = None
    ) -> Atlas:
        """Counterfactuals of one picture at ``side x side`` points of a map."""
        box, side = Several(limits.Real(), (4,))("box", box), limits.Whole(2, 1000)("side", side)
        codes = self.code_at(plane, grid(box, side), encoded.z[0])
        return draw_atlas(self, encoded, codes, box, progress or Progress())

    # --- explaining --------------------------------------------------------------------------------------------

    def explain(
        self,
        picture: Tensor | Encoded,
        target: Target | None = None,
        *,
        confidence: Confidence = None,
        route: Route = "straight",
        frames: int = 9,
    ) -> Counterfactual:
        """What would have to change for the classifier to predict another class.

        Parameters
        ----------
        picture
            ``(C, H, W)`` or ``(1, C, H, W)`` in [0, 1], or what `encode_one` made of it.
        target
            A class other than the predicted one, by number or name; default the second most probable one.
        confidence
            Probability of the target to reach, in (0, 1), or "border": as much as that of the class predicted now.
            Found by bisection with the classifier itself; from 95 % on, up to 99.5 % are obtained. Default: go to the
            end of the route.
        route
            "straight": on the chart of both classes to the centre of the target. "closest": the shortest way on the
            map to `confidence`. "graph": along real codes. "reference": the published one, straight to the nearest
            code of a real picture whose class is surely the target.
        frames
            Of the film strip.

        Raises
        ------
        NotFittedError
            Before `fit`.
        PictureError
            If it is not one picture that fits the model.
        XaiWidgetsError
            For an unknown target, the predicted class, a confidence outside (0, 1), or a target that the classifier
            predicts for none of the pictures on the map.
        """
        encoded = picture if isinstance(picture, Encoded) else self.encode_one(picture)
        probabilities = self.predict(encoded.pictures)[0]
        source = int(probabilities.argmax())
        second = int(probabilities.index_fill(0, probabilities.argmax(), -1).argmax())
        goal = second if target is None else self.study.class_index(target)
        corners = route_to(self, encoded, source, goal, route, confidence)
        walk = self.walk(encoded, corners, source, goal)
        end = end_of(walk, source, goal, confidence)
        strip = film_strip(walk, goal, end=end, frames=frames, density=self.density)
        path, completeness = path_integrated(self.study, strip.pictures, goal, source)
        changes = change_maps(self, encoded, strip, self.pair_chart(source, goal), self.health.scale)
        return Counterfactual(
            original=encoded.pictures[0],
            strip=strip,
            source=source,
            target=goal,
            requested=None if confidence is None or isinstance(confidence, str) else float(confidence),
            saliency=changes | {"path": path},
            completeness=completeness,
            pasted=self.pasted,
            problems=self.problems,
            class_names=self.study.class_names,
            origin=self.origin(route=route),
        )

    def walk(self, encoded: Encoded, route: Tensor, source: int, target: int) -> Walk:
        """The walk of one encoded picture along codes ``(M, d)``: what matters most changes first; see `ordering`.

        As published, everything changes at once.
        """
        whole = Walk(self, encoded, route)
        return ordered(self.study, whole, source, target) if self.pasted else whole

    @cached_property
    def _layer(self) -> str | None:
        return evidence_layer(self.study)

    def __repr__(self) -> str:
        state = f"{self.settings.dimensions}-D code" if self.fitted else "not fitted"
        return f"CAE({self.study.name!r}, {state}{', as published' if self.settings.paper else ''})"

    # --- saving ------------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        return asdict(self.settings)

    def _tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        networks = {
            f"networks/{name}": value.to(dtype) if value.dim() > 1 and not name.startswith(PRECISE) else value
            for name, value in self._fitted.networks.state_dict().items()
        }
        return networks | {f"map/{name}": value for name, value in self._fitted.points.items()}

    def _details(self) -> dict[str, Any]:
        return {"health": asdict(self.health)}

    @classmethod
    def _restored(cls, study: Study, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> Self:
        plain = {name: details[name] for name in ("dimensions", "channels", "width", "pictures", "paper")}
        settings = Settings(recipe=Recipe.restored(details["recipe"]), **plain)
        networks = restored_networks(study, settings, artifact.group(tensors, "networks"))
        made = cls(study, settings=settings)
        points = {name: tensors[f"map/{name}"] for name in ("codes", "places", "probabilities")}
        made._parts = FittedParts(networks, points, Health(**details["health"]))
        return made
