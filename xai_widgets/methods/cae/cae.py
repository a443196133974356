"""CAE: a picture as a point on a map of classes; move the point, and the picture and the decision change.

Xie et al., "Accurate Explanation Model for Image Classifiers using Class Association Embedding" (ICDE 2024, arXiv
2406.07961). Every picture has a class-associated code z, a few numbers, and an individual code u, a small map of the
picture. A decoder puts any z together with any u: hold u and move z towards another class, and the pictures on the way
are the explanation. `losses` says what is trained here and where it differs; `CAE.paper` is the published model.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, NotFittedError, PictureError
from xai_widgets.methods.cae.atlas import Atlas, Box, draw_atlas
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cae.decoding import Encoded
from xai_widgets.methods.cae.evidence import evidence_layer, look
from xai_widgets.methods.cae.fit import CaeFit, Seen
from xai_widgets.methods.cae.fitted import Fitted
from xai_widgets.methods.cae.health import Health
from xai_widgets.methods.cae.mapped import Mapped
from xai_widgets.methods.cae.networks import default_width
from xai_widgets.methods.cae.paper.fit import fit_paper
from xai_widgets.methods.cae.path import FilmStrip, film_strip
from xai_widgets.methods.cae.plane import Plane
from xai_widgets.methods.cae.restore import restored
from xai_widgets.methods.cae.routes import Route, route_to
from xai_widgets.methods.cae.saliency import difference, path_integrated, several
from xai_widgets.methods.cae.settings import Settings, default_dimensions
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.names import find_class
from xai_widgets.progress import Progress, bar
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

MAPPED = 1000
"""At most so many training pictures are points of the map."""

SHARP = 0.02
"""Mean absolute error up to which reconstructions are shown as they are; above, changes are added to the picture."""

SIDEWAYS = ((0.0, -1.0), (0.0, 0.0), (0.0, 1.0))
"""Moves on the chart of a pair that keep the log-odds: other ways to be the target."""

PRECISE = ("class_encoder", "head")
"""What is saved in full precision: errors there move every picture's point on the map."""


class CAE(Mapped):
    """Class association embedding: a map of what a classifier tells apart, and pictures for all of its places.

    Parameters
    ----------
    study
        The classifier and its pictures.
    dimensions
        Of the class code; default 2 for up to three classes (the code is then the map), else 8.
    channels, width, pictures
        See `Settings`; `width` grows with the picture by default.
    epochs, seed
        Of the training.

    Raises
    ------
    XaiWidgetsError
        If a number is too small.

    Examples
    --------
    >>> cae = CAE(study).fit()  # doctest: +SKIP
    >>> cae.explain(picture, "moss tanager", confidence=0.95).figure()  # doctest: +SKIP
    """

    def __init__(
        self,
        study: Study,
        *,
        dimensions: int | None = None,
        channels: int = 8,
        width: int | None = None,
        pictures: int = 3000,
        epochs: int = 32,
        seed: int = 0,
    ) -> None:
        chosen = default_dimensions(study.classes) if dimensions is None else dimensions
        recipe = Recipe(epochs=epochs, batch_size=32, lr=1e-2, seed=seed, betas=(0.5, 0.99), clip=5.0)
        self._set_up(study, Settings(chosen, channels, width or default_width(study.shape), pictures, recipe))

    @classmethod
    def paper(cls, study: Study, *, epochs: int, width: int = 64, pictures: int = 10**9, seed: int = 0) -> CAE:
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
        networks at once; codes are standardised afterwards, and an affine head is fitted to the classifier's opinion,
        so that the same map can be drawn.
        """
        tenths = tuple(sorted({max(epochs * tenth // 10, 1) for tenth in range(1, 10)}))
        recipe = Recipe(
            epochs=epochs, batch_size=8, lr=1e-4, weight_decay=1e-4, seed=seed, optimizer="adam", schedule="step",
            milestones=tenths, step_decay=0.5, betas=(0.5, 0.999), clip=None, amp=False,
        )  # fmt: skip
        made = cls.__new__(cls)
        made._set_up(study, Settings(8, 0, width, pictures, recipe, paper=True))
        return made

    def _set_up(self, study: Study, settings: Settings) -> None:
        super().__init__(study)
        self.settings = settings
        self._health: Health | None = None

    # --- fitting -----------------------------------------------------------------------------------------------

    def fit(self, *, progress: Progress | None = None, checkpoint: str | Path | None = None) -> CAE:
        """Fit, unless that has been done.

        Parameters
        ----------
        progress
            Told each step, and asked whether to stop; default a progress bar.
        checkpoint
            Folder in which an interrupted fit finds its place again; fits of other models, pictures or settings may
            share it.

        Raises
        ------
        CancelledError
            If the progress was cancelled.
        PictureError
            If the classifier sees only one class in all pictures.

        Warns
        -----
        UserWarning
            If the fit cannot be believed; `problems` says why.
        """
        if self._networks is None:
            with progress or bar() as shown:
                self._fit(shown, None if checkpoint is None else Path(checkpoint))
            if self.problems:
                warnings.warn(" ".join(self.problems), stacklevel=2)
        return self

    def _fit(self, progress: Progress, checkpoint: Path | None) -> None:
        study, settings = self.study, self.settings
        layer = evidence_layer(study)
        chosen = study.draw(study.train, settings.pictures, settings.recipe.seed)
        cached = cached_pass(study, study.train, chosen, [layer] if layer else [], progress)
        seen = Seen.of(cached, layer)
        finished = FinishedParts(checkpoint, f"{cached.fingerprint} {settings}")
        networks: Fitted
        if settings.paper:
            networks, self._health = fit_paper(settings, cached, progress, finished.checkpoint("CAE"))
        else:
            networks, self._health = CaeFit(settings, seen, progress, finished).run()
        self._map = seen.drawn(networks, chosen, MAPPED)
        self._networks = networks
        finished.clear()

    @property
    def fitted(self) -> bool:
        """Whether there is anything to explain with."""
        return self._networks is not None

    @property
    def health(self) -> Health:
        """Measures that say whether the fit can be believed."""
        if self._health is None:
            raise NotFittedError("this CAE is not fitted yet; call fit()")
        return self._health

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the fit cannot be believed; empty if it can."""
        return self.health.problems

    @property
    def anchored(self) -> bool:
        """Whether changes are added to the picture, because reconstructions are too blurred to stand for it.

        The published model never does.
        """
        return not self.settings.paper and self.health.reconstruction > SHARP

    # --- codes -------------------------------------------------------------------------------------------------

    def predict(self, pictures: Tensor) -> Tensor:
        """What the classifier says of pictures: probabilities ``(M, K)``."""
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
            raise PictureError(f"one picture is explained at a time, and these are {len(encoded)}")
        return encoded

    def _encode(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        networks, moved = self._model, pictures.to(self.study.device)
        _, evidence = look(self.study, pictures, self._layer)
        z, u = networks.class_code(moved, evidence), networks.individual_code(moved)
        return z.cpu(), u.cpu(), networks.decoded(u, z).cpu()

    def decode(self, encoded: Encoded, z: Tensor, *, anchored: bool | None = None) -> Tensor:
        """Pictures ``(M, C, H, W)`` in [0, 1] of class codes ``(M, d)``; see `decoding.Decodes`."""
        device = self.study.device
        one = (len(z), -1, -1, -1)
        with torch.no_grad():
            drawn = self._model.decoded(encoded.u.expand(one).to(device), z.to(device))
            if not (self.anchored if anchored is None else anchored):
                return drawn.cpu()
            pictures, rebuilt = (part.expand(one).to(device) for part in (encoded.pictures, encoded.reconstructions))
            changed = (pictures + self._model.change(pictures, rebuilt, drawn)).clamp(0, 1).cpu()
        # What a picture is decoded to depends, in its last digits, on the batch it is in.
        still = (z == encoded.z).all(1)[:, None, None, None]
        return torch.where(still, encoded.pictures, changed)

    def atlas(
        self, encoded: Encoded, plane: Plane, box: Box, *, side: int = 21, progress: Progress | None = None
    ) -> Atlas:
        """Counterfactuals of one picture at ``side x side`` places of a map."""
        return draw_atlas(self, encoded, plane, box, side, progress or Progress())

    # --- explaining --------------------------------------------------------------------------------------------

    def explain(
        self,
        picture: Tensor,
        target: int | str,
        *,
        confidence: float | Literal["border"] | None = None,
        route: Route = "straight",
        frames: int = 9,
    ) -> Counterfactual:
        """What would have to change for the classifier to see another class.

        Parameters
        ----------
        picture
            ``(C, H, W)`` or ``(1, C, H, W)`` in [0, 1].
        target
            A class, by number or name, other than the one the classifier sees.
        confidence
            Probability that the classifier shall give to the target, in (0, 1), or "border": as much as to the class
            it sees now. Met by bisection with the classifier itself. Default: go to the end of the route.
        route
            "straight": on the chart of both classes to the centre of the target. "closest": the shortest way on the
            map to `confidence`.
            "graph": along real codes. "reference": the published one, straight to the code of a real picture of the
            target class, the nearest one that is a sure case.
        frames
            Of the film strip.

        Raises
        ------
        NotFittedError
            Before `fit`.
        PictureError
            If it is not one picture that fits the model.
        XaiWidgetsError
            For an unknown target, the class the classifier already sees, a confidence outside (0, 1), or a target the
            classifier sees in none of the pictures on the map.
        """
        return self.explain_encoded(self.encode_one(picture), target, confidence=confidence, route=route, frames=frames)

    def explain_encoded(
        self,
        encoded: Encoded,
        target: int | str,
        *,
        confidence: float | Literal["border"] | None = None,
        route: Route = "straight",
        frames: int = 9,
    ) -> Counterfactual:
        """As `explain`, for a picture that is encoded already."""
        source = int(self.predict(encoded.pictures)[0].argmax())
        wanted = find_class(self.study.class_names, target)
        corners = route_to(self, encoded, source, wanted, route, confidence)
        strip = film_strip(self, encoded, corners, wanted, frames=frames, density=self.density)
        saliency, completeness = self._saliency(encoded, strip, source, wanted)
        return Counterfactual(
            original=encoded.pictures[0],
            strip=strip,
            source=source,
            target=wanted,
            requested=None if confidence is None or isinstance(confidence, str) else float(confidence),
            saliency=saliency,
            completeness=completeness,
            anchored=self.anchored,
            problems=self.problems,
            class_names=self.study.class_names,
            origin=self._origin() | {"route": route},
        )

    def _saliency(
        self, encoded: Encoded, strip: FilmStrip, source: int, target: int
    ) -> tuple[dict[str, Tensor], tuple[float, float]]:
        """Three maps of what changes, and whether the second one adds up."""
        scale = self.health.scale
        path, completeness = path_integrated(self.study, strip.pictures, target, source)
        chart = self.pair_chart(source, target)
        sideways = chart.project(strip.z[-1:]) + torch.tensor(SIDEWAYS)
        mean, agreement = several(self, encoded, chart.lift(sideways, strip.z[-1]), scale)
        first_and_last = difference(strip.pictures[0], strip.pictures[-1], scale)
        return {"difference": first_and_last, "path": path, "several": mean, "agreement": agreement}, completeness

    # --- helpers -----------------------------------------------------------------------------------------------

    @cached_property
    def _layer(self) -> str | None:
        return evidence_layer(self.study)

    def _origin(self) -> dict[str, Any]:
        return artifact.provenance(method="CAE", model=self.study.fingerprint, **asdict(self.settings))

    def __repr__(self) -> str:
        state = "not fitted" if self._networks is None else f"{self.settings.dimensions}-D code"
        return f"CAE({self.study.name!r}, {state}{', as published' if self.settings.paper else ''})"

    # --- saving ------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, dtype: torch.dtype = torch.float32) -> Path:
        """Write the fitted CAE to one file; with `dtype` torch.float16 encoder and decoder take half of the room."""
        networks = {
            name: value.to(dtype) if value.dim() > 1 and not name.startswith(PRECISE) else value
            for name, value in self._model.state_dict().items()
        }
        tensors = {f"networks/{name}": value for name, value in networks.items()}
        tensors |= {f"map/{name}": value for name, value in self._map.items()}
        return artifact.save(path, "cae", tensors, self._origin() | {"health": asdict(self.health)})

    @classmethod
    def load(cls, path: str | Path, study: Study) -> CAE:
        """Read what `save` wrote, for the same classifier.

        Raises
        ------
        ArtifactError
            If the file is damaged, foreign, newer, or made from another model.
        """
        tensors, details = artifact.load(path, "cae")
        artifact.require_same_model(details, study.fingerprint, path)
        try:
            made = cls.__new__(cls)
            plain = {name: details[name] for name in ("dimensions", "channels", "width", "pictures", "paper")}
            made._set_up(study, Settings(recipe=Recipe.restored(details["recipe"]), **plain))
            made._health = Health(**details["health"])
            made._map = artifact.group(tensors, "map")
            made._networks = restored(study, made.settings, artifact.group(tensors, "networks"))
        except (KeyError, TypeError, RuntimeError) as error:
            raise ArtifactError(f"{path} does not hold what its description says ({error}); fit again") from error
        return made
