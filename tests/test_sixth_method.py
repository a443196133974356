"""The code of "Add a method" is a whole method: it appears everywhere, and nothing else has to be changed for it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import xai_widgets as xw
from xai_widgets.cli.main import main
from xai_widgets.demos import demo
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.progress import Progress
from xai_widgets.runs.keeping import keep, keep_in, open_run
from xai_widgets.scores.exam import EXAMS
from xai_widgets.widgets.workbench.catalogue import VIEWS

HOW_TO = Path(__file__).parents[1] / "docs" / "howto" / "add_a_method.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", HOW_TO.read_text(encoding="utf-8"), re.S | re.M)


def lines_of_code(block: str) -> int:
    return len([line for line in block.splitlines() if line.strip() and not line.startswith(("from ", "import "))])


@pytest.fixture(scope="module")
def occlusion() -> Any:
    """The names that the page defines, its method registered while the tests of this module run."""
    module = sys.modules["occlusion"] = ModuleType("occlusion")
    exec("\n".join(BLOCKS), vars(module))  # noqa: S102  (the page's own code)
    yield module
    del sys.modules["occlusion"]
    for registry in (EXPLAINERS, EXAMS, VIEWS):
        registry.remove("occlusion")


def test_each_part_is_short() -> None:
    assert len(BLOCKS) == 4
    assert max(map(lines_of_code, BLOCKS)) < 60
    assert lines_of_code(BLOCKS[-1]) == 3


def test_it_is_right(occlusion: Any, squares: Any, columns: Any) -> None:
    study = xw.Study(columns(), squares(40))
    found = occlusion.Occlusion(study).fit(progress=Progress()).explain(study.test[0][0])
    row, column = divmod(int(found.loss[0].argmax()), 4)
    assert (row, column) == (1, study.test[0][1])  # where the square is


def test_it_is_kept_in_a_run_and_found_again(occlusion: Any, squares: Any, columns: Any, tmp_path: Path) -> None:
    model, pictures = columns(), squares(40)
    study = keep_in(xw.Study(model, pictures), tmp_path)
    keep(occlusion.Occlusion(study, cells=2).fit(progress=Progress()))
    again = open_run(tmp_path, model=model, images=pictures).explainers["occlusion"]
    assert again.cells == 2
    assert torch.equal(again.explain(pictures[0][0]).loss, study.explainers["occlusion"].explain(pictures[0][0]).loss)


def test_the_command_line_fits_it(occlusion: Any, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (16, 16), (80 * i, 90, 100)).save(tmp_path / "pictures" / name / f"{i}.png")
    module = SimpleNamespace(make=lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 2)))
    monkeypatch.setitem(sys.modules, "tiny_models", module)
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "occlusion", "--model", "tiny_models:make", "--images", "pictures", "--out", "run"]) == 0
    assert "Covered with the mean colour" in capsys.readouterr().out
    assert (tmp_path / "run" / "occlusion.safetensors").is_file()


def test_the_command_line_examines_it(occlusion: Any, capsys: Any) -> None:
    assert main(["exam", "--method", "occlusion", "--json", "-"]) == 0
    measure = json.loads(capsys.readouterr().out)["measures"]["on_the_bird"]
    assert measure["value"] > measure["chance"]


def test_the_workbench_has_a_tab_for_it(occlusion: Any) -> None:
    workbench = xw.Workbench(demo(), view="occlusion")
    (explorer,) = workbench.apps["occlusion"]
    assert workbench.tabs.labels[-1][0] == "Occlusion"
    assert explorer.picture == workbench.picture
    workbench.picture = workbench.study.pool.indices[3]
    assert explorer.picture == workbench.study.pool.indices[3]
    assert (workbench.last_error, explorer.last_error) == (None, None)
    assert "takes" in explorer.page()
    workbench.close()
