"""``xai-widgets explain``: which explainer is meant, what it writes, and what is refused."""

from __future__ import annotations

import json
import shlex

import pytest

import xai_widgets as xw
from xai_widgets.cli import main as cli
from xai_widgets.cli.models import load_model

for name in ("pyarrow", "datasets"):
    pytest.importorskip(name, reason='pip install -e ".[scale]"')


@pytest.fixture
def explain(here, capsys):
    """Runs the command on a run without fits; what it ends with, what it said, and what it complained about."""
    study = xw.Study(load_model("mymodels:make"), xw.folder("pictures"), class_names=["<script>", "b"])
    xw.keep_in(study, "mine", model="mymodels:make")

    def explain(line):
        capsys.readouterr()
        code = cli.main(["explain", *shlex.split(f"{line} --run mine --model mymodels:make")])
        said = capsys.readouterr()
        return code, said.out, said.err

    return explain


def test_a_folder_is_explained_and_continued(explain, here):
    (here / "pictures" / "b" / "broken.png").write_bytes(b"nothing")
    for _ in range(2):
        code, said, complained = explain("masks --images pictures --out out --shard 8 --batch 4")
        assert code == 0, complained
        assert "Explained 24 of 25 pictures in out." in said
        assert "1 failed, such as b/broken.png: b/broken.png cannot be read" in said
        assert 'xw.Browser("out")' in said
    found = xw.Explanations.open("out")
    assert found.manifest["method"] == "summaries"
    assert found.table(["label"])["label"].to_pylist()[:12] == [0] * 12


def test_a_data_set_of_fiftyone_is_written_too(explain, here):
    code, said, complained = explain("masks --images pictures --out out --shard 8 --batch 4 --fiftyone set")
    assert code == 0, complained
    assert "FiftyOne can open 24 of them in set." in said
    assert len(json.loads((here / "set" / "samples.json").read_text())["samples"]) == 24
    code, _, complained = explain("masks --images pictures --out out --shard 8 --batch 4 --fiftyone out")
    assert (code, "out exists already; give the name of a new folder" in complained) == (2, True)


def test_without_images_the_unseen_pictures_of_the_run(explain):
    code, _, complained = explain("inversion --out out")
    assert code == 0, complained
    assert len(xw.Explanations.open("out")) == 4  # a fifth of 24


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "cladec --out out",
            "mine holds no fitted cladec (it holds none); run xai-widgets fit cladec --out mine first",
        ),
        ("counterfactual --out out", "mine holds no fitted cae"),
        ("cladec-paper --out out", "mine holds no fitted cladec-paper"),
        ("inversions --out out", "there is no method 'inversions'"),
        ("inversion --out pictures", "holds something else"),
        ("inversion --images nowhere --out out", "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_said(explain, line, said):
    code, _, complained = explain(line)
    assert code == 2
    assert said in complained
