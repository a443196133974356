"""How alike two regions are as published: by their outlines, and by where they lie among the regions around them.

The box around each region is described by histograms of oriented gradients ``f``, whitened by the mean ``mu`` and the
covariance ``Sigma`` of boxes at random places of the same pictures, and is like another one by ::

    A(i, j) = max(0, (f_i - mu)^T Sigma^-1 (f_j - mu)),    0 if their aspect ratios differ by a factor of 2 or more.

Local offset matching then compares the offset from region i of one picture to region j of another with the offsets
from the neighbours ``N(i)`` (the regions whose boxes overlap that of i) to the regions they resemble most ::

    LOM(i, j) = A(i, j) exp(-11.2 |o_ij - o_i|_place - 0.3 |o_ij - o_i|_size) sum_N(i) best(k) / sum_all best(k)

with ``o_ij`` the difference of the centres over the shorter side, and the ratio of the areas; ``best(k)`` the largest
``A(k, j)`` over the regions j of the other picture, ``o_k`` the offset to it, and ``o_i`` the median of the ``o_k``
over ``N(i)``, by reweighted means. In pictures of 224 pixels, 11.2 per side are the published 0.05 per pixel.

Two quirks of the published code are left out: its rows were rescaled one after the other, each with those before it
already rescaled, and only one direction of each pair was computed. Here the order of the regions does not matter, and
both directions are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.progress import Progress

Floats = npt.NDArray[np.float64]

CELL, CELLS = 8, 8
"""Side of a cell of the gradient histograms in pixels, and cells along a side of a box; one more all around it."""

ASPECT = 2.0
"""Boxes whose aspect ratios differ by this factor or more are not alike at all."""

PLACE, SIZE = 11.2, 0.3
"""How fast likeness falls with the distance of offsets, per shorter side of the picture, and of area ratios."""

BACKGROUND = 2000
"""Boxes at random places, for mean and covariance; more than a descriptor has numbers."""

_TINY = 1e-9


def proposal_flow(
    masks: Masks, regions: Sequence[Region], *, seed: int = 0, progress: Progress | None = None
) -> Tensor:
    """Similarity of all regions of a class by local offset matching, ``(R, R)`` in [0, 1], symmetric.

    The mean score of both directions over the greatest there is, which changes no clustering. Two regions of one
    picture have 0, as a summary wants one of each; each has 1 with itself. Raises an `XaiWidgetsError` if the regions
    are not of these masks.
    """
    if not regions:
        return torch.zeros(0, 0)
    _require_of(masks, regions)
    progress = progress or Progress()
    boxes = Boxes.around(regions)
    scores = matched(appearance(masks.pictures, boxes, seed, progress), boxes, min(masks.pictures.shape[2:]), progress)
    both = (scores + scores.T) / 2
    return (both / both.max().clamp_min(_TINY)).fill_diagonal_(1.0).float()


def _require_of(masks: Masks, regions: Sequence[Region]) -> None:
    sides = masks.pictures.shape[2:]
    for index, region in enumerate(regions):
        if region.picture >= len(masks) or region.pixels.shape != sides:
            raise XaiWidgetsError(
                f"region {index} is of picture {region.picture} with sides {tuple(region.pixels.shape)}, and the masks "
                f"are of {len(masks)} pictures with sides {tuple(sides)}; give the masks of these regions"
            )


@dataclass(frozen=True, eq=False)
class Boxes:
    """Upright boxes in pictures."""

    picture: Tensor  # of each (R,)
    corners: Tensor  # first row and column, and those behind the last, (R, 4) in pixels

    @classmethod
    def around(cls, regions: Sequence[Region]) -> Boxes:
        """The smallest box around each region."""
        corners = torch.tensor([region.box for region in regions], dtype=torch.float64)
        return cls(torch.tensor([region.picture for region in regions]), corners)

    @classmethod
    def at_random(cls, like: Boxes, pictures: Tensor, count: int, seed: int) -> Boxes:
        """Boxes with the sizes of others at any place of the pictures ``(N, C, H, W)``."""
        random = torch.Generator().manual_seed(seed)
        sizes = torch.tensor(sorted(like.sizes.tolist()), dtype=torch.float64)  # whatever the order of the others
        drawn = sizes[torch.randint(len(sizes), (count,), generator=random)]
        room = torch.tensor(pictures.shape[2:]) - drawn
        first = room * torch.rand(count, 2, generator=random, dtype=torch.float64)
        return cls(torch.randint(len(pictures), (count,), generator=random), torch.cat([first, first + drawn], 1))

    @cached_property
    def sizes(self) -> Tensor:
        """Heights and widths ``(R, 2)`` in pixels."""
        return self.corners[:, 2:] - self.corners[:, :2]

    @property
    def geometry(self) -> Tensor:
        """Row and column of the centre, and area, ``(R, 3)`` in pixels."""
        centres = (self.corners[:, :2] + self.corners[:, 2:]) / 2
        return torch.cat([centres, self.sizes.prod(1, keepdim=True)], 1)

    def overlap(self, chosen: Tensor) -> Tensor:
        """Which of the chosen boxes overlap, bool ``(m, m)``."""
        first, last = self.corners[chosen].split(2, 1)
        shared = torch.minimum(last[:, None], last) - torch.maximum(first[:, None], first)
        return (shared > 0).all(2)


# --- appearance ------------------------------------------------------------------------------------------------


def appearance(pictures: Tensor, boxes: Boxes, seed: int = 0, progress: Progress | None = None) -> Tensor:
    """How alike boxes look: ``A`` as above, ``(R, R)``; 0 for two of one picture."""
    progress = progress or Progress()
    progress.start("histograms of gradients", len(boxes.picture) + BACKGROUND)
    usual = described(pictures, Boxes.at_random(boxes, pictures, BACKGROUND, seed), progress)
    white = torch.from_numpy(_whitened(described(pictures, boxes, progress), usual))
    aspect = boxes.sizes[:, 0] / boxes.sizes[:, 1]
    ratio = torch.maximum(aspect[:, None] / aspect, aspect / aspect[:, None])
    comparable = (ratio < ASPECT) & (boxes.picture[:, None] != boxes.picture)
    return (white @ white.T).clamp_min(0) * comparable


def described(pictures: Tensor, boxes: Boxes, progress: Progress) -> Floats:
    """Histograms of oriented gradients of boxes, ``(R, 8 * 8 * 13)``."""
    found = []
    for rows in torch.arange(len(boxes.picture)).split(256):
        for crop in cut_out(pictures, Boxes(boxes.picture[rows], boxes.corners[rows])).numpy():
            found.append(histograms(crop).ravel())
            progress.advance()
    return np.stack(found)


def cut_out(pictures: Tensor, boxes: Boxes) -> Tensor:
    """Boxes with one cell all around, in proportion, ``(R, C, 80, 80)``; pictures go on beyond their edges."""
    from torchvision.ops import roi_align  # noqa: PLC0415  (slow to import)

    beyond = max(pictures.shape[2:]) // CELLS + 1
    wide = F.pad(pictures.double(), [beyond] * 4, mode="replicate")
    margin = (boxes.sizes / CELLS).repeat(1, 2) * torch.tensor([-1, -1, 1, 1])
    corners = (boxes.corners + margin + beyond)[:, [1, 0, 3, 2]]
    rois = torch.cat([boxes.picture[:, None], corners], 1)
    crops: Tensor = roi_align(wide, rois, CELL * (CELLS + 2), aligned=True)
    # In flat pictures the normalisation would blow up rounding errors, which have gradients, too.
    return crops.round(decimals=6)


def histograms(crop: Floats) -> Floats:
    """Gradients of a crop ``(C, 80, 80)``, ``(8, 8, 13)``: per inner cell nine orientations and four textures.

    Each cell is normalised by the four blocks of 2 x 2 cells that hold it: their mean over the blocks is what there is
    of each orientation, and their mean over the orientations is how strong the texture is beside each block.
    """
    from skimage.feature import hog  # noqa: PLC0415  (only where it is asked for)

    blocks = hog(crop, 9, (CELL, CELL), (2, 2), "L2-Hys", feature_vector=False, channel_axis=0)
    # Inner cell (r, c) is cell (1, 1) of the block above left of it, and so on.
    cells = np.stack([blocks[1 - p : 9 - p, 1 - q : 9 - q, p, q] for p, q in product((0, 1), repeat=2)], 2)
    return np.concatenate([cells.mean(2), cells.mean(3)], 2).astype(np.float64)


def _whitened(values: Floats, usual: Floats) -> Floats:
    """Rows such that their products are those under the inverse covariance of the usual ones."""
    from scipy.linalg import solve_triangular  # noqa: PLC0415
    from sklearn.covariance import ledoit_wolf  # noqa: PLC0415  (slow to import)

    covariance, _ = ledoit_wolf(usual)
    # Pictures of one colour have no gradients, and nothing to shrink towards.
    covariance += (1e-6 * covariance.trace() / len(covariance) + _TINY) * np.eye(len(covariance))
    white: Floats = solve_triangular(np.linalg.cholesky(covariance), (values - usual.mean(0)).T, lower=True).T
    return white


# --- local offset matching -------------------------------------------------------------------------------------


def matched(likeness: Tensor, boxes: Boxes, side: int, progress: Progress | None = None) -> Tensor:
    """``LOM(i, j)`` for boxes i and j of likeness ``A`` ``(R, R)``, in pictures of that shorter side, ``(R, R)``."""
    progress = progress or Progress()
    _, picture = boxes.picture.unique(return_inverse=True)
    members = [(picture == number).nonzero()[:, 0] for number in range(int(picture.max()) + 1)]
    table = torch.nn.utils.rnn.pad_sequence(members, batch_first=True, padding_value=-1)
    geometry = boxes.geometry / torch.tensor([side, side, 1.0], dtype=torch.float64)
    scores = torch.zeros_like(likeness)
    progress.start("local offset matching", len(members))
    for rows in members:
        scores[rows] = _Matching(likeness, geometry, picture, table, rows, boxes.overlap(rows)).scores()
        progress.advance()
    return scores


@dataclass(frozen=True, eq=False)
class _Matching:
    """One picture's m regions against those of all P pictures."""

    likeness: Tensor  # of all regions, (R, R)
    geometry: Tensor  # of all regions, (R, 3)
    picture: Tensor  # of each region (R,)
    table: Tensor  # the regions of each picture (P, M), -1 behind the last
    rows: Tensor  # the picture's own regions (m,)
    neighbours: Tensor  # which of these overlap (m, m)

    def scores(self) -> Tensor:
        best, partner = self._best()
        near = self._near(self._centres(best, partner))
        support = (self.neighbours.double() @ best) / best.sum(0).clamp_min(_TINY)
        return self.likeness[self.rows] * near * support[:, self.picture]

    def _best(self) -> tuple[Tensor, Tensor]:
        """For each region and picture the greatest likeness, and with which region, ``(m, P)`` each."""
        within = self.likeness[self.rows][:, self.table.clamp_min(0)].masked_fill(self.table < 0, -1.0)
        best, column = within.max(2)
        return best, self.table.expand_as(within).gather(2, column[..., None])[..., 0]

    def _centres(self, best: Tensor, partner: Tensor) -> Tensor:
        """The usual offset around each region to each picture, ``(m, P, 3)``."""
        offsets = offset(self.geometry[self.rows][:, None], self.geometry[partner])
        # A region that resembles nothing in a picture has no partner there.
        counted = self.neighbours[:, :, None] & (best > 0)
        return median(offsets.expand(len(self.rows), *offsets.shape), counted[..., None])

    def _near(self, centres: Tensor) -> Tensor:
        """In (0, 1]: how near the offset of each pair is to the usual one, ``(m, R)``."""
        away = offset(self.geometry[self.rows][:, None], self.geometry) - centres[:, self.picture]
        return torch.exp(-PLACE * away[..., :2].norm(dim=2) - SIZE * away[..., 2].abs())


def offset(own: Tensor, other: Tensor) -> Tensor:
    """Differences of the centres and ratio of the areas, of geometries ``(..., 3)``."""
    return torch.cat([own[..., :2] - other[..., :2], own[..., 2:] / other[..., 2:]], -1)


def median(values: Tensor, counted: Tensor) -> Tensor:
    """Reweighted means over the second axis of those that count, from ones: ``(m, k, ...)`` to ``(m, ...)``.

    Weights are one over the distance from the mean before; so each coordinate comes near to its own median.
    """
    centre = torch.ones_like(values[:, 0])
    for _ in range(20):
        weights = counted / (values - centre[:, None]).abs().clamp_min(_TINY)
        centre = (weights * values).sum(1) / weights.sum(1).clamp_min(_TINY)
    return centre
