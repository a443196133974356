"""What is fitted for one layer: a decoder, the reference auto-encoder, and the constants of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.cladec_explanation import LayerReport
from xai_widgets.methods.decoder import ConditionalDecoder, PaperDecoder
from xai_widgets.methods.reference import ReferenceEncoder
from xai_widgets.study import Study
from xai_widgets.training import Recipe

MOST_WHITENED = 1024
"""Layers of more units are standardised unit by unit: the matrix would be too large."""


@dataclass(frozen=True)
class Settings:
    """How ClaDec is fitted.

    Attributes
    ----------
    reference
        "scratch": the auto-encoder starts from fresh weights. "warm": from the classifier's and the fitted decoder's,
        which is quicker and never ends worse than ClaDec on the pictures held out, but may keep the classifier's
        features and so understate what is lost. None: no auto-encoder.
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
    """

    reference: Literal["scratch", "warm"] | None
    recipe: Recipe
    reference_recipe: Recipe
    width: int
    pictures: int
    paper: bool = False
    alpha: float = 0.0

    def __post_init__(self) -> None:
        if self.reference not in ("scratch", "warm", None):
            raise XaiWidgetsError(f"reference is {self.reference!r}; choose 'scratch', 'warm' or None")
        if not 0 <= self.alpha <= 1:
            raise XaiWidgetsError(f"alpha is {self.alpha}, but must lie in [0, 1]")


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
        self.encoder = ReferenceEncoder(study, layer, warm=settings.reference == "warm") if settings.reference else None
        self.reference_decoder = self._new_decoder(study, settings) if settings.reference else None
        self.report: LayerReport | None = None
        self.to(study.device).to(memory_format=torch.channels_last)  # a third faster on a CPU

    def _new_decoder(self, study: Study, settings: Settings) -> nn.Module:
        if settings.paper:
            return PaperDecoder(self.code, study.shape)
        return ConditionalDecoder(self.code, study.shape, settings.width)

    def from_code(self, code: Tensor, shown: Tensor, alpha: float = 0.0) -> tuple[Tensor, Tensor]:
        """ClaDec's pictures of raw codes, seeing the units where `shown` ``(C,)`` is 1, and their deviation."""
        dial, mask = torch.full((len(code),), alpha, device=code.device), shown.to(code.device).expand(len(code), -1)
        picture, log_variance = self.decode(self.decoder, code, mask, dial)
        return picture, (log_variance / 2).exp()[:, 0]

    def from_pictures(self, pictures: Tensor, shown: Tensor) -> Tensor:
        """The reference's pictures of pictures, its decoder seeing the units where `shown` ``(C,)`` is 1."""
        if self.encoder is None or self.reference_decoder is None:
            raise NotFittedError(f"layer {self.layer!r} was fitted without a reference")
        code = self.encoder(pictures)
        never, mask = torch.zeros(len(code), device=code.device), shown.to(code.device).expand(len(code), -1)
        return self.decode(self.reference_decoder, code, mask, never)[0]

    def standard(self, code: Tensor, shown: Tensor) -> Tensor:
        """Raw codes centred, hidden units at zero, and whitened over the units."""
        each_place = (1,) * (code.dim() - 2)
        centred = (code - self.code_mean.view(1, -1, *each_place)) * shown.view(*shown.shape, *each_place)
        if self.whitening.dim() == 1:
            return centred * self.whitening.view(1, -1, *each_place)
        return torch.einsum("nc...,cd->nd...", centred, self.whitening)

    def decode(self, decoder: nn.Module, code: Tensor, shown: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Mean picture and log variance from raw codes."""
        if not self.conditional:
            picture = decoder(code)
            return picture, torch.full_like(picture[:, :1], -torch.inf)
        mean, log_variance = decoder(self.standard(code, shown), shown, alpha, self.mean_picture)
        return mean, log_variance
