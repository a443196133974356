"""What is fitted for one layer: a decoder, the reference auto-encoder, and the constants of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets import limits
from xai_widgets.devices import sent
from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.limits import Choice, Of, settle
from xai_widgets.methods.cladec.decoder import ConditionalDecoder, PaperDecoder
from xai_widgets.methods.cladec.explanation import LayerReport
from xai_widgets.methods.cladec.large import LargeDecoder, PatchEncoder
from xai_widgets.methods.cladec.reference import ReferenceEncoder
from xai_widgets.recipe import Recipe
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

CROPS = 630
"""Crops of large pictures in an epoch; `python benchmarks/photos/cladec.py --sweep crops` tries others."""

MOST_WHITENED = 1024
"""Layers of more units are standardised unit by unit: the matrix would be too large."""


@dataclass(frozen=True)
class Settings:
    """How ClaDec is fitted.

    Attributes
    ----------
    reference
        "scratch": the auto-encoder starts from fresh weights; of large pictures, with the main components of tiles.
        "warm": it starts from the classifier's weights and the fitted decoder's, which is quicker and never ends worse
        than ClaDec on the pictures held out, but may keep the classifier's features and so understate what is lost.
        None: no auto-encoder.
    recipe, reference_recipe
        How the two are trained.
    width
        Channels of the decoder at the picture's side.
    pictures
        At most this many training pictures are used, drawn by the seed.
    paper
        The authors' architecture, loss and schedule for one fixed `alpha`; otherwise one decoder serves every alpha
        and every subset of units.
    alpha
        The fixed trade-off of the paper's loss.
    crops
        Crops in an epoch, where pictures are large (see `is_large`): however many photos they are cut from.
    perceptual
        Where pictures are large, how alike some of the classifier's layers must see them, against squared error; above
        0, they are sharper than the conditional mean, and more often called what the originals are. It counts in full
        down to an eighth of the resolution, and less for coarser layers (see `large_fit.witnesses`).
    """

    reference: Literal["scratch", "warm"] | None
    recipe: Recipe
    reference_recipe: Recipe
    width: int
    pictures: int
    paper: bool = False
    alpha: float = 0.0
    crops: int = CROPS
    perceptual: float = 0.0

    def __post_init__(self) -> None:
        settle(
            self,
            reference=Choice(("scratch", "warm", None)),
            recipe=Of((Recipe,)),
            reference_recipe=Of((Recipe,)),
            width=limits.WIDTH,
            pictures=limits.COUNT,
            paper=limits.switch,
            alpha=limits.SHARE,
            crops=limits.COUNT,
            perceptual=limits.WEIGHT,
        )

    def dial(self, alpha: float | None) -> float:
        """The trade-off to decode with, in [0, 1]; the paper preset has one only, and refuses another."""
        dial = self.alpha if alpha is None else limits.SHARE("alpha", alpha)
        if self.paper and dial != self.alpha:
            raise XaiWidgetsError(f"alpha is {alpha}, but the paper preset was fitted for {self.alpha} only")
        return dial

    @classmethod
    def restored(cls, details: Mapping[str, Any]) -> Self:
        """The settings that a saved file describes."""
        recipe, longer = (Recipe.restored(details[name]) for name in ("recipe", "reference_recipe"))
        plain = {name: details[name] for name in ("reference", "width", "pictures", "paper", "alpha")}
        plain |= {name: details[name] for name in ("crops", "perceptual") if name in details}  # older files have none
        return cls(recipe=recipe, reference_recipe=longer, **plain)


class FittedLayer(nn.Module):
    """Decoder, reference and constants of one layer."""

    code_mean: Tensor
    whitening: Tensor
    mean_picture: Tensor

    def __init__(self, study: Study, layer: str, code: tuple[int, ...], settings: Settings) -> None:
        super().__init__()
        self.layer = layer
        self.code = code
        self.conditional = not settings.paper
        self.register_buffer("code_mean", torch.zeros(code[0]))
        self.register_buffer("whitening", torch.eye(code[0]) if code[0] <= MOST_WHITENED else torch.ones(code[0]))
        self.register_buffer("mean_picture", torch.zeros(study.shape))
        self.decoder = self._new_decoder(study, settings)
        self.encoder = self._new_encoder(study, settings)
        # A warm start continues with ClaDec's scale of codes, and main components have one; other encoders need theirs.
        started = isinstance(self.encoder, PatchEncoder) and self.encoder.linear is not None
        fresh = settings.reference == "scratch" and self.conditional and not started
        self.reference_scale = _UnitScale(code[0], affine=False) if fresh else None
        self.reference_decoder = self._new_decoder(study, settings) if settings.reference else None
        self.report: LayerReport | None = None
        self.to(study.device).to(memory_format=torch.channels_last)  # a third faster on a CPU

    def _new_decoder(self, study: Study, settings: Settings) -> nn.Module:
        if settings.paper:
            return PaperDecoder(self.code, study.shape)
        kind = LargeDecoder if is_large(study.shape) else ConditionalDecoder
        return kind(self.code, study.shape, settings.width)

    def _new_encoder(self, study: Study, settings: Settings) -> ReferenceEncoder | PatchEncoder | None:
        if settings.reference is None:
            return None
        if settings.reference == "scratch" and is_large(study.shape) and not settings.paper:
            return PatchEncoder(self.code, study.shape, settings.width)
        return ReferenceEncoder(study, self.layer, warm=settings.reference == "warm")

    def mask(self, units: Sequence[int] | None) -> Tensor:
        """1 where a decoder may see a unit, 0 elsewhere, ``(C,)``; None for all, as the paper preset needs."""
        count = self.code[0]
        if units is None:
            return torch.ones(count)
        if not self.conditional:
            raise LayerError("the paper preset decodes all units only; subsets need the default preset")
        seen = limits.Several(limits.Whole(-limits.MOST, error=LayerError), error=LayerError)("units", units)
        if wrong := [unit for unit in seen if not 0 <= unit < count]:
            raise LayerError(f"layer {self.layer!r} has units 0 to {count - 1}, but not {wrong[:5]}")
        return torch.zeros(count).index_fill_(0, torch.tensor(seen, dtype=torch.long), 1.0)

    def from_code(self, code: Tensor, shown: Tensor, alpha: float = 0.0) -> tuple[Tensor, Tensor]:
        """ClaDec's pictures of raw codes, seeing the units where `shown` ``(C,)`` is 1, and their deviation."""
        dial, mask = torch.full((len(code),), alpha, device=code.device), sent(shown, code.device).expand(len(code), -1)
        picture, log_variance = self.cladec(code, mask, dial)
        return picture, (log_variance / 2).exp()[:, 0]

    def from_pictures(self, pictures: Tensor, shown: Tensor) -> Tensor:
        """The reference's pictures of pictures, its decoder seeing the units where `shown` ``(C,)`` is 1."""
        return self.reference(pictures, sent(shown, self.code_mean.device).expand(len(pictures), -1))[0]

    def idle(self) -> set[str]:
        """Names in the state of what no picture depends on, which need not be saved."""
        return set() if self.encoder is None else {f"encoder.{key}" for key in self.encoder.idle()}

    def standard(self, code: Tensor, shown: Tensor) -> Tensor:
        """Raw codes centred, hidden units at zero, and whitened over the units."""
        centred = (code - _each(self.code_mean[None], code)) * _each(shown, code)
        if self.whitening.dim() == 1:
            return centred * _each(self.whitening[None], code)
        return torch.einsum("nc...,cd->nd...", centred, self.whitening)

    def cladec(self, code: Tensor, shown: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """ClaDec's mean picture and log variance from raw codes; `shown` is ``(N, C)``, `alpha` ``(N,)``."""
        return self._decode(self.decoder, self.standard(code, shown) if self.conditional else code, shown, alpha)

    def reference(self, pictures: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
        """The reference's mean picture and log variance from pictures."""
        if self.encoder is None or self.reference_decoder is None:
            raise NotFittedError(f"layer {self.layer!r} was fitted without a reference")
        code = self.encoder(pictures)
        if self.reference_scale is not None:
            code = self.reference_scale(code) * _each(shown, code)
        elif isinstance(self.encoder, PatchEncoder):
            code = code * _each(shown, code)
        elif self.conditional:
            code = self.standard(code, shown)
        return self._decode(self.reference_decoder, code, shown, torch.zeros(len(code), device=code.device))

    def _decode(self, decoder: nn.Module, code: Tensor, shown: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        if not self.conditional:
            picture = decoder(code)
            return picture, torch.full_like(picture[:, :1], -torch.inf)
        mean, log_variance = decoder(code, shown, alpha, self.mean_picture)
        return mean, log_variance


def _each(units: Tensor, code: Tensor) -> Tensor:
    """Numbers ``(N, C)``, one for each unit, so that they apply to every place of a code."""
    return units.view(*units.shape, *(1,) * (code.dim() - 2))


class _UnitScale(nn.BatchNorm1d):
    """Units scaled to variance 1, without parameters, for codes of any form; a lone value is scaled as in use."""

    def forward(self, code: Tensor) -> Tensor:
        learning = self.training and code.numel() > code.shape[1]
        return F.batch_norm(code, self.running_mean, self.running_var, training=learning)
