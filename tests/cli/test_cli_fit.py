"""``xai-widgets fit``: what it takes, where it keeps what it fits, how it is stopped and goes on."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

import xai_widgets as xw
from xai_widgets.cli import fit as command
from xai_widgets.cli import main as cli
from xai_widgets.cli.models import load_model, model_of_run
from xai_widgets.errors import ArtifactError, CancelledError, XaiWidgetsError
from xai_widgets.runs.keeping import keep
from xai_widgets.runs.run import Run

REPOSITORY = Path(__file__).parents[2]

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


@pytest.fixture
def run(here, capsys):
    """Runs the command; what it ends with, what it said, and what it complained about."""

    def run(line, images="--images pictures"):
        capsys.readouterr()
        code = cli.main(["fit", *shlex.split(f"{line} {images}")])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def fits(run, line, **options):
    code, said, complained = run(f"{line} --model mymodels:make --out mine", **options)
    assert code == 0, complained
    return said


def opened(folder="mine"):
    return xw.open(folder, model=load_model("mymodels:make"))


# --- each method ---------------------------------------------------------------------------------------------------


def test_what_is_fitted_can_be_opened(run, here):
    said = fits(run, "cladec --layer maps more --epochs 1 --seed 3 --name mine")
    assert said.splitlines()[0].startswith("maps: ")
    assert said.endswith('Kept in mine; in Python: xw.open("mine", model=...)\n')
    study = opened()
    assert (study.name, study.class_names) == ("mine", CLASSES)
    assert study.explainers["cladec"].layers == ("maps", "more")
    assert study.explainers["cladec"].settings.recipe.seed == 3
    assert {path.name for path in (here / "mine").iterdir()} == {"run.json", "cladec.safetensors"}


def test_methods_share_a_run_and_need_not_be_told_again(run, here):
    fits(run, "srae --layer more --epochs 1 --mean 0.5 --std 0.25 --size 16x20 --name 'a b'")
    fits(run, "srae --layer maps --epochs 1", images="")
    fits(run, "cae --epochs 1", images="")
    study = opened()
    assert set(study.explainers) == {"srae", "srae-maps", "cae"}
    assert (study.name, float(study.mean), study.explainers["srae"].settings.layer) == ("a b", 0.5, "more")


def test_summaries_of_all_classes_are_found(run):
    said = fits(run, "summaries").splitlines()
    assert [line.partition(":")[0] for line in said[:2]] == list(CLASSES)
    assert opened().explainers["summaries"].found.keys() == {(0, False), (1, False)}


def test_evidence_is_looked_for_in_unseen_pictures(run):
    said = fits(run, "inversion --layer maps --seed 2")
    found = opened().explainers["inversion"]
    assert set(found.found) == {0, 1, 2, 3}
    assert (found.base_layers, found.seed) == (("maps",), 2)
    assert said.startswith("4 unseen pictures: kept ")


def test_a_second_time_nothing_is_left_to_do(run, here, monkeypatch):
    for line in ("cladec --layer maps --epochs 1", "inversion --layer maps"):
        fits(run, line)
    monkeypatch.setattr("xai_widgets.methods.cladec.cladec.LayerFit", None)
    monkeypatch.setattr("xai_widgets.methods.inversion.problem.MaskProblem", None)
    for line in ("cladec --layer maps --epochs 1", "inversion --layer maps"):
        fits(run, line)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("cladec --layer maps --epochs 1", "cladec --layer more --epochs 2", "--epochs 1, not 2"),
        ("srae --layer maps --epochs 1", "srae --layer maps --seed 1", "--seed 0, not 1"),
        ("inversion --layer maps", "inversion --layer more", "--layer maps, not more"),
    ],
)
def test_what_is_there_is_not_mixed_with_what_was_made_otherwise(run, before, after, said):
    fits(run, before)
    code, _, complained = run(f"{after} --model mymodels:make --out mine")
    assert code == 2
    assert said in complained


# --- what is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cladec --model nocolon", "'nocolon'; give torchvision:NAME or package.module:factory"),
        ("cladec --model nothing_there:make", "no module 'nothing_there'"),
        ("cladec --model mymodels.deeper:make", "mymodels.deeper"),
        ("cladec --model broken:make", "broken cannot be imported"),
        ("cladec --model mymodels:mak", "mymodels has no 'mak'; closest: make"),
        ("cladec --model mymodels:number", "mymodels:number is a int"),
        ("cladec --model mymodels:fails", "line 28): KeyError: 'nothing'"),
        ("cladec --model mymodels:needs", "mymodels:needs() fails: TypeError: needs() missing 1"),
        ("cladec --model mymodels:wrong", "gives a str; it must give a torch.nn.Module"),
        ("cladec --model torchvision:resnet81", "no classifier 'resnet81'; closest: resnet"),
        ("cladec --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("srae --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("summaries --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("inversion --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("cladec --model mymodels:make --size 17", "the model fails on a picture of shape (3, 17, 17)"),
        ("cladec --model mymodels:make --mean 0 0", "--mean has 2 values; give 1, or 3"),
        ("cladec --model mymodels:make --std 0.5 0 1", "--std is 0; it must be above 0"),
        ("cladec --model mymodels:make --device abacus", "there is no device 'abacus' here"),
        ("cae --model mymodels:make --layer maps", "leave --layer out"),
        ("inversion --model mymodels:make --epochs 3", "leave --epochs out"),
        ("summaries --model mymodels:make --layer maps more", "give one --layer"),
        ("cladec --model mymodels:make --weights nothing.safetensors", "no file of weights nothing.safetensors"),
        ("cladec --model mymodels:make --weights mymodels.py", "mymodels.py is no safetensors file"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run, here, line, said):
    code, out, complained = run(f"{line} --out mine")
    assert (code, out) == (2, "")
    assert said in complained.splitlines()[-1]
    assert complained.splitlines()[-1].startswith("xai-widgets fit: ")
    assert not (here / "mine" / "cladec.safetensors").exists()


@pytest.mark.parametrize("size", ["0", "1x2x3", "x", "3x", "-4", "big"])
def test_sizes_that_are_none(run, size):
    with pytest.raises(SystemExit):
        run(f"cladec --model mymodels:make --out mine --size={size}")


def test_pictures_that_are_not_there(run, here):
    (here / "empty").mkdir()
    (here / "hollow" / "a").mkdir(parents=True)
    for images, said in (
        ("--images nowhere", "there is no folder nowhere"),
        ("--images empty", "empty has no sub-folders"),
        ("--images hollow", "no readable picture"),
        ("", "--images is needed"),
    ):
        code, _, complained = run("cladec --model mymodels:make --out mine", images=images)
        assert (code, said in complained) == (2, True), complained


def test_another_model_or_other_pictures_do_not_spoil_a_run(run, here):
    fits(run, "cladec --layer maps --epochs 1")
    before = (here / "mine" / "cladec.safetensors").read_bytes()
    weights = {name: value + 1 for name, value in load_model("mymodels:make").state_dict().items()}
    save_file(weights, here / "other.safetensors")
    (here / "mine" / "taken").write_text("")
    for line, said in (
        ("--weights other.safetensors", "holds the run of another model"),
        ("--mean 0.5", "holds a run with mean [0.0], and this study has [0.5]"),
    ):
        code, _, complained = run(f"cladec --model mymodels:make --out mine {line}")
        assert (code, said in complained) == (2, True), complained
    (here / "pictures" / "b" / "3.png").unlink()
    code, _, complained = run("cladec --model mymodels:make --out mine")
    assert (code, "these are 23 pictures, and there were 24" in complained) == (2, True), complained
    assert (here / "mine" / "cladec.safetensors").read_bytes() == before


def test_a_file_is_no_place_for_a_run(run, here):
    code, _, complained = run("cladec --model mymodels:make --out mymodels.py")
    assert (code, "mymodels.py is a file" in complained) == (2, True)


def test_classes_that_the_model_does_not_know_are_told(run, here):
    (here / "pictures" / "third").mkdir()
    Image.new("RGB", (20, 16)).save(here / "pictures" / "third" / "1.png")
    code, _, complained = run("inversion --layer maps --model mymodels:make --out mine")
    assert code == 0
    assert "The model tells 2 classes apart, and the folder has 3" in complained


# --- weights -------------------------------------------------------------------------------------------------------


def test_a_module_that_is_made_already_will_do(here):
    assert isinstance(load_model("mymodels:made"), nn.Sequential)


def test_weights_are_filled_in(here):
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


def test_the_model_of_a_run(run, here):
    fits(run, "inversion --layer maps")
    with pytest.raises(XaiWidgetsError, match=r"which code may be run; give --model .*mymodels:make"):
        model_of_run("mine")
    weights = load_model("mymodels:make")
    assert torch.equal(model_of_run("mine", "mymodels:make").logits.weight, weights.logits.weight)
    known = Run.read("mine")
    said = json.loads((here / "mine" / "run.json").read_text())
    said |= {"model": "torchvision:mobilenet_v3_small", "weights": "none"}
    (here / "mine" / "run.json").write_text(json.dumps(said))
    assert model_of_run(known.folder).classifier[-1].out_features == 2


# --- stopped -------------------------------------------------------------------------------------------------------

LONG = "cladec --layer maps more --epochs 40 --model mymodels:make --out mine"


def start(here, line):
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "xai_widgets.cli.main", "fit", *shlex.split(line), "--images", "pictures"],
        cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_ctrl_c_stops_and_the_same_command_goes_on(here, run):
    with start(here, LONG) as process:
        told = b""
        while not re.search(rb"ClaDec of maps.*epoch", told) and process.poll() is None:
            told += process.stderr.read1()
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b""), told + rest
    assert b"Stopped. What was done is kept in mine; the same command goes on from there." in rest
    assert {path.name for path in (here / "mine").iterdir()} == {"run.json", "unfinished"}

    code, _, complained = run(LONG.replace(" more", ""))
    first = re.search(r"ClaDec of maps: +\d+%\S* (\d+)/40", complained.replace("\r", "\n"))
    assert code == 0
    assert int(first[1]) > 0
    assert {path.name for path in (here / "mine").iterdir()} == {"run.json", "cladec.safetensors"}


def test_what_is_finished_before_ctrl_c_is_kept(here, run, monkeypatch, capsys):
    def interrupted(explainer):
        keep(explainer)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("xai_widgets.runs.keeping.keep", interrupted)
    before = signal.getsignal(signal.SIGINT)
    code, out, complained = run("cladec --layer maps more --epochs 1 --model mymodels:make --out mine")
    assert (code, out) == (130, "")
    assert "Stopping after this step" in complained
    assert opened().explainers["cladec"].layers == ("maps",)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_stops_at_once(monkeypatch):
    from xai_widgets.progress import Progress

    progress = Progress()
    with command._stoppable(progress):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(CancelledError):
            progress.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
