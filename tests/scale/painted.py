"""Crisp masks of painted pictures, as a script: ``painted.py OUT``; what is in the masks is known."""

from __future__ import annotations

import sys
from collections import OrderedDict

import torch
from torch import nn

from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.scale.explain_all import explain_all
from xai_widgets.study import Study

COUNT, SHARD, BATCH = 18, 6, 4
RED, GREEN = (0.9, 0.1, 0.1), (0.1, 0.9, 0.1)


class Painted:
    """A red square in the upper left; in every other picture a green bar at the bottom right, too."""

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        if index == 3:
            raise SyntaxError("broken PNG file")
        picture = torch.full((3, 12, 16), 0.3)
        down = 2 * (index % 2)
        picture[:, down : down + 4, 2:6] = torch.tensor(RED)[:, None, None]
        if index % 2:
            picture[:, 8:12, 8:14] = torch.tensor(GREEN)[:, None, None]
        return picture, index % 2


class Known(VisualSummaries):
    """Finds the painted parts, instead of searching."""

    def explain(self, pictures, target=None):
        masks = (pictures.amax(1) > 0.5)[:, None]
        ones, predicted = torch.ones(len(pictures)), self.study.predict(pictures).argmax(1)
        names = ("mean",) * len(pictures)
        return Masks(
            pictures, pictures, predicted, masks, masks.float(), ones, 0 * ones, ones[:, None], 0 * ones[:, None],
            names, self.study.class_names, {},
        )  # fmt: skip


def explainer():
    """A classifier that looks for green; its layer has the mean colour of cells of 2 x 2 pixels."""
    maps, logits = nn.AvgPool2d(2), nn.Linear(3, 2)
    with torch.no_grad():
        logits.weight.copy_(torch.tensor([[0.0, 0.0, 0.0], [0.0, 100.0, 0.0]]))
        logits.bias.copy_(torch.tensor([0.0, -30.0]))
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(OrderedDict(maps=maps, pool=pool, logits=logits))
    pictures = [Painted()[index] for index in range(COUNT) if index != 3]
    return Known(Study(model, pictures, class_names=["red", "green"]), "maps")


def run(out, **options):
    """Explain all of them."""
    chosen = {"shard": SHARD, "batch": BATCH} | options
    return explain_all(explainer(), Painted(), out, progress=Progress(), **chosen)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(sys.argv[1])
