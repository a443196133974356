"""``xai-widgets fit``: what it takes, where it keeps what it fits, how it is stopped and resumed."""

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
from safetensors.torch import save_file

import xai_widgets as xw
from xai_widgets.cli import main as cli
from xai_widgets.cli.models import load_model, model_of_run
from xai_widgets.cli.terminal import stoppable
from xai_widgets.digest import signed
from xai_widgets.errors import CancelledError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.runs.keeping import keep
from xai_widgets.runs.run import Run

REPOSITORY = Path(__file__).parents[2]
CLASSES = ("<script>", "b")


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
    assert said.endswith('Saved in mine. In Python: xw.open("mine", model=...)\n')
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


def test_summaries_and_evidence_are_looked_for(run):
    said = fits(run, "summaries").splitlines()
    assert [line.partition(":")[0] for line in said[:2]] == list(CLASSES)
    assert opened().explainers["summaries"].found.keys() == {(0, False), (1, False)}
    said = fits(run, "inversion --layer maps --seed 2")
    found = opened().explainers["inversion"]
    assert set(found.found) == {0, 1, 2, 3}
    assert (found.base_layers, found.seed) == (("maps",), 2)
    assert said.startswith("Mean probability on 4 held-out pictures: ")


def test_a_second_time_nothing_is_left_to_do(run, here, monkeypatch):
    for line in ("cladec --layer maps --epochs 1", "inversion --layer maps"):
        fits(run, line)
    monkeypatch.setattr("xai_widgets.methods.cladec.before.LayerFit", None)
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
        ("cladec --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("srae --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("summaries --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("inversion --model mymodels:make --layer mops", "no layer is named 'mops'; closest: 'maps'"),
        ("cladec --model mymodels:make --size 17", "the model fails on a picture of shape (3, 17, 17)"),
        ("cladec --model mymodels:make --mean 0 0", "--mean has 2 values; give 1, or 3"),
        ("cladec --model mymodels:make --std 0.5 0 1", "--std is 0; it must be above 0"),
        ("cladec --model mymodels:make --device abacus", "there is no device 'abacus' here"),
        ("cae --model mymodels:make --layer maps", "omit --layer"),
        ("inversion --model mymodels:make --epochs 3", "omit --epochs"),
        ("cladec --model mymodels:make --weights nothing.safetensors", "no file of weights nothing.safetensors"),
        ("cladec --model mymodels:make --weights mymodels.py", "mymodels.py is not a safetensors file"),
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


def test_pictures_of_other_proportions_are_fitted_as_asked(run):
    fits(run, "cae --epochs 1 --size 16x20 --fit contain")
    assert opened().sources.images.fit == "contain"
    fits(run, "cae --epochs 1", images="")
    fits(run, "cae --epochs 1")
    for more, images in (("--fit crop", ""), ("--fit crop", "--images pictures"), ("--size 20", "")):
        code, _, complained = run(f"cae --epochs 1 --model mymodels:make --out mine {more}", images=images)
        assert code == 2
        assert "contain" in complained or "--size 16 20, not 20 20" in complained
    with pytest.raises(SystemExit):
        run("cae --model mymodels:make --out mine --fit pad")


def test_pictures_and_folders_that_are_not_there(run, here):
    (here / "empty").mkdir()
    (here / "hollow" / "a").mkdir(parents=True)
    for images, said in (
        ("--images nowhere", "nowhere; give the folder that holds the pictures"),
        ("--images empty", "no readable picture"),
        ("--images hollow", "no readable picture"),
        ("", "--images is needed"),
    ):
        code, _, complained = run("cladec --model mymodels:make --out mine", images=images)
        assert (code, said in complained) == (2, True), complained
    code, _, complained = run("cladec --model mymodels:make --out mymodels.py")
    assert (code, "mymodels.py is a file" in complained) == (2, True)


def test_another_model_or_other_pictures_do_not_spoil_a_run(run, here):
    fits(run, "cladec --layer maps --epochs 1")
    before = (here / "mine" / "cladec.safetensors").read_bytes()
    weights = {name: value + 1 for name, value in load_model("mymodels:make").state_dict().items()}
    save_file(weights, here / "other.safetensors")
    (here / "mine" / "taken").write_text("")
    for line, said in (
        ("--weights other.safetensors", "holds the run of another model"),
        ("--mean 0.5", "holds a run with mean [0.0], but this study has [0.5]"),
    ):
        code, _, complained = run(f"cladec --model mymodels:make --out mine {line}")
        assert (code, said in complained) == (2, True), complained
    (here / "pictures" / "b" / "3.png").unlink()
    code, _, complained = run("cladec --model mymodels:make --out mine")
    assert (code, "these are 23 pictures, and there were 24" in complained) == (2, True), complained
    assert (here / "mine" / "cladec.safetensors").read_bytes() == before


def test_classes_that_the_model_does_not_know_are_told(run, here):
    (here / "pictures" / "third").mkdir()
    Image.new("RGB", (20, 16)).save(here / "pictures" / "third" / "1.png")
    code, _, complained = run("inversion --layer maps --model mymodels:make --out mine")
    assert code == 0
    assert "not known" in complained


def test_the_model_of_a_run(run, here):
    fits(run, "inversion --layer maps")
    with pytest.raises(XaiWidgetsError, match=r"does not name the code of the model; give --model .*mymodels:make"):
        model_of_run("mine")
    weights = load_model("mymodels:make")
    assert torch.equal(model_of_run("mine", "mymodels:make").logits.weight, weights.logits.weight)
    known = Run.read("mine")
    said = json.loads((here / "mine" / "run.json").read_text())
    del said["sha256"]
    said |= {"model": "torchvision:mobilenet_v3_small", "weights": "none"}
    (here / "mine" / "run.json").write_text(json.dumps(signed(said)))
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
    assert b"Stopped. The work so far is saved in mine; run the same command again to continue." in rest
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
    progress = Progress()
    with stoppable(progress):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(CancelledError):
            progress.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_only_the_first_of_several_processes_fits_and_writes(run, here, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    code, said, complained = run("cladec --model mymodels:make --out mine")
    assert (code, said) == (0, "")
    assert complained.startswith("Process 2 does nothing: the first one fits, alone.")
    assert not (here / "mine").exists()
