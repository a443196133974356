"""How a layer is fitted for large pictures: on crops of photos that are changed and read anew in every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.layers import Layer
from xai_widgets.methods.cladec.coarse import small_recipe
from xai_widgets.methods.cladec.components import start_at_components
from xai_widgets.methods.cladec.crops import PER_PHOTO, crops_of, draw_crops, draw_photos, draw_pixels
from xai_widgets.methods.cladec.fit import LayerFit, _likelihood, _some_units, part_of
from xai_widgets.methods.cladec.information import FLOOR
from xai_widgets.methods.cladec.large import CROP, LargeDecoder, PatchEncoder
from xai_widgets.methods.cladec.layer import FittedLayer
from xai_widgets.methods.common.codes import read_codes
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study
from xai_widgets.together import Part
from xai_widgets.training import Step

COLOUR = 0.5
"""Weight of the squared error of colour, pixel by pixel and again of tiles, each against colour's own variance.

Any such weights leave the best answer at the conditional mean; but colour is a small part of the squared error of
photos, and is learnt late without them. `python benchmarks/photos/cladec.py --sweep colour` tries others."""

WITNESSED, LATER = (4, 8), 16
"""By how much smaller than the picture the maps of witnesses are, and those of one that comes after a close layer."""

WITNESSES_SEE = 3
"""They see every third crop only, since that costs as much as decoding."""

SETTLED = 0.6
"""Share of the epochs after which batches are normalised as they will be in use, by averages of those before.

A step has few photos: what they have in common, such as a colour, is hidden where they are normalised by their own."""

TILE = 8
"""Side of the tiles, in pixels."""


class LargeFit(LayerFit):
    """As `LayerFit`, for pictures that are large."""

    most_held_out = 32

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        colour = _colour(self.seen.picture(slice(0, self.some)))
        self.colour_variance = float(colour.square().mean().clamp_min(FLOOR))
        close = _closeness(self.study.layer(self.layer).places, self.study.shape)
        self.perceptual = self.settings.perceptual * close
        self.witnesses = witnesses(self.study, self.layer) if self.perceptual else []
        self.each = PER_PHOTO if close == 1 else PER_PHOTO // 2

    def _new(self) -> FittedLayer:
        fitted = super()._new()
        if isinstance(fitted.encoder, PatchEncoder):
            start_at_components(fitted.encoder, self.seen, self.count)
        return fitted

    @property
    def examples(self) -> int:
        """Crops of an epoch."""
        return self.settings.crops

    def _train_decoder(self) -> int:
        """Small pictures first, as far as there are any; that part stays as it is when the rest is trained."""
        if (coarse := self._decoder.coarse) is not None:
            recipe = small_recipe(self.settings.recipe, self.fitted.code)
            self._train(coarse, self._small_loss, recipe, "small pictures")
            coarse.requires_grad_(requires_grad=False)
        return super()._train_decoder()

    @property
    def _decoder(self) -> LargeDecoder:
        return cast("LargeDecoder", self.fitted.decoder)  # large pictures have no other

    def _small_loss(self, indices: Tensor, step: Step | None) -> Tensor:
        """As the loss of crops, of whole photos that are small."""
        part = part_of(len(indices), step)
        shown = torch.ones(len(indices), self.fitted.code[0])
        if step is not None:
            indices = torch.randint(self.count, (len(indices),), generator=step.generator)
            shown = _some_units(len(indices), self.fitted.code[0], step.generator)
        indices, shown = part.of(indices), self._sent(part.of(shown))
        code = self.fitted.standard(self.seen.code(self.layer, indices), shown)
        small = self._decoder.small(code, shown, self.fitted.mean_picture)
        wanted = F.interpolate(self.seen.picture(indices), small.shape[2:], mode="area")
        return part.mean(self._squared(small - wanted))

    def _cladec_loss(self, indices: Tensor, step: Step | None) -> Tensor:
        if step is None:
            return super()._cladec_loss(indices, None)
        _settle(self.fitted.decoder, step, self.settings.recipe)
        if self._decoder.coarse is not None:
            self._decoder.coarse.eval()
        count, group = len(indices), step.group
        part = crops_of(count, self.study.layer(self.layer).places, group, self.each)
        crops = draw_crops(self.seen, self.layer, self.count, count, step.generator, group, self.each)
        shown = self._shown(part, step)
        picture, log_variance = self.fitted.cladec(crops.codes, shown, torch.zeros_like(shown[:, 0]))
        loss = part.mean(self._crop_loss(crops.pictures, picture, log_variance))
        if self.witnesses:
            every = WITNESSES_SEE if part.count == 1 or part.size >= WITNESSES_SEE * part.count else 1
            some = slice(-part.start % every, None, every)
            seen = self._seen_alike(crops.pictures[some], picture[some], part.every(every))
            loss = loss + self.perceptual * seen
        return loss

    def _reference_loss(self, indices: Tensor, step: Step | None) -> Tensor:
        if step is None:
            return super()._reference_loss(indices, None)
        _settle(self.fitted, step, self.settings.reference_recipe)
        wanted, part = self._reference_pictures(len(indices), step)
        picture, log_variance = self.fitted.reference(wanted, self._shown(part, step))
        return part.mean(self._crop_loss(wanted, picture, log_variance))

    def _reference_pictures(self, count: int, step: Step) -> tuple[Tensor, Part]:
        """Crops for a convolutional encoder; whole photos for a copy of the classifier, which may take no others.

        The classifier need not read them, so that each is of another photo.
        """
        if isinstance(self.fitted.encoder, PatchEncoder):
            grid = self.study.layer(self.layer).places
            pixels = draw_pixels(self.seen, grid, self.count, count, step.generator, step.group, each=1)
            return pixels, crops_of(count, grid, step.group, each=1)
        part = step.group.of(max(count // PER_PHOTO, 2))
        return part.of(draw_photos(self.seen, self.count, part.size, step.generator)), part

    def _shown(self, part: Part, step: Step) -> Tensor:
        return self._sent(part.of(_some_units(part.size, self.fitted.code[0], step.generator)))

    def _crop_loss(self, wanted: Tensor, picture: Tensor, log_variance: Tensor) -> Tensor:
        residual = picture - wanted
        tiles = F.avg_pool2d(_colour(residual), TILE).square().mean()
        loss = self._squared(residual) + COLOUR * tiles / self.colour_variance
        return loss + _likelihood(-residual, log_variance)

    def _squared(self, residual: Tensor) -> Tensor:
        """Squared error, and that of colour again, each against its variance."""
        return (
            residual.square().mean() / self.variance + COLOUR * _colour(residual).square().mean() / self.colour_variance
        )

    def _seen_alike(self, wanted: Tensor, picture: Tensor, part: Part) -> Tensor:
        """Mean squared difference of the witnesses' activations, each in units of its variance."""
        with self.study.borrowed():
            with torch.no_grad():
                theirs = read_codes(self.study, wanted, self.witnesses)
            ours = read_codes(self.study, picture, self.witnesses)
        differences = [_difference(ours[name], theirs[name], part) for name in self.witnesses]
        return torch.stack(differences).mean()


def witnesses(study: Study, layer: str) -> list[str]:
    """Layers that must see a decoded picture as they see the original.

    The classifier's last blocks at a quarter and at an eighth of the resolution, up to the decoded layer; and its last
    one at a sixteenth, if the layer is finer: what that sees follows from the layer, and nothing is invented. Those
    that cannot read crops, as in a vision transformer, are left out.
    """
    names = [known.name for known in study.layers()]
    until = {name: place for place, name in enumerate(names)}
    blocks = [block for block in study.blocks() if until[block.name] <= until[layer]]
    found = [name for part in WITNESSED for name in _last(study, blocks, part)]
    if _closeness(study.layer(layer).places, study.shape) == 1:
        found += _last(study, study.blocks(), LATER)
    return [name for name in found if _reads_crops(study, name)]


def _last(study: Study, blocks: Sequence[Layer], part: int) -> list[str]:
    """The name of the last block whose maps are so many times smaller than the picture, if there is one."""
    wanted = tuple(side // part for side in study.shape[1:])
    return [block.name for block in blocks if block.places == wanted][-1:]


def _closeness(places: tuple[int, int] | None, picture: tuple[int, int, int]) -> float:
    """1 for maps at an eighth of the resolution or more, a quarter for half of that, and so on; 0 for vectors.

    The coarser a layer, the less it determines of what the witnesses see, and the more its decoder would invent.
    """
    if places is None:
        return 0.0
    reduction = max(side / there for side, there in zip(picture[1:], places, strict=True))
    return min(WITNESSED[-1] / reduction, 1.0) ** 2


def _reads_crops(study: Study, layer: str) -> bool:
    """Whether the layer has in proportion fewer places for a crop."""
    places = study.layer(layer).places
    if places is None:
        return False
    crop = torch.full((1, study.shape[0], CROP, CROP), 0.5, device=study.device)
    try:
        with study.borrowed(), torch.no_grad():
            read = read_codes(study, crop, [layer])[layer]
    except (XaiWidgetsError, RuntimeError, ValueError, AssertionError):  # as a network for one size, in its own words
        return False
    expected = [round(CROP * cells / side) for cells, side in zip(places, study.shape[1:], strict=True)]
    return read.dim() == 4 and list(read.shape[2:]) == expected


def _settle(networks: nn.Module, step: Step, recipe: Recipe) -> None:
    """From `SETTLED` on, normalise by averages."""
    if step.epoch >= SETTLED * recipe.epochs:
        for part in networks.modules():
            if isinstance(part, _BatchNorm):
                part.eval()


def _difference(ours: Tensor, theirs: Tensor, part: Part) -> Tensor:
    return part.mean((ours - theirs).square().mean()) / part.whole(theirs).var((0, 2, 3)).mean().clamp_min(1e-12)


def _colour(pictures: Tensor) -> Tensor:
    return pictures - pictures.mean(1, keepdim=True)
