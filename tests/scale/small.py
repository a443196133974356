"""A small run over a data set, as a script: ``small.py OUT [DONE]``; it kills itself after so many pictures."""

from __future__ import annotations

import os
import signal
import sys
from collections import OrderedDict

import torch
from torch import nn

from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress
from xai_widgets.scale.explain_all import explain_all
from xai_widgets.study import Study

COUNT, SHARD, BATCH = 22, 6, 4


class Blobs:
    """Bright squares; the last picture of the first batch is broken."""

    def __init__(self, count=COUNT, broken=(3,)):
        self.count, self.broken = count, broken

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index in self.broken:
            raise SyntaxError("broken PNG file")  # as Pillow does
        generator = torch.Generator().manual_seed(index)
        picture = 0.2 * torch.rand(3, 12, 16, generator=generator)
        picture[:, 2:8, 8 * (index % 2) + 1 : 8 * (index % 2) + 7] = 0.9
        return picture, index % 2


def explainer():
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
    pool = nn.Sequential(nn.AdaptiveAvgPool2d((2, 4)), nn.Flatten())
    model = nn.Sequential(
        OrderedDict(maps=maps, more=nn.Conv2d(4, 4, 3, padding=1), pool=pool, logits=nn.Linear(32, 2))
    )
    study = Study(model, Blobs(broken=()), class_names=["left", "right"])
    return GuidedFeatureInversion(study, settings=GuidedSettings(steps=3))


class After(Progress):
    """Calls something after so many pictures; reports of a `Progress` are too seldom for that."""

    def __init__(self, count, call):
        super().__init__()
        self.count, self.call = count, call

    def advance(self, steps=1, note=""):
        if self.state.done + steps >= self.count:
            self.call()
        super().advance(steps, note)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def run(out, pictures=None, progress=None, **options):
    chosen = {"shard": SHARD, "batch": BATCH} | options
    return explain_all(explainer(), pictures or Blobs(), out, progress=progress or Progress(), **chosen)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(sys.argv[1], progress=After(int(sys.argv[2]), die) if len(sys.argv) > 2 else None)
