"""A folder to work in: models in a module, and pictures of two classes."""

from __future__ import annotations

import sys

import pytest
from PIL import Image

MODELS = """
from collections import OrderedDict
import torch
from torch import nn

class Bright(nn.Module):
    def forward(self, x):
        rows = x.mean((1, 3))
        half = rows.shape[1] // 2
        return 20 * torch.stack([rows[:, :half].mean(1), rows[:, half:].mean(1)], 1)

def make():
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU())
    model = nn.Sequential(OrderedDict(maps=maps, more=nn.Conv2d(4, 4, 3, padding=1), flat=nn.Flatten()))
    model.add_module("logits", nn.Linear(4 * 8 * 10, 2))
    with torch.no_grad():  # the upper half against the lower one
        model[0][0].weight.abs_()
        model[1].weight.copy_(torch.eye(4)[:, :, None, None] * (torch.arange(9).view(3, 3) == 4))
        model[1].bias.zero_()
        upper = (torch.arange(8)[:, None].expand(8, 10) < 4).float().repeat(4, 1, 1).flatten()
        model.logits.weight.copy_(torch.stack([upper, 1 - upper]))
        model.logits.bias.zero_()
    return model

made = make()
number = 7
def fails(): return {}["nothing"]
def wrong(): return "no module"
def needs(this): return this
"""
CLASSES = ("<script>", "b")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with models in a module and pictures of two classes, bright above or below."""
    (tmp_path / "mymodels.py").write_text(MODELS)
    (tmp_path / "broken.py").write_text("import nothing_like_it")
    for k, name in enumerate(CLASSES):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(12):
            picture = Image.new("RGB", (20, 16), (20 + 3 * i, 30, 40))
            picture.paste((250, 240 - 5 * i, 230), (2 + i // 2, 8 * k + 1, 12 + i // 2, 8 * k + 6))
            picture.save(tmp_path / "pictures" / name / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("mymodels", "broken"):
        sys.modules.pop(name, None)
