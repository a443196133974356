"""Small fits of the methods that are trained, as a script: ``fits.py OUT``; each process writes its losses there.

With ``fail``, the second process does so in the middle of a training.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import torch
from small import After, Blobs  # the script beside it
from torch import nn

import xai_widgets as xw
from xai_widgets.methods.cae import fit as cae
from xai_widgets.methods.cladec import fit as cladec
from xai_widgets.methods.srae import fit as srae
from xai_widgets.progress import Progress
from xai_widgets.scale.ranks import Ranks
from xai_widgets.study import Study
from xai_widgets.together import Group, together
from xai_widgets.training import train


class Large(Blobs):
    """The same, large enough for crops."""

    def __getitem__(self, index):
        picture, label = super().__getitem__(index)
        return nn.functional.interpolate(picture[None], (128, 160))[0], label


class Curves:
    """Stands in for `train`, and notes the losses of every epoch, while weights change, by task."""

    def __init__(self):
        self.lines = {}
        for module in (cladec, srae, cae):
            module.train = self

    def __call__(self, *given, task, **more):
        history = train(*given, task=task, **more)
        self.lines[f"{task}, {len(self.lines)}"] = history.train_loss
        return history


def study(kind):
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
    pool = nn.Sequential(nn.AdaptiveAvgPool2d((2, 4)), nn.Flatten())
    model = nn.Sequential(
        OrderedDict(maps=maps, more=nn.Conv2d(4, 4, 3, padding=1), pool=pool, logits=nn.Linear(32, 2))
    )
    made = Study(model, kind(44, broken=()), class_names=["left", "right"], batch_size=16)
    with torch.no_grad():  # so that it predicts both classes
        model.logits.weight *= 20
        model.logits.bias -= model.eval()(torch.stack([kind(44, ())[i][0] for i in range(44)])).mean(0)
    return made


def explainers():
    small, large = study(Blobs), study(Large)
    of_crops = xw.ClaDec(large, ["maps"], epochs=2, width=4)
    of_crops.settings = replace(of_crops.settings, crops=24)
    return {
        "cladec": xw.ClaDec(small, ["more"], epochs=3, width=4, reference="scratch"),
        "crops": of_crops,
        "srae": xw.SRAE(small, "more", features=3, epochs=3),
        "cae": xw.CAE(small, epochs=3, width=4),
    }


def fail():
    raise RuntimeError("the second process fails")


def run(out, group=None, progress=Progress):
    """Fit all of them, and give their losses by name."""
    out.mkdir(exist_ok=True)
    found = {}
    with together(group or Group()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the fits are short
        for key, explainer in explainers().items():
            curves = Curves()
            explainer.fit(progress=progress(), checkpoint=out / "unfinished")
            found[key] = curves.lines
            if group is None or group.writes:
                explainer.save(out / key)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    ranks = Ranks.here()
    fails = ranks.number == 1 and sys.argv[2:] == ["fail"]
    losses = run(Path(sys.argv[1]), Group(ranks.number, ranks.count), (lambda: After(30, fail)) if fails else Progress)
    Path(f"{sys.argv[1]}-{ranks.number}.json").write_text(json.dumps(losses))
    ranks.leave()
