"""What was fitted for a study is kept in a folder and found again, or it is said what is wrong."""

from __future__ import annotations

import json
import random
from contextlib import suppress

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from xai_widgets import artifact
from xai_widgets.digest import signed
from xai_widgets.errors import ArtifactError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.runs.keeping import keep, keep_in, open_run, register, run_of
from xai_widgets.runs.run import DESCRIPTION, Run
from xai_widgets.study import Study

# --- kept and found again ------------------------------------------------------------------------------------------


def test_a_study_comes_back_as_it_was(everything, opened, folder, evil):
    assert opened is not everything
    assert (opened.name, opened.class_names) == (evil, (evil, "b", "c", "d"))
    assert torch.equal(opened.mean, everything.mean)
    assert torch.equal(opened.std, everything.std)
    assert opened.fingerprint == everything.fingerprint
    assert run_of(opened).folder == folder.resolve()
    assert torch.equal(opened.load(opened.test, range(5))[0], everything.load(everything.test, range(5))[0])


def test_every_explainer_comes_back(everything, opened, folder):
    keys = {"cladec", "srae", "srae-conv1", "cae", "inversion", "summaries"}
    assert set(opened.explainers) == set(everything.explainers) == keys
    assert {path.name for path in folder.iterdir()} == {DESCRIPTION, *(f"{key}.safetensors" for key in keys)}
    assert opened.explainers["cladec"].layers == ("conv2", "fc")
    assert [opened.explainers[key].settings.layer for key in ("srae", "srae-conv1")] == ["conv2", "conv1"]


def test_what_is_fitted_after_opening_is_kept_too(opened, folder, decided, squares, fitted, evil):
    srae = opened.explainers["srae"]
    srae.rename(evil, 1, evil)
    keep(srae)
    keep(fitted(ClaDec, opened, "conv1", width=4, reference=None))
    again = open_run(folder, model=decided(), images=squares(60))
    assert again.explainers["srae"].names(evil)[1] == evil.strip()
    assert again.explainers["cladec"].layers == ("conv1",)


def test_the_same_script_goes_on_where_it_was(decided, everything, folder, new_study, squares, normalised):
    again = new_study(decided(), squares(60), class_names=["A", "b", "c", "d"], **normalised)
    assert keep_in(again, folder) is again
    assert set(again.explainers) == set(everything.explainers)
    assert Run.read(folder).class_names == ("A", "b", "c", "d")
    keep_in(again, folder)  # a cell that is run again
    assert run_of(again).folder == folder.resolve()


def test_what_was_fitted_before_is_saved_at_once(new_study, tmp_path, fitted):
    study = new_study()
    study.explainers["my own"] = fitted(ClaDec, study, "fc", width=4, reference=None)
    study.explainers |= {"unfitted": SRAE(study), "something else": object()}
    keep_in(study, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {DESCRIPTION, "my own.safetensors"}
    assert set(open_run(tmp_path, model=study.model, images=study.sources.images).explainers) == {"my own"}


def test_nothing_that_is_kept_is_overwritten_by_another_study(
    decided, opened, folder, new_study, squares, fitted, normalised
):
    other = new_study(decided(), squares(60), **normalised)
    register(fitted(ClaDec, other, "fc", width=4, reference=None))
    before = (folder / "cladec.safetensors").read_bytes()
    with pytest.raises(ArtifactError, match="holds cladec already"):
        keep_in(other, folder)
    assert (folder / "cladec.safetensors").read_bytes() == before
    assert run_of(other) is None


def test_a_file_that_is_taken_out_is_not_missed(everything, folder, decided, squares):
    (folder / "cae.safetensors").unlink()
    opened = open_run(folder, model=decided(), images=squares(60))
    assert set(opened.explainers) == set(everything.explainers) - {"cae"}


# --- keys ----------------------------------------------------------------------------------------------------------


def test_without_a_folder_explainers_are_registered_only(new_study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = new_study()
    cladec = ClaDec(study, "fc")
    keep(cladec)
    assert study.explainers == {"cladec": cladec}
    assert list(tmp_path.iterdir()) == []


def test_each_has_its_place_and_keeps_it(new_study):
    class Derived(SRAE):
        pass

    study = new_study()
    first, second, paper = Derived(study, "conv1"), SRAE(study, "fc"), SRAE.paper(study, "fc")
    assert [register(one) for one in (first, second, paper)] == ["srae", "srae-fc", "srae-paper"]
    assert [register(one) for one in (second, first, SRAE(study, "conv1"))] == ["srae-fc", "srae", "srae"]
    assert register(ClaDec.paper(study, "fc")) == "cladec-paper"
    assert [register(VisualSummaries(study, layer)) for layer in ("conv1", "conv2")] == ["summaries", "summaries-conv2"]
    study.explainers["mine"] = own = CAE(study)
    assert register(own) == "mine"


def test_names_of_layers_need_not_be_names_of_files(tmp_path, squares, fitted):
    model = _Twice()
    study = keep_in(Study(model, squares(), name="twice"), tmp_path)
    register(SRAE(study, "conv/a"))
    keep(fitted(SRAE, study, "conv/a#2", features=3))
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["srae-conv%2Fa%232.safetensors"]
    again = open_run(tmp_path, model=model, images=squares())
    assert again.explainers["srae-conv/a#2"].settings.layer == "conv/a#2"


class _Twice(nn.Module):
    """Uses a layer with an awkward name two times."""

    def __init__(self):
        super().__init__()
        self.add_module("conv/a", nn.Conv2d(3, 3, 2, stride=2))
        self.head = nn.Linear(3, 4)

    def forward(self, x):
        conv = self.get_submodule("conv/a")
        return self.head(conv(conv(x)).mean((2, 3)))


# --- another model -------------------------------------------------------------------------------------------------


def test_another_model_is_refused(everything, folder, decided, squares):
    for model in (decided(seed=1), decided(classes=5), nn.Flatten()):
        with pytest.raises(ArtifactError, match=r"holds the run of another model.*fingerprint"):
            open_run(folder, model=model, images=squares(60))


def test_another_normalisation_is_said(decided, folder, new_study, squares):
    with pytest.raises(ArtifactError, match=r"with mean \[0.20.*but this study has \[0.0\]"):
        keep_in(new_study(decided(), squares(60)), folder)


def test_a_model_that_has_changed_spoils_nothing(opened, folder):
    before = (folder / "cladec.safetensors").read_bytes()
    with torch.no_grad():
        opened.model.logits.bias += 1
    with pytest.raises(ArtifactError, match="a model that has changed since"):
        keep(opened.explainers["cladec"])
    assert (folder / "cladec.safetensors").read_bytes() == before


# --- damage --------------------------------------------------------------------------------------------------------


def test_all_files_that_cannot_be_used_are_named(everything, folder, decided, squares):
    whole = (folder / "cae.safetensors").read_bytes()
    (folder / "cae.safetensors").write_bytes(whole[: len(whole) // 2])
    (folder / "srae-conv1.safetensors").write_bytes(b"")
    artifact.save(folder / "cladec", "cladec", {}, {"model": everything.fingerprint})
    artifact.save(folder / "inversion", "inversion", {}, {"model": everything.fingerprint})
    with pytest.raises(ArtifactError) as refused:
        open_run(folder, model=decided(), images=squares(60))
    said = str(refused.value)
    for name in (
        "cae.safetensors cannot be read: it is truncated",
        "srae-conv1.safetensors cannot be read: it is empty",
    ):
        assert name in said
    assert said.count("does not hold what its description says") == 2
    assert "remove the file from the folder" in said


def test_files_of_others_are_let_be(everything, folder, decided, squares):
    save_file({"w": torch.zeros(2)}, folder / "weights.safetensors")
    artifact.save(folder / "classifier", "classifier", {}, {})
    (folder / "notes.txt").write_text("mine")
    assert set(open_run(folder, model=decided(), images=squares(60)).explainers) == set(everything.explainers)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "truncated or damaged"),
        ('{"format": "xai_wid', "truncated or damaged"),
        ("[]", "was not written by xai_widgets"),
        ('{"format": "other", "format_version": 1}', "was not written by xai_widgets"),
        ('{"format": "xai_widgets run", "format_version": 1}', "is damaged"),
        ('{"format": "xai_widgets run", "format_version": 2}', "format version 2.*upgrade"),
    ],
)
def test_a_description_that_is_none_is_refused(tmp_path, net, text, said):
    (tmp_path / DESCRIPTION).write_text(text)
    with pytest.raises(ArtifactError, match=f"(?s){said}"):
        open_run(tmp_path, model=net())


def rewritten(folder, **changes):
    """Change a description, and give it the digest of what it says then."""
    said = json.loads((folder / DESCRIPTION).read_text()) | changes
    (folder / DESCRIPTION).write_text(json.dumps(signed({name: one for name, one in said.items() if name != "sha256"})))


DIGITS = {"kind": "xai_widgets.data.digits.Digits", "count": 3, "check": "", "options": {"size": [32, 32]}}
BIRDS = {"kind": "xai_widgets.data.bird_pictures.BirdPictures", "count": 3, "check": "", "options": {}}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("class_names", "x"), ("class_names", [3]), ("images", "x"), ("batch_size", "x"), ("batch_size", 10**12),
     ("batch_size", 0), ("batch_size", True), ("mean", ["x"]), ("mean", [1e9]), ("std", [0]), ("std", [-1.0]),
     ("seed", -1), ("seed", 2**64), ("seed", 1.5), ("shape", [3, 16]), ("shape", [3, 10**6, 16]), ("name", None),
     ("fingerprint", 5), ("scores", "odds"), ("scores", None), ("model", []), ("images", {}), ("images", None),
     ("test", []),
     ("images", DIGITS | {"options": []}), ("images", DIGITS | {"options": {"size": []}}),
     ("images", DIGITS | {"options": {"size": [10**6, 10**6]}}), ("images", BIRDS | {"count": 10**12}),
     ("images", BIRDS | {"count": "many"}), ("images", BIRDS | {"kind": None})],
)  # fmt: skip
def test_a_wrong_entry_is_refused(folder, decided, squares, name, wrong):
    rewritten(folder, **{name: wrong})
    with pytest.raises(ArtifactError, match=r"run\.json is damaged \("):
        open_run(folder, model=decided(), images=squares(60))


@pytest.mark.parametrize(
    "options", [{"species": 10**9}, {"size": [5000, 5000]}, {"noise": -1}, {"first": -1}, {"colour": 1}, {"cheat": 2}]
)
def test_pictures_that_nobody_can_draw_are_refused(folder, decided, options):
    rewritten(folder, images=BIRDS | {"options": options})
    with pytest.raises(ArtifactError, match=r"the pictures cannot be opened again|run\.json is damaged"):
        open_run(folder, model=decided())


def test_a_description_that_was_changed_by_hand_is_refused(folder, decided, squares):
    text = (folder / DESCRIPTION).read_text()
    for old, new in (
        ('"batch_size": 64', '"batch_size": 65'),
        ('"sha256": "', '"sha256": "0'),
        ('"seed": 0', '"seed": 1'),
    ):
        assert old in text
        (folder / DESCRIPTION).write_text(text.replace(old, new))
        with pytest.raises(ArtifactError, match=r"run\.json is damaged \(its digest differs\)"):
            open_run(folder, model=decided(), images=squares(60))


def test_no_flipped_bit_of_a_description_goes_unnoticed(folder):
    whole, kept = (folder / DESCRIPTION).read_bytes(), Run.read(folder)
    dice = random.Random(3)  # noqa: S311  (no secrets)
    for _ in range(500):
        at = dice.randrange(len(whole))
        (folder / DESCRIPTION).write_bytes(whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1 :])
        with suppress(ArtifactError):
            assert Run.read(folder) == kept


@pytest.mark.parametrize("key", ["cladec", "srae-conv1"])
def test_an_explainers_file_that_is_none_any_more_is_refused(folder, decided, squares, key):
    save_file({"w": torch.zeros(2)}, folder / f"{key}.safetensors")
    with pytest.raises(ArtifactError, match=f"{key}.safetensors was not written by xai_widgets"):
        open_run(folder, model=decided(), images=squares(60))


def test_a_folder_without_a_run_is_refused(tmp_path, net):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ArtifactError, match=r"holds no run: it lacks run\.json"):
            open_run(folder, model=net())


def test_what_cannot_be_written_is_said_and_spoils_nothing(opened, folder, monkeypatch):
    before = (folder / "cladec.safetensors").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xai_widgets.files._write", full)
    with pytest.raises(ArtifactError, match="No space left on device"):
        keep(opened.explainers["cladec"])
    assert (folder / "cladec.safetensors").read_bytes() == before
    assert not list(folder.glob(".*"))


def test_scores_are_kept_and_those_of_another_kind_refused(new_study, decided, squares, tmp_path):
    keep_in(new_study(decided(), squares(60), scores="sigmoid"), tmp_path)
    assert open_run(tmp_path, model=decided(), images=squares(60)).scores.name == "sigmoid"
    with pytest.raises(ArtifactError, match="a run with scores 'sigmoid', but this study has 'softmax'"):
        keep_in(new_study(decided(), squares(60)), tmp_path)
