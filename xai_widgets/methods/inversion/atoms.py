"""A few atoms in place of many channels: groups of channels that are active together, and what they respond to.

A person can read "this mask is 60 % atom 3", but not 48 weights.
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
from xai_widgets.methods.masking.views import dimmed
from xai_widgets.study import Study

if TYPE_CHECKING:
    from xai_widgets.show.gallery import Gallery

PICTURES = 64
"""The channels are grouped by their activations for so many pictures of a study."""

EXAMPLES = 4
"""So many pictures show what an atom responds to."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """The channels of one layer, in K groups.

    Attributes
    ----------
    layer
        The layer.
    labels
        The atom of each channel ``(n,)``.
    pictures
        For each atom the pictures with its strongest responses ``(K, E, C, H, W)``.
    responses
        The responses in each of them, ``(K, E, H, W)`` in [0, 1].
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
            raise XaiWidgetsError(f"{self.layer!r} has {len(self.labels)} channels, but weights has {weights.shape[1]}")
        summed = torch.zeros(len(weights), len(self)).index_add_(1, self.labels, weights)
        return summed / summed.sum(1, keepdim=True).clamp_min(1e-12)

    def gallery(self) -> Gallery:
        """What each atom responds to, as a static gallery that a saved notebook keeps."""
        from xai_widgets.show.gallery import gallery  # noqa: PLC0415  (ipyplot only when it is wanted)

        shown = dimmed(self.pictures, self.responses[:, :, None])
        labels = [f"atom {atom}" for atom in range(len(self)) for _ in range(shown.shape[1])]
        return gallery(list(shown.flatten(0, 1)), labels, most=len(labels))


def atoms_of(study: Study, layer: str, count: int = 8, *, seed: int = 0) -> Atoms:
    """Group a layer's channels by where they are active, by average linkage of the cosines between them.

    Parameters
    ----------
    study
        The classifier and its pictures.
    layer
        A layer that gives maps.
    count
        Number of atoms, from 2 to the number of channels that are active at all; silent channels join the first atom.
    seed
        Of the choice of pictures.

    Raises
    ------
    LayerError
        If the layer does not exist, or gives no maps.
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
    groups = linkage.fit_predict(distance).tolist()
    order = {label: number for number, label in enumerate(dict.fromkeys(groups))}
    labels = torch.zeros(len(rows), dtype=torch.long)
    labels[active] = torch.tensor([order[label] for label in groups])
    return labels


def _with_examples(layer: str, labels: Tensor, maps: Tensor, pictures: Tensor) -> Atoms:
    """Each atom with the pictures where the sum of its channels, each scaled to a maximum of 1, is greatest."""
    scaled = maps / maps.amax((0, 2, 3), keepdim=True).clamp_min(1e-12)
    examples, responses = [], []
    for atom in range(int(labels.max()) + 1):
        summed = scaled[:, labels == atom].sum(1)
        best = summed.flatten(1).amax(1).topk(min(EXAMPLES, len(pictures))).indices
        examples.append(best)
        responses.append(summed[best] / summed[best].amax((1, 2), keepdim=True).clamp_min(1e-12))
    fine = F.interpolate(torch.stack(responses), pictures.shape[2:], mode="bilinear", align_corners=False)
    return Atoms(layer, labels, pictures[torch.stack(examples)], fine)
