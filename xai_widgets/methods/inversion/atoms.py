"""A few atoms in place of many channels: channels of a layer that are active together, and what they respond to.

"This mask is 60 % atom 3" can be read; 48 weights cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from sklearn.cluster import AgglomerativeClustering
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.basis import basis_of, signs
from xai_widgets.methods.summaries.masks_result import DIMMED
from xai_widgets.study import Study

if TYPE_CHECKING:
    from xai_widgets.show.gallery import Gallery

PICTURES = 64
"""So many pictures of a study tell which channels belong together."""

EXAMPLES = 4
"""Pictures that show what an atom responds to."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """The channels of one layer, in K groups.

    Attributes
    ----------
    layer
        Whose channels they are.
    labels
        The atom of each channel ``(n,)``.
    pictures
        Those that each atom responds to most ``(K, E, C, H, W)``.
    responses
        Where it does so, ``(K, E, H, W)`` in [0, 1].
    """

    layer: str
    labels: Tensor
    pictures: Tensor
    responses: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def shares(self, weights: Tensor) -> Tensor:
        """Share of each atom ``(N, K)`` in weights ``(N, n)`` of this layer's channels."""
        if weights.shape[1] != len(self.labels):
            raise XaiWidgetsError(
                f"{weights.shape[1]} weights are given, but {self.layer!r} has {len(self.labels)} channels"
            )
        summed = torch.zeros(len(weights), len(self)).index_add_(1, self.labels, weights)
        return summed / summed.sum(1, keepdim=True).clamp_min(1e-12)

    def gallery(self) -> Gallery:
        """What each atom responds to, as a static gallery that a saved notebook keeps."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        shown = self.pictures * (DIMMED + (1 - DIMMED) * self.responses[:, :, None])
        labels = [f"atom {atom}" for atom in range(len(self)) for _ in range(shown.shape[1])]
        return gallery(list(shown.flatten(0, 1)), labels, most=len(labels))


def atoms_of(study: Study, layer: str, count: int = 8, *, seed: int = 0) -> Atoms:
    """Group a layer's channels by where they are active, by average linkage of the cosines between them.

    Parameters
    ----------
    study
        Whose classifier, and whose pictures.
    layer
        One that has places.
    count
        Number of atoms, 2 to the number of channels that are active at all; silent ones go with the first.
    seed
        Decides which pictures are looked at.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no places.
    XaiWidgetsError
        If the layer has fewer active channels than `count`.
    """
    signed = signs(study, [layer])
    pictures, _ = study.load(study.train, study.draw(study.train, PICTURES, seed))
    with study.borrowed():
        maps = basis_of(study, pictures, signed).maps[0].cpu()
    return _with_examples(layer, _grouped(maps, layer, count), maps, pictures)


def _grouped(maps: Tensor, layer: str, count: int) -> Tensor:
    """The group of each channel of maps ``(P, n, h, w)``, numbered by the first channel of each."""
    rows = maps.transpose(0, 1).flatten(1)
    active = rows.any(1)
    if not 2 <= count <= int(active.sum()):
        raise XaiWidgetsError(f"count is {count}; {layer!r} has {int(active.sum())} active channels, and 2 are needed")
    cosines = F.normalize(rows[active], dim=1)
    distance = (1 - cosines @ cosines.T).clamp_min(0).double().numpy()
    linkage = AgglomerativeClustering(n_clusters=count, metric="precomputed", linkage="average")
    found = linkage.fit_predict(distance).tolist()
    order = {label: number for number, label in enumerate(dict.fromkeys(found))}
    labels = torch.zeros(len(rows), dtype=torch.long)
    labels[active] = torch.tensor([order[label] for label in found])
    return labels


def _with_examples(layer: str, labels: Tensor, maps: Tensor, pictures: Tensor) -> Atoms:
    """Each atom with the pictures in which the sum of its channels, each scaled to 1, is highest."""
    scaled = maps / maps.amax((0, 2, 3), keepdim=True).clamp_min(1e-12)
    places, responses = [], []
    for atom in range(int(labels.max()) + 1):
        summed = scaled[:, labels == atom].sum(1)
        best = summed.flatten(1).amax(1).topk(min(EXAMPLES, len(pictures))).indices
        places.append(best)
        responses.append(summed[best] / summed[best].amax((1, 2), keepdim=True).clamp_min(1e-12))
    fine = F.interpolate(torch.stack(responses), pictures.shape[2:], mode="bilinear", align_corners=False)
    return Atoms(layer, labels, pictures[torch.stack(places)], fine)
