"""Classifiers that are named on the command line, and their weights."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from xai_widgets.cli.models import load_model
from xai_widgets.errors import ArtifactError, XaiWidgetsError


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nocolon", "'nocolon'; give torchvision:NAME or package.module:factory"),
        ("nothing_there:make", "no module 'nothing_there'"),
        ("mymodels.deeper:make", "mymodels.deeper"),
        ("broken:make", "broken cannot be imported"),
        ("mymodels:mak", "mymodels has no 'mak'; closest: 'make'"),
        ("mymodels:number", "mymodels:number is a int"),
        ("mymodels:fails", "line 28): KeyError: 'nothing'"),
        ("mymodels:needs", "mymodels:needs() fails: TypeError: needs() missing 1"),
        ("mymodels:wrong", "returns a str; it must return a torch.nn.Module"),
        ("torchvision:resnet81", "no classifier 'resnet81'; closest: 'resnet"),
    ],
)
def test_what_is_no_model(here, spec, said):
    with pytest.raises(XaiWidgetsError) as refused:
        load_model(spec)
    assert said in str(refused.value)


def test_weights_are_filled_in(here):
    assert isinstance(load_model("mymodels:made"), nn.Sequential)
    model = load_model("mymodels:make")
    with torch.no_grad():
        model.logits.bias += 3
    save_file(model.state_dict(), here / "w.safetensors")
    filled = load_model("mymodels:make", "w.safetensors")
    assert torch.equal(filled.logits.bias, model.logits.bias)


def test_weights_of_another_model_are_refused(here):
    weights = load_model("mymodels:make").state_dict()
    weights["more.weight"] = torch.zeros(5, 4, 3, 3)
    weights["extra"] = weights.pop("logits.bias")
    save_file(weights, here / "w.safetensors")
    with pytest.raises(ArtifactError) as refused:
        load_model("mymodels:make", "w.safetensors")
    for said in ("missing: logits.bias", "unknown: extra", "more.weight is (5, 4, 3, 3), not (4, 4, 3, 3)"):
        assert said in str(refused.value)


def test_pickles_are_not_read_but_converted_by_the_user(here):
    torch.save(load_model("mymodels:make").state_dict(), here / "w's.pt")
    with pytest.raises(ArtifactError, match="is a pickle") as refused:
        load_model("mymodels:make", "w's.pt")
    line = str(refused.value).partition("If you trust it: ")[2]
    subprocess.run([sys.executable, *shlex.split(line)[1:]], check=True, cwd=here)
    assert load_file(here / "w's.safetensors").keys() == load_model("mymodels:make").state_dict().keys()


def test_torchvision_takes_as_many_logits_as_the_weights_have(here):
    model = load_model("torchvision:mobilenet_v3_small", "none", 3).eval()
    assert model(torch.zeros(2, 3, 32, 32).add(0.5)).shape == (2, 3)
    save_file(model.state_dict(), here / "w.safetensors")
    again = load_model("torchvision:mobilenet_v3_small", "w.safetensors")
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    # Random ones are the same every time, whatever was drawn before.
    torch.rand(5)
    drawn = load_model("torchvision:mobilenet_v3_small", "none", 3).state_dict()
    assert all(torch.equal(drawn[name], value) for name, value in model.state_dict().items())


def test_weights_that_cannot_be_fetched_are_told(monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models.get_model", offline)
    with pytest.raises(XaiWidgetsError, match="the weights of resnet18 cannot be fetched"):
        load_model("torchvision:resnet18")
