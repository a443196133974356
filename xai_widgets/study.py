"""Study: one classifier, its classes and its pictures.

Every method works on pictures in [0, 1]; the classifier's normalisation is applied here, and nowhere else. The
classifier is borrowed: see `xai_widgets.borrowing`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from xai_widgets import artifact, devices, inputs, limits, modes, normalisations, outputs
from xai_widgets import layers as _layers
from xai_widgets import pictures as _pictures
from xai_widgets.borrowing import Loans, stand_in
from xai_widgets.class_names import checked_names, names_like
from xai_widgets.errors import NO_LAYERS, LayerError, PictureError, XaiWidgetsError
from xai_widgets.labels import Labels
from xai_widgets.layers import Layer
from xai_widgets.names import Target
from xai_widgets.outputs import Reading
from xai_widgets.pictures import PictureSet
from xai_widgets.pool import Guest, Pool
from xai_widgets.probabilities import Scores
from xai_widgets.probing import listed
from xai_widgets.progress import Progress
from xai_widgets.published import of_torchvision
from xai_widgets.relabelling import Labeller, own_names

_LOG = logging.getLogger(__name__)


class Sources(NamedTuple):
    """The pictures of a study as they were given, and the seed that sets some of them aside."""

    images: PictureSet
    test: PictureSet | None
    seed: int


@modes.unmoved
class Study:
    """A classifier with the pictures it is studied on.

    Parameters
    ----------
    model
        Any module that maps pictures ``(N, C, H, W)`` to logits ``(N, K)``, or to one logit each. Never changed.
    images
        Pictures to fit explainers on (see `PictureSet`).
    test
        Pictures that no explainer is fitted on. Without them, those that come with `images` (of ``val`` in a
        folder), else a fifth of `images`.
    class_names
        One name for each logit, all different; of a single logit, one name or two. Default: those of `images` if their
        number fits, else "class 0", "class 1", ...
    labels
        Which of the model's classes the pictures' own classes are, such as ``{"ants": "ant", "bees": 309}``, by name or
        number; for those that names do not tell (see `match <xai_widgets.labels.match>`). ``repr`` says what was found.
        Pictures of other classes have the label -1: their true class is not known.
    mean, std
        Per-channel normalisation ``(x - mean) / std`` that the model expects; default none.
    scores
        How logits become probabilities: "softmax" where one class is true of a picture, "sigmoid" where each class has
        a probability of its own (multi-label). Default: softmax, unless the model ends in sigmoids, or Hugging Face's
        configuration says that it is multi-label.
    name
        Shown as a title.
    batch_size
        Most pictures that pass through the model at once; default: 64, of photos fewer, for the memory.
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
    guests
        Pictures that were added in a widget, by an index beyond those of `test`; nothing is fitted or measured on them.
    sources
        `images`, `test` and `seed`, as they were given to the constructor.
    mean, std
        The normalisation, as tensors ``(C, 1, 1)``.

    Raises a `PictureError` if there are no pictures, or the model does not turn them into logits.
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
        scores: str | None = None,
        name: str = "",
        batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        _pictures.require_set(images, 2)
        if test is not None:
            _pictures.require_set(test)
        self.model, self._loans = model, Loans()
        self.name = name or type(model).__name__
        given, seed = limits.OrNone(limits.BATCH)("batch_size", batch_size), limits.SEED("seed", seed)
        self.explainers: dict[str, Any] = {}
        self.sources = Sources(images, test, seed)
        self.shape: tuple[int, int, int] = _pictures.shared_shape(images, test)
        self.batch_size: int = given or inputs.usual_batch(self.shape)
        self.mean, self.std = inputs.normalisation(mean, std, self.shape[0])
        if self.device.type == "meta":
            raise PictureError("the model is on the device 'meta', which has no weights; load them first")
        with self.borrowed():
            self.reading = Reading.of(self.network, self._run, self.shape, scores)
        if self.reading.random:
            warnings.warn(outputs.RANDOM, stacklevel=3)
        self.classes = self.reading.classes
        names = names_like(own_names(images), self.classes) if class_names is None else self.reading.names(class_names)
        self.class_names = checked_names(names, self.classes)
        labeller = Labeller(self.class_names, labels)
        self.labels = labeller.given
        self.train, self.test = labeller.parts(images, test, seed)
        self.matched = tuple(labeller.matched)
        self.remarks: tuple[str, ...] = ()
        self.guests: dict[int, Guest] = {}
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
        model, defaults = of_torchvision(architecture, weights)
        return cls(model, images, **(defaults | options))

    _lender: Study | None = None

    @property
    def owner(self) -> Study:
        """The study that explainers are kept for, which of a copy with other pictures is the one that was copied."""
        return self._lender or self

    # --- pictures ----------------------------------------------------------------------------------------------

    load = staticmethod(_pictures.load)
    draw = staticmethod(_pictures.draw)

    def check(self, pictures: Tensor) -> Tensor:
        """The pictures as a batch in single precision, or a `PictureError` that says what is wrong with them."""
        return _pictures.checked(pictures, self.shape[0])

    def batch(self, pictures: Tensor) -> Tensor:
        """As `check`, and at least one picture of the study's own shape: decoders draw no other shape."""
        batch = self.check(pictures)
        if not len(batch) or batch.shape[1:] != self.shape:
            raise PictureError(
                f"pictures must have shape (N, {', '.join(map(str, self.shape))}) with N at least 1, but these have "
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

    def _tensors(self) -> Iterator[Tensor]:
        return chain(self.model.parameters(), self.model.buffers())

    def borrowed(self) -> AbstractContextManager[None]:
        """Context in which `network` can be run; nested ones share it."""
        return self._loans.borrowed(self.model)

    @property
    def network(self) -> nn.Module:
        """The model's stand-in, in evaluation mode and without gradients of parameters; only inside `borrowed`."""
        network = self._loans.network
        if network is None:
            raise XaiWidgetsError("the network can only be run inside `with study.borrowed():`")
        return network

    def normalise(self, pictures: Tensor) -> Tensor:
        """Pictures in [0, 1] as the model expects them: of its channels, device and type; differentiable."""
        return self._normalised(inputs.of_channels(pictures, self.reading.channels))

    def run(self, pictures: Tensor) -> object:
        """What the model gives for pictures in [0, 1]; call it inside `borrowed`."""
        return self._run(inputs.of_channels(pictures, self.reading.channels))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits ``(N, K)`` of one batch, differentiable with respect to it; call it inside `borrowed`."""
        return self.reading.logits(self.run(pictures), pictures)

    def logits(self, pictures: Tensor) -> Tensor:
        """Logits ``(N, K)`` on the CPU, in batches, without gradients."""
        return self._batched(self.forward, pictures)

    def predict(self, pictures: Tensor) -> Tensor:
        """Probabilities ``(N, K)`` on the CPU; each row sums to 1, unless the study is multi-label (`scores`)."""
        return self.scores.probabilities(self.logits(pictures))

    @property
    def scores(self) -> Scores:
        """How logits become probabilities."""
        return self.reading.scores

    def class_index(self, target: Target) -> int:
        """The number of a class by number or name, or an `XaiWidgetsError` where it cannot be explained."""
        return self.reading.class_index(self.class_names, target)

    def layers(self) -> tuple[Layer, ...]:
        """All layers in the order in which they are run, with shapes and layouts from two dry runs."""
        return self._traced[0]

    def blocks(self) -> tuple[Layer, ...]:
        """The few layers worth drawing: the network's own blocks, in order."""
        return self._traced[1]

    def layer(self, name: str) -> Layer:
        """The layer of that name; a `LayerError` with the closest names if there is none."""
        name, known = limits.Of((str,))("layer", name), {layer.name: layer for layer in self.layers()}
        if not known:
            raise LayerError(NO_LAYERS)
        if name and name not in known and name in self._modules():
            raise LayerError(
                f"layer {name!r} exists, but does not run on these pictures, or gives no tensor with a row for each of "
                "them, or wraps the whole network; study.layers() lists those that can be used"
            )
        _layers.require_name(name, known)
        return known[name]

    def record(self, pictures: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """Activations of several layers for one batch, on the model's device; call it inside `borrowed`."""
        return modes.single(_layers.record(self.network, lambda: self.run(pictures), names))

    def forward_and_record(self, pictures: Tensor, names: Collection[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """`forward` and `record` in one pass; differentiable; call it inside `borrowed`."""
        logits, found = _layers.run_and_record(self.network, lambda: self.forward(pictures), names)
        return logits, modes.single(found)

    def forward_replacing(self, pictures: Tensor, layer: str, replace: Callable[[Tensor], Tensor]) -> Tensor:
        """`forward` with a layer's output passed through `replace`; call it inside `borrowed`."""

        def replaced(activation: Tensor) -> Tensor:
            return replace(modes.single({layer: activation})[layer]).to(activation.dtype)

        return _layers.run_replacing(self.network, lambda: self.forward(pictures), layer, replaced)

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
    def _traced(self) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
        with self.borrowed(), torch.no_grad():
            layers = listed(self.network, self.run, self.shape)
            return layers, _layers.blocks(self.network, layers)

    def _modules(self) -> dict[str, nn.Module]:
        with self.borrowed():
            return _layers.modules_of(self.network)

    def _batched(self, run: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        batches = self.check(pictures).split(self.batch_size)
        with self.borrowed(), torch.no_grad():
            return torch.cat([run(batch).cpu() for batch in batches])

    def _normalised(self, pictures: Tensor) -> Tensor:
        return inputs.normalised(devices.sent(pictures, self.device), self.mean, self.std).to(self.dtype)

    def _run(self, pictures: Tensor) -> object:
        with modes.of_user():
            return self.network(self._normalised(pictures))

    def __repr__(self) -> str:
        labels = " | ".join(dict.fromkeys(one.clause() for one in self.matched))
        said = [*self.reading.said, *([f"labels: {labels}"] if labels else []), *self.remarks]
        return (
            f"Study({self.name!r}: {self.classes} classes, pictures {self.shape}, "
            f"{len(self.train)} to fit on, {len(self.test)} unseen{''.join(f'; {one}' for one in said)})"
        )


def fingerprint(model: nn.Module, mean: Tensor, std: Tensor) -> str:
    """See `Study.fingerprint`; of a model without pictures."""
    return artifact.fingerprint([*stand_in(model).state_dict().items(), ("mean", mean), ("std", std)])
