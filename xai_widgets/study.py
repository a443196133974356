"""Study: one classifier, its classes and its pictures.

Every method works on pictures in [0, 1]; the classifier's normalisation is applied here, and nowhere else. The
classifier is borrowed: see `xai_widgets.borrowing`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from xai_widgets import artifact, limits, normalisations
from xai_widgets import layers as _layers
from xai_widgets import pictures as _pictures
from xai_widgets.borrowing import borrowed
from xai_widgets.class_names import checked_names, names_like
from xai_widgets.errors import LayerError, PictureError
from xai_widgets.labels import Labels
from xai_widgets.layers import Layer
from xai_widgets.pictures import PictureSet
from xai_widgets.pool import Pool
from xai_widgets.probing import listed
from xai_widgets.progress import Progress
from xai_widgets.relabelling import Labeller, own_names

_LOG = logging.getLogger(__name__)


class Sources(NamedTuple):
    """The pictures of a study as they were given, and the seed that sets some of them aside."""

    images: PictureSet
    test: PictureSet | None
    seed: int


class Study:
    """A classifier with the pictures it is studied on.

    Parameters
    ----------
    model
        Any module that maps pictures ``(N, C, H, W)`` to logits ``(N, K)``. Never changed.
    images
        Pictures to fit explainers on (see `PictureSet`).
    test
        Pictures that no explainer is fitted on. Without them, a fifth of `images` is set aside.
    class_names
        One name for each logit, all different. Default: those of `images` if their number fits, else "class 0",
        "class 1", ...
    labels
        Which of the model's classes the pictures' own classes are, such as ``{"ants": "ant", "bees": 309}``, by name or
        number; for those that names do not tell (see `match <xai_widgets.labels.match>`). ``repr`` says what was found.
        Pictures of other classes have the label -1: their true class is not known.
    mean, std
        Per-channel normalisation ``(x - mean) / std`` that the model expects; default none.
    name
        Shown as a title.
    batch_size
        Most pictures that pass through the model at once.
    seed
        Decides which pictures are set aside.

    Attributes
    ----------
    train, test
        Pictures for fitting, and unseen ones; their labels are numbers of logits, or -1.
    labels
        ``labels=``, with numbers of logits.
    matched
        Which logits the pictures' own classes were found to be (see `Matched`), of each set with names of classes.
    explainers
        Explainers that were fitted for this study, by key; widgets look here before they fit anything.
    remarks
        What makes all explanations worth less, if something is known; see `check_normalisation`.
    sources
        `images`, `test` and `seed`, as they were given to the constructor.
    mean, std
        The normalisation, as tensors ``(C, 1, 1)``.

    Raises
    ------
    PictureError
        If there are no pictures, or the model does not turn them into logits.
    """

    def __init__(
        self,
        model: nn.Module,
        images: PictureSet,
        *,
        test: PictureSet | None = None,
        class_names: Sequence[str] | None = None,
        labels: Labels | None = None,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        name: str = "",
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        _pictures.require_set(images)
        if len(images) < 2:
            raise PictureError(f"a study needs at least two pictures, and got {len(images)}")
        self.model = model
        self.name = name or type(model).__name__
        self.batch_size, seed = limits.BATCH("batch_size", batch_size), limits.SEED("seed", seed)
        self.explainers: dict[str, Any] = {}
        self.sources = Sources(images, test, seed)
        self.shape: tuple[int, int, int] = _pictures.picture_shape(images)
        if test is not None:
            _pictures.require_unseen(test, self.shape)
        self.mean, self.std = normalisation(mean, std, self.shape[0])
        self.classes = self._count_classes()
        given = names_like(own_names(images), self.classes) if class_names is None else class_names
        self.class_names = checked_names(given, self.classes)
        labeller = Labeller(self.class_names, labels)
        self.labels = labeller.given
        self.train, self.test = labeller.parts(images, test, seed)
        self.matched = tuple(labeller.matched)
        self.remarks: tuple[str, ...] = ()
        self._normalisation_checked = False

    @classmethod
    def torchvision(
        cls, architecture: str, images: PictureSet, *, weights: str | None = "DEFAULT", **options: Any
    ) -> Study:
        """A torchvision classifier with its published weights, class names and normalisation.

        Parameters
        ----------
        architecture
            A name that torchvision knows, such as "resnet18".
        images, options
            As for `Study`.
        weights
            "DEFAULT", a named set of weights, or None for random ones. Anything but None is fetched at first use.
        """
        from torchvision.models import get_model, get_model_weights  # noqa: PLC0415  (slow to import)

        if weights is None:
            return cls(get_model(architecture, weights=None, **_quiet_init(architecture)), images, **options)
        chosen = get_model_weights(architecture)[weights]
        transform = chosen.transforms()
        defaults = {
            "class_names": chosen.meta["categories"],
            "mean": transform.mean,
            "std": transform.std,
            "name": architecture,
        }
        return cls(get_model(architecture, weights=chosen), images, **(defaults | options))

    # --- pictures ----------------------------------------------------------------------------------------------

    load = staticmethod(_pictures.load)
    draw = staticmethod(_pictures.draw)

    def check(self, pictures: Tensor) -> Tensor:
        """The pictures as a batch of floats, or a `PictureError` that says what is wrong with them."""
        if not isinstance(pictures, Tensor):
            raise PictureError(
                f"pictures must be a tensor (N, {self.shape[0]}, H, W), and these are {type(pictures).__name__}"
            )
        batch = pictures.unsqueeze(0) if pictures.dim() == 3 else pictures
        if batch.dim() != 4 or batch.shape[1] != self.shape[0]:
            raise PictureError(
                f"pictures must have shape (N, {self.shape[0]}, H, W) for this model, and these have "
                f"{tuple(pictures.shape)}"
            )
        if not batch.is_floating_point():
            raise PictureError(f"pictures must be floats in [0, 1], and these are {batch.dtype}: divide by 255")
        if not torch.isfinite(batch).all():
            broken = [int(i) for i in (~torch.isfinite(batch)).flatten(1).any(1).nonzero().flatten()]
            raise PictureError(f"pictures {broken[:5]} hold NaN or infinite values")
        if batch.numel() and (batch.min() < -1e-3 or batch.max() > 1 + 1e-3):
            raise PictureError(
                f"pictures must lie in [0, 1], and these span {batch.min():.3g} to {batch.max():.3g}; give the "
                "normalisation to the study (mean=, std=) instead of applying it"
            )
        return batch

    def batch(self, pictures: Tensor) -> Tensor:
        """As `check`, and at least one picture of the study's own shape: decoders draw no other shape."""
        batch = self.check(pictures)
        if not len(batch) or batch.shape[1:] != self.shape:
            raise PictureError(
                f"pictures must have shape (N, {', '.join(map(str, self.shape))}) with N at least 1, and these have "
                f"{tuple(pictures.shape)}"
            )
        return batch

    # --- the classifier ----------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return next((tensor.device for tensor in self._tensors()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The model's floating-point type."""
        return next((tensor.dtype for tensor in self._tensors() if tensor.is_floating_point()), torch.float32)

    def _tensors(self) -> list[Tensor]:
        return [*self.model.parameters(), *self.model.buffers()]

    def borrowed(self) -> AbstractContextManager[None]:
        """Context in which the model is in evaluation mode and without parameter gradients."""
        return borrowed(self.model)

    def normalise(self, pictures: Tensor) -> Tensor:
        """Pictures in [0, 1] as the model expects them: normalised, on its device, of its type; differentiable."""
        moved = pictures.to(self.device)
        return ((moved - self.mean.to(moved.device)) / self.std.to(moved.device)).to(self.dtype)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits ``(N, K)`` of one batch, differentiable with respect to it; call it inside `borrowed`."""
        output = _layers.logits_of(self.model(self.normalise(pictures)))
        if output is None or output.dim() != 2:
            shape = None if output is None else tuple(output.shape)
            raise PictureError(f"the model must turn pictures into logits (N, K), and gave {shape}")
        return output.float()

    def logits(self, pictures: Tensor) -> Tensor:
        """Logits ``(N, K)`` on the CPU, in batches, without gradients."""
        return self._batched(self.forward, pictures)

    def predict(self, pictures: Tensor) -> Tensor:
        """Probabilities ``(N, K)`` on the CPU; each row sums to 1."""
        return self.logits(pictures).softmax(1)

    def layers(self) -> tuple[Layer, ...]:
        """All layers in the order in which they are run, with shapes and layouts from two dry runs."""
        return self._traced

    def blocks(self) -> tuple[Layer, ...]:
        """The few layers worth drawing: the network's own blocks, in order."""
        return _layers.blocks(self.model, self._traced)

    def layer(self, name: str) -> Layer:
        """The layer of that name; a `LayerError` with the closest names if there is none."""
        name, known = limits.Of((str,))("layer", name), {layer.name: layer for layer in self._traced}
        if name and name not in known and name in dict(self.model.named_modules()):
            raise LayerError(
                f"layer {name!r} exists, but is not run on these pictures, or gives no tensor with a row for each of "
                "them, or wraps the whole network; study.layers() lists those that can be used"
            )
        _layers.require_name(name, known)
        return known[name]

    def record(self, pictures: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """Activations of several layers for one batch, on the model's device; call it inside `borrowed`."""
        return _layers.record(self.model, lambda: self.model(self.normalise(pictures)), names)

    def forward_and_record(self, pictures: Tensor, names: Collection[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """`forward` and `record` in one pass; differentiable; call it inside `borrowed`."""
        return _layers.run_and_record(self.model, lambda: self.forward(pictures), names)

    def forward_replacing(self, pictures: Tensor, layer: str, replace: Callable[[Tensor], Tensor]) -> Tensor:
        """`forward` with a layer's output passed through `replace`; call it inside `borrowed`."""
        return _layers.run_replacing(self.model, lambda: self.forward(pictures), layer, replace)

    def codes(self, pictures: Tensor, layer: str) -> Tensor:
        """`activations` as maps ``(N, C, H', W')`` or vectors ``(N, C)``; tokens of no place are left out."""
        return self.layer(layer).code(self.activations(pictures, layer))

    def activations(self, pictures: Tensor, layer: str) -> Tensor:
        """A layer's output ``(N, ...)`` as floats on the CPU, in batches, without gradients."""
        self.layer(layer)
        return self._batched(lambda batch: self.record(batch, [layer])[layer].float(), pictures)

    @property
    def fingerprint(self) -> str:
        """A hash of the model's weights and normalisation, which tells whether a saved file belongs to it."""
        return fingerprint(self.model, self.mean, self.std)

    @cached_property
    def pool(self) -> Pool:
        """Unseen pictures to choose from, loaded once for all widgets."""
        return Pool.unseen(self)

    def check_normalisation(self, progress: Progress | None = None) -> str:
        """A sentence that names a normalisation with which the model does clearly better; empty if there is none.

        A few common ones are tried on at most 256 labelled pictures, once: when it is called first, which every
        explainer's `fit` does; `progress` may stop it. What is found is also logged, and in ``remarks`` and ``repr``.
        """
        if not self._normalisation_checked:
            if found := normalisations.remark(self, (progress or Progress()).check):
                self.remarks = (*self.remarks, found)
                _LOG.warning("%s: %s", self.name, found)
            self._normalisation_checked = True
        return " ".join(self.remarks)

    @cached_property
    def _traced(self) -> tuple[Layer, ...]:
        with self.borrowed(), torch.no_grad():
            return listed(self.model, lambda pictures: self.model(self.normalise(pictures)), self.shape)

    def _batched(self, run: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        batches = self.check(pictures).split(self.batch_size)
        with self.borrowed(), torch.no_grad():
            return torch.cat([run(batch).cpu() for batch in batches])

    def _count_classes(self) -> int:
        try:
            classes = self.logits(torch.zeros(1, *self.shape)).shape[1]
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise PictureError(f"the model fails on a picture of shape {self.shape} from this set: {error}") from error
        if classes < 2:
            raise PictureError("the model gives one logit; give it two, (0, z), one for each of its two classes")
        return classes

    def __repr__(self) -> str:
        labels = " | ".join(dict.fromkeys(one.clause() for one in self.matched))
        return (
            f"Study({self.name!r}: {self.classes} classes, pictures {self.shape}, "
            f"{len(self.train)} to fit on, {len(self.test)} unseen{f'; labels: {labels}' if labels else ''}"
            f"{''.join(f'; {remark}' for remark in self.remarks)})"
        )


def normalisation(mean: Sequence[float], std: Sequence[float], channels: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation as tensors ``(C, 1, 1)``; one value, or one for each channel.

    Raises
    ------
    XaiWidgetsError
        If a value is not finite, or a deviation is not above 0.
    """
    rules = {"mean": (mean, limits.MEAN), "std": (std, limits.STD)}
    values = [limits.Several(rule, {1, channels})(name, given) for name, (given, rule) in rules.items()]
    first, second = (torch.tensor(each, dtype=torch.float32).view(-1, 1, 1) for each in values)
    return first, second


def fingerprint(model: nn.Module, mean: Tensor, std: Tensor) -> str:
    """See `Study.fingerprint`; of a model without pictures."""
    return artifact.fingerprint([*model.state_dict().items(), ("mean", mean), ("std", std)])


def _quiet_init(architecture: str) -> dict[str, bool]:
    """GoogLeNet and Inception warn about their slow default initialisation unless it is chosen by name."""
    return {"init_weights": True} if architecture in {"googlenet", "inception_v3"} else {}
